"""Who is an SME: Recommendation 2003/361/EC as far as SIRENE and declared accounts tell, always with the reasons."""

from functools import lru_cache
from typing import NamedTuple

from companies.register.inputs import Accounts, RegisterCompany
from companies.ruleset import RULESET, Ruleset, SizeClass, SmeCategory


class SmeClass(NamedTuple):
    """The class of a company and the codes of the reasons, most important first."""

    category: SmeCategory
    codes: tuple[str, ...]


def classer_pme(facts: RegisterCompany, ruleset: Ruleset = RULESET) -> SmeClass:
    """The SME class of a company with the reasons.

    `hors_pme` lists everything that excludes it; `inconnu` names the missing data; a presumption is said to be one.
    Declared accounts are taken as those of the group: SIRENE knows neither shareholders nor accounts.
    """
    codes = Codes(
        facts.active, facts.diffusible, facts.legal_form, facts.headcount_code, facts.insee_category, facts.naf[:2]
    )
    if ruleset is RULESET and facts.accounts is None:
        return _without_accounts(codes)
    return _classify(ruleset, codes, facts.accounts or Accounts())


@lru_cache(maxsize=4096)
def sentences(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons of `RULESET` as French sentences."""
    return tuple(RULESET.reasons.get(code, code) for code in codes)


class Codes(NamedTuple):
    """What SIRENE tells that the class depends on."""

    active: bool
    diffusible: bool
    legal_form: str
    headcount_code: str
    insee_category: str
    naf_division: str


@lru_cache(maxsize=32768)
def _without_accounts(codes: Codes) -> SmeClass:
    """Without declared accounts the class depends on a few codes: millions of companies share some thousand cases."""
    return _classify(RULESET, codes, Accounts())


def _classify(ruleset: Ruleset, codes: Codes, accounts: Accounts) -> SmeClass:
    largest = ruleset.classes[-1]
    confirmed = ruleset.insee_categories.get(codes.insee_category) == ""
    band = ruleset.headcount_bands.get(codes.headcount_code)
    headcount = band if accounts.headcount is None else accounts.headcount
    public = accounts.public_share_percent
    excluded = (
        "" if codes.active else "cessee",
        _by_prefix(ruleset.legal_forms, codes.legal_form),
        ruleset.naf_divisions.get(codes.naf_division, ""),
        ruleset.insee_categories.get(codes.insee_category, ""),
        "effectif_250" if headcount is not None and headcount >= largest.headcount else "",
        "controle_public" if public is not None and public >= ruleset.public_share_percent else "",
        "plafonds_depasses" if _within(accounts, largest) is False else "",
    )
    if any(excluded):
        return SmeClass("hors_pme", tuple(code for code in excluded if code))
    notes = () if codes.legal_form else ("forme_inconnue",)
    if headcount is None and not confirmed:
        return SmeClass("inconnu", ("effectif_inconnu", *(() if codes.diffusible else ("non_diffusible",)), *notes))
    if headcount is None:
        notes = ("effectif_presume", *notes)
    return _size(ruleset, headcount or 0, accounts, confirmed=confirmed, notes=notes)


def _size(
    ruleset: Ruleset, headcount: float, accounts: Accounts, *, confirmed: bool, notes: tuple[str, ...]
) -> SmeClass:
    """The smallest class that headcount and accounts certainly fit; without accounts, that of the headcount."""
    if accounts.turnover_cents is None and accounts.balance_sheet_cents is None:
        if not confirmed and headcount >= ruleset.presumed_below_headcount:
            return SmeClass("inconnu", ("chiffre_affaires_inconnu", "bilan_inconnu", *notes))
        by_headcount = next(size for size in ruleset.classes if headcount < size.headcount)
        return SmeClass(by_headcount.name, ("pme_insee" if confirmed else "figures_presumees", *notes))
    for size in ruleset.classes:
        if headcount < size.headcount and _within(accounts, size):
            return SmeClass(size.name, (*(("pme_insee",) if confirmed else ()), "figures_conformes", *notes))
    missing = "bilan_inconnu" if accounts.balance_sheet_cents is None else "chiffre_affaires_inconnu"
    return SmeClass("inconnu", (missing, *notes))


def _within(accounts: Accounts, size: SizeClass) -> bool | None:
    """Whether turnover or balance sheet total is at most at the ceiling; None when what is missing would decide."""
    turnover, balance = accounts.turnover_cents, accounts.balance_sheet_cents
    if (turnover is not None and turnover <= size.turnover_cents) or (
        balance is not None and balance <= size.balance_sheet_cents
    ):
        return True
    return None if turnover is None or balance is None else False


def _by_prefix(table: dict[str, str], code: str) -> str:
    """The entry of the longest prefix of `code`; "" when there is none."""
    while code and code not in table:
        code = code[:-1]
    return table.get(code, "")
