"""Raw values to a `RegisterCompany`: what every door goes through. Blank means "not given".

A code that is in none of INSEE's lists is completed when there is one way to (`1000` is `01000`, a former commune is
the one it went up in), else refused with its field.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from companies.register.inputs import Accounts, RegisterCompany, Source
from companies.ruleset import RULESET
from france.geography import (
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    is_abroad,
    read_commune,
    read_departement,
    read_postal_code,
)
from france.legal_forms import legal_form as form_of_list
from france.naf import NAF2025, REV2, activity
from france.siren import check_siren, check_siret, is_siren, is_siret
from france.sirene import company_name, given

EARLIEST_CREATION: Final = date(1600, 1, 1)
"""The oldest companies of the register go back to the 17th century; an older date is a slip of the pen."""

CREATED_AHEAD: Final = timedelta(days=366)
"""INSEE registers units that will exist from a coming date, within the year."""

EARLIEST_OBSERVATION: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What a source without dates counts as; the register itself began in 1973."""


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
    now: datetime,
    accounts: Accounts | None = None,
) -> RegisterCompany:
    """Check and normalise what a source says of a company, `now`; a SIREN of None is that of the SIRET.

    Raises:
        Unusable: an identifier is not valid, a code is none of its list, or a date is out of all range.
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
    if created_on is not None and not EARLIEST_CREATION <= created_on <= now.date() + CREATED_AHEAD:
        raise Unusable("created_on", f"date de création invraisemblable: {created_on.isoformat()}")
    if observed_at < EARLIEST_OBSERVATION:
        raise Unusable("observed_at", "date d'observation invraisemblable: avant 1970")
    code, in_list = _activity(naf, nomenclature)
    commune, departement = _place(commune, postal_code, departement)
    return RegisterCompany(
        siren,
        siret,
        (company_name(name) or None) if diffusible else None,
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


@lru_cache(maxsize=8192)
def _activity(naf: str, nomenclature: str) -> tuple[str, str]:
    """Code and list. What tells nothing today (lists of before 2008, no activity assigned yet) is not given."""
    found = activity(given(naf), nomenclature)
    if found.fault == "naf":
        raise Unusable("naf", f"code NAF attendu (62.01Z), d'une liste de l'Insee, reçu {_quoted(naf)}")
    if found.fault:
        raise Unusable(
            "naf_nomenclature",
            f"{REV2} ou {NAF2025} attendu, selon le code: {_quoted(naf)} n'est pas de {_quoted(nomenclature)}",
        )
    return found.code, found.nomenclature


@lru_cache(maxsize=65536)
def _place(commune: str, postal_code: str, departement: str) -> tuple[str, str]:
    """Commune and département: by the commune, else by the postal code, else as given."""
    commune, postal_code, departement = given(commune), given(postal_code), given(departement)
    place = read_commune(commune)
    if commune and not place:
        raise Unusable("commune", f"code commune Insee attendu (75102), reçu {_quoted(commune)}")
    if is_abroad(place):
        return place, ""
    post, part = read_postal_code(postal_code), read_departement(departement)
    if postal_code and not post:
        raise Unusable("postal_code", f"code postal français attendu (75002), reçu {_quoted(postal_code)}")
    if departement and not part:
        raise Unusable("departement", f"code de département attendu (75, 2A, 974), reçu {_quoted(departement)}")
    place = place or commune_of_postal_code(post)
    if place:
        return place, departement_of_commune(place)
    return "", departement_of_postal_code(post) or part


@lru_cache(maxsize=1024)
def _legal_form(raw: str) -> str:
    form = form_of_list(given(raw))
    if given(raw) and not form:
        raise Unusable(
            "legal_form", f"catégorie juridique à 4 chiffres de la liste Insee attendue, reçu {_quoted(raw)}"
        )
    return form


def _one_of(field: str, raw: str, known: dict[str, int] | dict[str, str]) -> str:
    if not given(raw):
        return ""
    if raw in known:
        return raw
    raise Unusable(field, f"valeurs possibles: {', '.join(known)}; reçu {_quoted(raw)}")


def _quoted(raw: str) -> str:
    """What was received, as a reason cites it: at most its first 40 characters."""
    return f"« {raw[:40]} »"
