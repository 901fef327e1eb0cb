"""The rules, pure: (state, pools, message) → decision. Time is the message's, ids derive from it."""

from typing import Final

from msgspec.structs import replace

from common.declare.decision import Decision, Refusal
from common.declare.message import Message
from common.declare.pool import Pools
from NAME.AGGREGATE.inputs import CompanyRegistered, Note
from NAME.AGGREGATE.model import Entry, NoteAnswer, Wish
from NAME.events import CLASSNoted

UNKNOWN: Final = Refusal(
    "illegal", "entreprise_inconnue", "Entreprise inconnue", "Le registre ne connaît pas encore cette entreprise.", "siren"
)


def registered(state: Entry, _: Pools, message: Message[CompanyRegistered]) -> Decision[Entry]:
    """Remember that the company exists, and where."""
    return Decision(replace(state, region=message.input.company.region))


def noted(state: Entry, _: Pools, message: Message[Note]) -> Decision[Entry]:
    """Keep a wish; the same one again gets the same answer and changes nothing."""
    if state.region is None:
        return Decision(state, answer=UNKNOWN)
    wish = message.input.wish
    if wish in state.wishes:
        return Decision(state, answer=NoteAnswer(state.siren, state.wishes))
    after = replace(state, wishes=(*state.wishes, wish))
    event = CLASSNoted(siren=state.siren, wish=wish, region=state.region)
    return Decision(after, (event,), rows=(Wish(state.siren, wish),), answer=NoteAnswer(state.siren, after.wishes))
