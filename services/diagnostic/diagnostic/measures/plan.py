"""The plan: which of the measures that the answers call for to propose, in which order.

A measure is called for by each item not done. The plan takes the best effect/effort first, a few per dimension; while
the score of data and security is low, the open points of security come before everything.
"""

from typing import Final, NamedTuple

from diagnostic.measures.table import TABLE, PlannedMeasure
from diagnostic.questionnaire.forms import COMPLET, UNKNOWN
from diagnostic.ruleset import RULESET
from diagnostic.scoring.parts import fewest
from diagnostic.scoring.scores import WHOLE


class _Line(NamedTuple):
    """What choosing needs of a measure."""

    position: int
    dimension: str
    order: int
    entry: PlannedMeasure


_LINES: Final = tuple(_Line(e.position, e.measure.dimension, order, e) for order, e in enumerate(TABLE))
_BY_RANK: Final = tuple(
    tuple(line for line in _LINES if line.entry.rank == rank) for rank in sorted({entry.rank for entry in TABLE})
)
"""The measures of equal merit together, best first."""

_URGENT: Final = tuple(
    line for lines in _BY_RANK for line in lines if line.entry.question == RULESET.plan.urgent_question
)
_OTHERS: Final = tuple(tuple(line for line in lines if line not in _URGENT) for lines in _BY_RANK)
"""`_BY_RANK` without the urgent measures."""

_URGENT_BELOW: Final = fewest(RULESET.plan.urgent_below, 100, WHOLE)

_ROOM: Final = {dimension.id: RULESET.plan.per_dimension for dimension in COMPLET.dimensions}
_BY_SPEND: Final = tuple(
    (category, tuple(line.position for line in _LINES if category in line.entry.measure.spend_categories))
    for category in sorted({category for entry in TABLE for category in entry.measure.spend_categories})
)


def _calling(highest: int) -> bytes:
    """Translation of codes to 1 where an item calls for its measure, because its level is at most `highest`, else 0."""
    return bytes(ord("0") <= code <= ord("0") + highest for code in range(256))


_USUAL: Final = _calling(0)
_SPECIAL: Final = tuple(
    (question.span, _calling(highest))
    for question in COMPLET.questions
    if (highest := RULESET.plan.triggers[question.kind])
)
"""The questions whose items call for their measure at another level than 0."""

_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")
_HEXADECIMALS: Final = -(-(COMPLET.size + len(COMPLET.questions)) // 4)
_NOTHING_UNKNOWN: Final = bytes(len(COMPLET.questions))


def calls_of(sheet: str) -> bytes:
    """What the answers call for, as a 1 or a 0 for each measure at its position.

    First those of the items, as in the sheet; then those that clarify a question, where an item of it is unknown.
    """
    codes = sheet.encode("ascii")
    calls = codes.translate(_USUAL)
    for span, calling in _SPECIAL:
        calls = calls[: span.start] + codes[span].translate(calling) + calls[span.stop :]
    if UNKNOWN not in sheet:
        return calls + _NOTHING_UNKNOWN
    return calls + bytes([UNKNOWN in sheet[question.span] for question in COMPLET.questions])


def packed(calls: bytes) -> str:
    """What the answers call for in hexadecimal, one bit a position of `calls_of`, the first one the highest."""
    return f"{int(calls.translate(_DIGITS), 2):0{_HEXADECIMALS}x}"


def triggered(calls: bytes) -> tuple[PlannedMeasure, ...]:
    """Every measure the answers call for, in the order of the questionnaire."""
    return tuple([line.entry for line in _LINES if calls[line.position]])


def plan(calls: bytes, parts: dict[str, int]) -> tuple[PlannedMeasure, ...]:
    """The measures to propose, in order; `parts` are those of each dimension (see `scoring.scores.Result`).

    The urgent ones first, all of them, if their dimension is low. Then the best effect/effort, then priority, then the
    weakest dimension, then the order of the questionnaire; a dimension that has its share leaves room to the others.
    """
    rules = RULESET.plan
    room = _ROOM.copy()
    chosen: list[PlannedMeasure] = []
    ranks = _BY_RANK
    if parts[rules.urgent_dimension] < _URGENT_BELOW:
        chosen = [line.entry for line in _URGENT if calls[line.position]][: rules.size]
        room[rules.urgent_dimension] -= len(chosen)
        ranks = _OTHERS
    for equals in ranks:
        if len(chosen) == rules.size:
            break
        fitting = [
            (parts[dimension], order, dimension, entry)
            for position, dimension, order, entry in equals
            if calls[position] and room[dimension] > 0
        ]
        fitting.sort()
        for _, _, dimension, entry in fitting:
            if room[dimension] > 0 and len(chosen) < rules.size:
                chosen.append(entry)
                room[dimension] -= 1
    return tuple(chosen)


def spend_categories(calls: bytes) -> tuple[str, ...]:
    """The categories of spending that any measure called for would open, sorted."""
    found: list[str] = []
    for category, positions in _BY_SPEND:
        for position in positions:
            if calls[position]:
                found.append(category)
                break
    return tuple(found)
