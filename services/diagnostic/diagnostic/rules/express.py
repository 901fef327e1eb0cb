"""The express form: points, band, and what it already tells the full form."""

from typing import Final, NamedTuple

from diagnostic.model import ExpressBandName
from diagnostic.rules.questionnaire import COMPLET, EXPRESS, WORDS
from diagnostic.rules.ruleset import RULES, band_of


class ExpressResult(NamedTuple):
    """The outcome of an express form.

    Attributes:
        points: 0-12, one a yes.
        band: tres_faible, faible, eleve or tres_eleve.
        basic: the basic level of digital intensity is reached.
    """

    points: int
    band: ExpressBandName
    basic: bool


_ITEMS: Final = EXPRESS.questions[0]
_POSITIONS: Final = {item: index for index, item in enumerate(_ITEMS.items)}
_PREFILL: Final = tuple(
    (
        _POSITIONS[item],
        WORDS[_ITEMS.kind][answer],
        COMPLET.by_id[question].start + list(COMPLET.by_id[question].items).index(target),
        level,
    )
    for item, answer, question, target, level in RULES.express.prefill.items
)


def score_express(sheet: str) -> ExpressResult:
    """Count the points of a complete express sheet."""
    points = sheet.count("1")
    return ExpressResult(points, band_of(RULES.express.bands, points), points >= RULES.express.basic_from)


def prefill(sheet: str, base: str) -> str:
    """A full-form sheet with what follows for sure from an express sheet; the rest stays as in `base`."""
    codes = list(base)
    for position, answer, target, level in _PREFILL:
        if sheet[position] == answer:
            codes[target] = level
    return "".join(codes)
