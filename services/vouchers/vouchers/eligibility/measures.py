"""The measures a diagnosis may call for, as `data/measures.json` lists them for each referential.

The service that owns a referential publishes which of its measures a diagnosis calls for as one bit a measure, in the
order of the list. `tests/contracts` holds the list against the referential.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec


class Known(NamedTuple):
    """A measure of a referential.

    Attributes:
        bit: which bit of the called measures is its own.
        spend_categories: spend that carries it out; none: the questionnaire has the item, but no measure for it.
    """

    bit: int
    spend_categories: tuple[str, ...]


def _read() -> Mapping[str, Mapping[str, Known]]:
    document = (files("vouchers") / "data" / "measures.json").read_bytes()
    listed = msgspec.json.decode(document, type=dict[str, list[tuple[str, ...]]])
    return {referential: _numbered(rows) for referential, rows in listed.items()}


def _numbered(rows: list[tuple[str, ...]]) -> Mapping[str, Known]:
    """The measures of a referential by name; the first of the list has the highest bit."""
    return {row[0]: Known(len(rows) - place, row[1:]) for place, row in enumerate(rows, 1)}


REFERENTIALS: Final = _read()
"""Referential → name of a measure → measure."""


def called(referential: str, measures: str, name: str) -> tuple[str, ...]:
    """The spend that a measure leads to, if the diagnosis calls for it; else none.

    Args:
        referential: one of `REFERENTIALS`.
        measures: `DiagnosticCompleted.called_measures`.
        name: of the measure.
    """
    known = REFERENTIALS[referential].get(name)
    return known.spend_categories if known is not None and int(measures, 16) >> known.bit & 1 else ()
