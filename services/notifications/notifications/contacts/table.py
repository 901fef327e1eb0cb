"""The table of contacts: what can be asked, with the rule that decides it."""

from typing import Final

from common.declare.aggregate import Aggregate, Nothing, nothing, on
from notifications.contacts.inputs import EraseContact, SaveContact, Unsubscribe
from notifications.contacts.rules import erase, save, unsubscribe

CONTACTS: Final[Aggregate[Nothing]] = Aggregate(
    "contacts",
    Nothing,
    nothing,
    (
        on(SaveContact, save),
        on(EraseContact, erase),
        on(Unsubscribe, unsubscribe),
    ),
)
