"""Rows of the SIRENE stock files (`StockUniteLegale`, `StockEtablissement`), read by header name."""

from typing import Final, NamedTuple, TypeAlias

from croissance.sirene.company import (
    Company,
    Names,
    Unusable,
    activity,
    day,
    instant,
    is_active,
    is_diffusible,
    named,
    siren_of,
    siret_of,
)
from france.sirene import given

Fields: TypeAlias = tuple[str, ...]
"""The values of one row, in the order of the columns asked for; "" for a column the file lacks."""


class Columns(NamedTuple):
    """What is read of a file; any other column is ignored."""

    required: tuple[str, ...]
    optional: tuple[str, ...]


UNITS: Final = Columns(
    required=(
        "siren",
        "statutDiffusionUniteLegale",
        "etatAdministratifUniteLegale",
        "denominationUniteLegale",
        "categorieJuridiqueUniteLegale",
        "activitePrincipaleUniteLegale",
        "trancheEffectifsUniteLegale",
    ),
    optional=(
        "denominationUsuelle1UniteLegale",
        "nomenclatureActivitePrincipaleUniteLegale",
        "activitePrincipaleNAF25UniteLegale",
        "categorieEntreprise",
        "dateCreationUniteLegale",
        "nicSiegeUniteLegale",
        "dateDernierTraitementUniteLegale",
        "nomUniteLegale",
        "nomUsageUniteLegale",
        "pseudonymeUniteLegale",
        "prenom1UniteLegale",
        "prenom2UniteLegale",
        "prenom3UniteLegale",
        "prenom4UniteLegale",
        "prenomUsuelUniteLegale",
    ),
)
OFFICES: Final = Columns(
    required=(
        "siret",
        "etablissementSiege",
        "etatAdministratifEtablissement",
        "statutDiffusionEtablissement",
        "codeCommuneEtablissement",
    ),
    optional=("codePostalEtablissement", "enseigne1Etablissement", "dateDernierTraitementEtablissement"),
)

UNIT_NAMES: Final[Names] = {
    "siret": "nicSiegeUniteLegale",
    "naf": "activitePrincipaleUniteLegale",
    "naf_nomenclature": "nomenclatureActivitePrincipaleUniteLegale",
    "legal_form": "categorieJuridiqueUniteLegale",
    "headcount_code": "trancheEffectifsUniteLegale",
    "insee_category": "categorieEntreprise",
    "commune": "codeCommuneEtablissement",
    "postal_code": "codePostalEtablissement",
}

ACTIVE, CLOSED, UNKNOWN = "A", "F", ""
HEAD_OFFICES: Final = {ACTIVE: 0, UNKNOWN: 1, CLOSED: 2}
"""State of a head office → its rank: a file may hold two, of which one is closed."""

OPEN_OFFICE: Final = 3


class Office(NamedTuple):
    """What is kept of an establishment while its legal unit is awaited.

    Attributes:
        rank: of `HEAD_OFFICES`, or `OPEN_OFFICE` for any other that is active.
        siret: valid SIRET.
        state: administrative state as INSEE writes it.
        commune: INSEE commune.
        postal_code: postal code.
        brand: name on the door.
        diffusion: diffusion status as INSEE writes it.
        treated: date of last treatment as INSEE writes it.
    """

    rank: int
    siret: str
    state: str
    commune: str
    postal_code: str
    brand: str
    diffusion: str
    treated: str

    def outranks(self, other: "Office") -> bool:
        """Whether this one stands for the company rather than `other`: lower rank, then later treated, then first."""
        if self.rank != other.rank:
            return self.rank < other.rank
        return (other.treated, self.siret) < (self.treated, other.siret)


def office_of(fields: Fields) -> Office | None:
    """An establishment that may stand for its company, or None: a closed one that is not the head office.

    Raises:
        Unusable: its SIRET is not valid.
    """
    siret, seat, state, diffusion, commune, postal_code, brand, treated = fields
    if seat in {"true", "True", "TRUE", "1"}:
        rank = HEAD_OFFICES.get(state, HEAD_OFFICES[CLOSED])
    elif state == ACTIVE:
        rank = OPEN_OFFICE
    else:
        return None
    return Office(rank, siret_of("siret", siret), state, commune, postal_code, brand, diffusion, treated)


def company_of_unit(fields: Fields, office: Office | None) -> Company:
    """A row of `StockUniteLegale` with the establishment that stands for it, if one is known.

    Raises:
        Unusable: an identifier or a date is not valid, or nothing says whether the company is active or may be named.
    """
    siren, diffusion, state, name, legal_form, naf, headcount, usual, nomenclature, naf_2025, *rest = fields
    category, created, nic, treated, *person = rest
    diffusible = is_diffusible("statutDiffusionUniteLegale", diffusion)
    if office is None:
        if not nic:
            raise Unusable("nicSiegeUniteLegale", "siège inconnu: ni NIC du siège, ni établissement dans le fichier")
        siret, seat_state, commune, postal_code, brand = siren + nic, "", "", "", ""
    else:
        rank, siret, office_state, commune, postal_code, brand, office_diffusion, office_treated = office
        seat_state = office_state if rank != OPEN_OFFICE else ""
        diffusible = diffusible and is_diffusible("statutDiffusionEtablissement", office_diffusion)
        treated = max(treated, office_treated)
    siren = siren_of("siren", siren)
    code, in_list = activity(naf, nomenclature, naf_2025)
    called = named(legal_form, (name, usual), brand, tuple(person)) if diffusible else ""
    return Company(
        siren=siren,
        siret=siret_of("nicSiegeUniteLegale", siret),
        name=called or None,
        naf=code,
        naf_nomenclature=in_list,
        legal_form=given(legal_form),
        headcount_code=given(headcount),
        insee_category=given(category),
        commune=given(commune),
        postal_code=given(postal_code),
        departement="",
        created_on=day("dateCreationUniteLegale", created),
        active=is_active("etatAdministratifUniteLegale", state, seat_state),
        diffusible=diffusible,
        source="sirene_stock",
        observed_at=instant("dateDernierTraitementUniteLegale", treated),
    )
