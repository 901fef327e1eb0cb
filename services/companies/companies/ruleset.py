"""The rule set: who counts as an SME, every ceiling, excluded legal form, presumption and sentence.

It is read from `data/sme-2026.1.json`; a new edition is a new file.
"""

from importlib.resources import files
from typing import Final, Literal, TypeAlias

import msgspec

SmeCategory: TypeAlias = Literal["micro", "petite", "moyenne", "hors_pme", "inconnu"]


class SizeClass(msgspec.Struct, frozen=True, gc=False):
    """A size class: strictly below `headcount`, and turnover or balance sheet total at most at its ceiling."""

    name: SmeCategory
    headcount: int
    turnover_cents: int
    balance_sheet_cents: int


class Ruleset(msgspec.Struct, frozen=True, gc=False):
    """One edition of the rule set.

    Attributes:
        version: name of the edition, kept with every result.
        source: where it comes from.
        classes: the size classes, smallest first.
        public_share_percent: from this share held by public bodies on, not an SME.
        presumed_below_headcount: without accounts and INSEE's category, an SME is presumed below this headcount.
        headcount_bands: INSEE band → its upper bound; its lower bound for the open last band.
        insee_categories: INSEE category → reason code of the exclusion, "" when it confirms an SME.
        legal_forms: prefix of the legal form → reason code of the exclusion; the longest prefix wins.
        naf_divisions: NAF division → reason code of the exclusion.
        reasons: reason code → French sentence.
    """

    version: str
    source: str
    classes: tuple[SizeClass, ...]
    public_share_percent: float
    presumed_below_headcount: int
    headcount_bands: dict[str, int]
    insee_categories: dict[str, str]
    legal_forms: dict[str, str]
    naf_divisions: dict[str, str]
    reasons: dict[str, str]


RULESET: Final = msgspec.json.decode((files("companies") / "data" / "sme-2026.1.json").read_bytes(), type=Ruleset)
