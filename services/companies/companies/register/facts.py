"""Raw values to a `RegisterCompany`: what every door goes through. Blank means "not given"."""

from datetime import date, datetime
from functools import lru_cache
from typing import Final

from companies.register.inputs import Accounts, RegisterCompany, Source
from companies.ruleset import RULESET
from france.geography import (
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    is_abroad,
    known_departement,
)
from france.naf import NAF2025, REV2, naf_code
from france.siren import check_siren, check_siret, is_siren, is_siret
from france.typography import one_line

WITHHELD: Final = "[ND]"
"""What INSEE writes in place of a value it may not publish."""

NAME_LENGTH: Final = 300
_LEGAL_FORM_DIGITS: Final = 4


class Unusable(ValueError):
    """A value that makes a record unusable; `field` names it as the doors do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def observation_of(
    *,
    siren: str | None,
    siret: str,
    name: str,
    naf: str,
    nomenclature: str,
    legal_form: str,
    headcount_code: str,
    insee_category: str,
    commune: str,
    postal_code: str,
    departement: str,
    created_on: date | None,
    active: bool,
    diffusible: bool,
    source: Source,
    observed_at: datetime,
    accounts: Accounts | None = None,
) -> RegisterCompany:
    """Check and normalise what a source says of a company; a SIREN of None is that of the SIRET.

    Raises:
        Unusable: an identifier is not valid, or a code is none of its list.
    """
    if siren is not None and not is_siren(siren):
        siren, reason = check_siren(siren)
        if reason:
            raise Unusable("siren", reason)
    if not is_siret(siret):
        siret, reason = check_siret(siret)
        if reason:
            raise Unusable("siret", reason)
    if siren is None:
        siren = siret[:9]
    elif siren != siret[:9]:
        raise Unusable("siret", f"le SIRET {siret} n'appartient pas au SIREN {siren}")
    code, in_list = _activity(naf, nomenclature)
    commune, departement = _place(commune, postal_code, departement)
    return RegisterCompany(
        siren,
        siret,
        public_name(name) if diffusible else None,
        code,
        in_list,
        _legal_form(legal_form),
        _one_of("headcount_code", headcount_code, RULESET.headcount_bands),
        _one_of("insee_category", insee_category, RULESET.insee_categories),
        commune,
        departement,
        created_on,
        active,
        diffusible,
        source,
        observed_at,
        accounts,
    )


def public_name(raw: str) -> str | None:
    """A name on one line, without control characters, at most `NAME_LENGTH` long; None when there is none."""
    if not raw or raw == WITHHELD:
        return None
    return one_line(raw)[:NAME_LENGTH] or None


@lru_cache(maxsize=8192)
def _activity(naf: str, nomenclature: str) -> tuple[str, str]:
    """Code and list. Codes of lists that are no longer in use (before 2008) say nothing today: not given."""
    if naf and naf != WITHHELD:
        in_list = nomenclature or REV2
        if in_list not in {REV2, NAF2025}:
            return "", ""
        code = naf_code(naf)
        if not code:
            raise Unusable("naf", f"code NAF attendu (62.01Z), reçu « {naf[:40]} »")
        return code, in_list
    return "", ""


@lru_cache(maxsize=65536)
def _place(commune: str, postal_code: str, departement: str) -> tuple[str, str]:
    """Commune and département: by the commune, else by the postal code, else as given."""
    if not commune or commune == WITHHELD:
        commune = commune_of_postal_code(postal_code)
    if commune:
        found = departement_of_commune(commune)
        if not found and not is_abroad(commune):
            raise Unusable("commune", f"code commune Insee attendu (75102), reçu « {commune[:40]} »")
        return commune, found
    return "", departement_of_postal_code(postal_code) or known_departement(departement)


@lru_cache(maxsize=1024)
def _legal_form(raw: str) -> str:
    if not raw or raw == WITHHELD:
        return ""
    if len(raw) == _LEGAL_FORM_DIGITS and raw.isascii() and raw.isdigit():
        return raw
    raise Unusable("legal_form", f"catégorie juridique à 4 chiffres attendue, reçu « {raw[:40]} »")


def _one_of(field: str, raw: str, known: dict[str, int] | dict[str, str]) -> str:
    if not raw or raw in known:
        return raw
    if raw == WITHHELD:
        return ""
    raise Unusable(field, f"valeurs possibles: {', '.join(known)}; reçu « {raw[:40]} »")
