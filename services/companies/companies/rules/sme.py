"""Who is an SME: Recommendation 2003/361/EC as far as SIRENE and declared figures can tell, always with the reasons.

Every ceiling, excluded legal form and presumption stands in `data/sme-2026.1.json`; a new edition is a new file.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from companies.events import SmeCategory
from companies.inputs import Figures, RegisterCompany


class SizeClass(msgspec.Struct, frozen=True, gc=False):
    """A size class: strictly below `headcount`, and turnover or balance sheet total at most at its ceiling."""

    name: SmeCategory
    headcount: int
    turnover_cents: int
    balance_sheet_cents: int


class SmeRules(msgspec.Struct, frozen=True, gc=False):
    """One edition of the rules.

    Attributes:
        version: name of the edition, kept with every result.
        source: where the figures come from.
        classes: the size classes, smallest first.
        public_share_percent: from this share held by public bodies on, not an SME.
        presumed_below_headcount: without figures and without INSEE's category, an SME is presumed below this headcount.
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


RULES: Final = msgspec.json.decode((files("companies") / "data" / "sme-2026.1.json").read_bytes(), type=SmeRules)


class SmeClass(NamedTuple):
    """The class of a company and the codes of the reasons, most important first."""

    category: SmeCategory
    codes: tuple[str, ...]


def classer_pme(facts: RegisterCompany, rules: SmeRules = RULES) -> SmeClass:
    """The SME class of a company with the reasons.

    `hors_pme` lists everything that excludes it; `inconnu` names the missing data; a presumption is said to be one.
    Declared figures are taken as those of the group: SIRENE knows neither shareholders nor accounts.
    """
    codes = Codes(
        facts.active, facts.diffusible, facts.legal_form, facts.headcount_code, facts.insee_category, facts.naf[:2]
    )
    if rules is RULES and facts.figures is None:
        return _without_figures(codes)
    return _classify(rules, codes, facts.figures or Figures())


@lru_cache(maxsize=4096)
def sentences(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons of `RULES` as French sentences."""
    return tuple(RULES.reasons.get(code, code) for code in codes)


class Codes(NamedTuple):
    """What SIRENE tells that the class depends on."""

    active: bool
    diffusible: bool
    legal_form: str
    headcount_code: str
    insee_category: str
    naf_division: str


@lru_cache(maxsize=32768)
def _without_figures(codes: Codes) -> SmeClass:
    """Without declared figures the class depends on a few codes: millions of companies share some thousand cases."""
    return _classify(RULES, codes, Figures())


def _classify(rules: SmeRules, codes: Codes, figures: Figures) -> SmeClass:
    largest = rules.classes[-1]
    confirmed = rules.insee_categories.get(codes.insee_category) == ""
    band = rules.headcount_bands.get(codes.headcount_code)
    headcount = band if figures.headcount is None else figures.headcount
    excluded = (
        "" if codes.active else "cessee",
        _by_prefix(rules.legal_forms, codes.legal_form),
        rules.naf_divisions.get(codes.naf_division, ""),
        rules.insee_categories.get(codes.insee_category, ""),
        "effectif_250" if headcount is not None and headcount >= largest.headcount else "",
        "controle_public" if (figures.public_share_percent or 0) >= rules.public_share_percent else "",
        "plafonds_depasses" if _within(figures, largest) is False else "",
    )
    if any(excluded):
        return SmeClass("hors_pme", tuple(code for code in excluded if code))
    notes = () if codes.legal_form else ("forme_inconnue",)
    if headcount is None and not confirmed:
        return SmeClass("inconnu", ("effectif_inconnu", *(() if codes.diffusible else ("non_diffusible",)), *notes))
    if headcount is None:
        notes = ("effectif_presume", *notes)
    return _size(rules, headcount or 0, figures, confirmed=confirmed, notes=notes)


def _size(rules: SmeRules, headcount: float, figures: Figures, *, confirmed: bool, notes: tuple[str, ...]) -> SmeClass:
    """The smallest class that headcount and figures certainly fit; without figures, that of the headcount."""
    if figures.turnover_cents is None and figures.balance_sheet_cents is None:
        if not confirmed and headcount >= rules.presumed_below_headcount:
            return SmeClass("inconnu", ("chiffre_affaires_inconnu", "bilan_inconnu", *notes))
        by_headcount = next(size for size in rules.classes if headcount < size.headcount)
        return SmeClass(by_headcount.name, ("pme_insee" if confirmed else "figures_presumees", *notes))
    for size in rules.classes:
        if headcount < size.headcount and _within(figures, size):
            return SmeClass(size.name, (*(("pme_insee",) if confirmed else ()), "figures_conformes", *notes))
    missing = "bilan_inconnu" if figures.balance_sheet_cents is None else "chiffre_affaires_inconnu"
    return SmeClass("inconnu", (missing, *notes))


def _within(figures: Figures, size: SizeClass) -> bool | None:
    """Whether turnover or balance sheet total is at most at the ceiling; None when what is missing would decide."""
    turnover, balance = figures.turnover_cents, figures.balance_sheet_cents
    if (turnover is not None and turnover <= size.turnover_cents) or (
        balance is not None and balance <= size.balance_sheet_cents
    ):
        return True
    return None if turnover is None or balance is None else False


def _by_prefix(table: dict[str, str], code: str) -> str:
    """The entry of the longest prefix of `code`; "" when there is none."""
    for length in range(len(code), 0, -1):
        found = table.get(code[:length])
        if found is not None:
            return found
    return ""
