"""How a fact is told: its words, its category, whether it is a legal act. The rule of every fact."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from common.declare.aggregate import Nothing
from common.declare.decision import Decision
from common.declare.message import Message, trace_of
from common.declare.pool import Pools
from notifications.messages.inputs import Fact
from notifications.messages.model import MessageToSend

Category: TypeAlias = Literal["diagnostic", "accompagnement", "aides", "label", "cheque"]
"""What ordinary messages are about; a contact may mute any of them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """How one kind of fact is told; called as the rule of that fact.

    Attributes:
        template: name of the templates, and of the message in events and history.
        title: what it is, in a few French words, for the history and the subject of a digest.
        category: what it is about.
        legal: a legal act (proof of deposit, decision): sent at once, alone, whatever the preferences and limits.
        shared: the same words go to many companies, so they are kept once.
    """

    template: str
    title: str
    category: Category
    legal: bool = False
    shared: bool = False

    def __call__(self, state: Nothing, _: Pools, message: Message[Fact]) -> Decision[Nothing]:
        """One fact, one message to send."""
        fact = message.input
        told = (self.template, self.legal, fact, fact.deadline)
        row = MessageToSend(message.key, message.id, *told, message.region, self.shared, trace_of(message))
        return Decision(state, rows=(row,))
