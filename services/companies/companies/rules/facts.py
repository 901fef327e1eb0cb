"""Raw values to a `RegisterCompany`: what every door and file shape goes through. Blank means "not given"."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from companies.inputs import Figures, RegisterCompany, Source
from companies.rules import activity
from companies.rules.sme import RULES
from france.days import PARIS
from france.geography import (
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    is_abroad,
    known_departement,
)
from france.siren import check_siren, check_siret, is_siren, is_siret

WITHHELD: Final = "[ND]"
"""What INSEE writes in place of a value it may not publish."""

UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Version of an observation whose source gives none: anything dated is newer."""

NAME_LENGTH: Final = 300
_LEGAL_FORM_DIGITS: Final = 4


class Unusable(ValueError):
    """A value that makes a record unusable; `field` names it in the words of its source."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a source calls its fields, for messages."""

    siren: str = "siren"
    siret: str = "siret"
    naf: str = "naf"
    legal_form: str = "legal_form"
    headcount_code: str = "headcount_code"
    insee_category: str = "insee_category"
    commune: str = "commune"


def company_of(
    names: Names,
    *,
    siren: str | None,
    siret: str,
    name: str,
    naf: str,
    nomenclature: str,
    naf_2025: str,
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
    figures: Figures | None = None,
) -> RegisterCompany:
    """Check and normalise what a source says of a company; a SIREN of None is that of the SIRET.

    Raises:
        Unusable: an identifier is not valid, or a code is none of its list.
    """
    if siren is not None and not is_siren(siren):
        siren = siren_of(names.siren, siren)
    if not is_siret(siret):
        siret, reason = check_siret(siret)
        if reason:
            raise Unusable(names.siret, reason)
    if siren is None:
        siren = siret[:9]
    elif siren != siret[:9]:
        raise Unusable(names.siret, f"le SIRET {siret} n'appartient pas au SIREN {siren}")
    code, in_list = _activity(names.naf, naf, nomenclature, naf_2025)
    commune, departement = _place(names.commune, commune, postal_code, departement)
    return RegisterCompany(
        siren,
        siret,
        public_name(name) if diffusible else None,
        code,
        in_list,
        _legal_form(names.legal_form, legal_form),
        _one_of(names.headcount_code, headcount_code, RULES.headcount_bands),
        _one_of(names.insee_category, insee_category, RULES.insee_categories),
        commune,
        departement,
        created_on,
        active,
        diffusible,
        source,
        observed_at,
        figures,
    )


def siren_of(field: str, raw: str) -> str:
    """A checked SIREN.

    Raises:
        Unusable: it is not valid.
    """
    if is_siren(raw):
        return raw
    digits, reason = check_siren(raw)
    if reason:
        raise Unusable(field, reason)
    return digits


def public_name(raw: str) -> str | None:
    """A name on one line, without control characters, at most `NAME_LENGTH` long; None when there is none."""
    if not raw or raw == WITHHELD:
        return None
    if not raw.isprintable() or "  " in raw or raw[0] == " " or raw[-1] == " ":
        raw = " ".join("".join(c if c.isprintable() else " " for c in raw).split())
    return raw[:NAME_LENGTH] or None


@lru_cache(maxsize=65536)
def day(field: str, raw: str) -> date | None:
    """A date `2017-05-24`; None when not given.

    Raises:
        Unusable: it is not a date.
    """
    if not raw or raw == WITHHELD:
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise Unusable(field, f"date attendue (AAAA-MM-JJ), reçu « {raw[:40]} »") from None


@lru_cache(maxsize=65536)
def instant(field: str, raw: str) -> datetime:
    """An instant as INSEE writes it, in Paris time when no offset is given; `UNDATED` when not given.

    Raises:
        Unusable: it is not a date and time.
    """
    if not raw:
        return UNDATED
    try:
        parsed = datetime.fromisoformat(raw)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=PARIS)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unusable(field, f"date et heure attendues (AAAA-MM-JJTHH:MM:SS), reçu « {raw[:40]} »") from None


def is_active(field: str, raw: str) -> bool:
    """The administrative state of a legal unit: A active, C ceased (F closed, as one API says).

    Raises:
        Unusable: it is none of these.
    """
    if raw == "A":
        return True
    if raw in {"C", "F"}:
        return False
    raise Unusable(field, f"A ou C attendu, reçu « {raw[:40]} »")


def is_diffusible(field: str, raw: str) -> bool:
    """The diffusion status: O open; P, or N in older files, withheld.

    Raises:
        Unusable: it is none of these: without it nothing says that the name may be published.
    """
    if raw == "O":
        return True
    if raw in {"P", "N"}:
        return False
    raise Unusable(field, f"O, P ou N attendu, reçu « {raw[:40]} »")


@lru_cache(maxsize=8192)
def _activity(field: str, naf: str, nomenclature: str, naf_2025: str) -> tuple[str, str]:
    """Code and list. Codes of lists that are no longer in use (before 2008) say nothing today: not given."""
    if naf and naf != WITHHELD:
        in_list = nomenclature or activity.REV2
        if in_list not in {activity.REV2, activity.NAF2025}:
            return "", ""
        code = activity.naf_code(naf)
        if not code:
            raise Unusable(field, f"code NAF attendu (62.01Z), reçu « {naf[:40]} »")
        return code, in_list
    if naf_2025 and naf_2025 != WITHHELD:
        code = activity.naf_code(naf_2025)
        if code:
            return code, activity.NAF2025
    return "", ""


@lru_cache(maxsize=65536)
def _place(field: str, commune: str, postal_code: str, departement: str) -> tuple[str, str]:
    """Commune and département: by the commune, else by the postal code, else as given."""
    if not commune or commune == WITHHELD:
        commune = commune_of_postal_code(postal_code)
    if commune:
        found = departement_of_commune(commune)
        if not found and not is_abroad(commune):
            raise Unusable(field, f"code commune Insee attendu (75102), reçu « {commune[:40]} »")
        return commune, found
    return "", departement_of_postal_code(postal_code) or known_departement(departement)


@lru_cache(maxsize=1024)
def _legal_form(field: str, raw: str) -> str:
    if not raw or raw == WITHHELD:
        return ""
    if len(raw) == _LEGAL_FORM_DIGITS and raw.isascii() and raw.isdigit():
        return raw
    raise Unusable(field, f"catégorie juridique à 4 chiffres attendue, reçu « {raw[:40]} »")


def _one_of(field: str, raw: str, known: dict[str, int] | dict[str, str]) -> str:
    if not raw or raw in known:
        return raw
    if raw == WITHHELD:
        return ""
    raise Unusable(field, f"valeurs possibles: {', '.join(known)}; reçu « {raw[:40]} »")
