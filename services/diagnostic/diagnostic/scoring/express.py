"""The express form: points, band, and what it already tells the full form."""

from typing import Final, NamedTuple

from diagnostic.questionnaire.forms import COMPLET, EXPRESS, WORDS
from diagnostic.ruleset import RULESET, band_of
from diagnostic.terms import ExpressBandName


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


(_ITEMS,) = EXPRESS.questions
_POSITIONS: Final = {item: index for index, item in enumerate(_ITEMS.items)}
_PREFILL: Final = tuple(
    (
        _POSITIONS[item],
        WORDS[_ITEMS.kind][answer],
        COMPLET.by_id[question].start + list(COMPLET.by_id[question].items).index(target),
        level,
    )
    for item, answer, question, target, level in RULESET.express.prefill.items
)


def score_express(sheet: str) -> ExpressResult:
    """Count the points of a complete express sheet."""
    points = sheet.count("1")
    return ExpressResult(points, band_of(RULESET.express.bands, points), points >= RULESET.express.basic_from)


def prefill(sheet: str, base: str) -> str:
    """A full-form sheet with what follows for sure from an express sheet; the rest stays as in `base`."""
    codes = list(base)
    for position, answer, target, level in _PREFILL:
        if sheet[position] == answer:
            codes[target] = level
    return "".join(codes)
