"""The table of contents: what comes in, and the rule that decides it."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from NAME.AGGREGATE.inputs import CompanyRegistered, Note
from NAME.AGGREGATE.model import Entry
from NAME.AGGREGATE.rules import noted, registered

TABLE: Final[Aggregate[Entry]] = Aggregate(
    "AGGREGATE",
    Entry,
    Entry,
    (
        on(CompanyRegistered, registered, of="companies"),
        on(Note, noted),
    ),
)
