"""Rows of the SIRENE stock files (`StockUniteLegale`, `StockEtablissement`), read by header name."""

from typing import Final, NamedTuple, TypeAlias

from croissance.sirene.company import (
    Company,
    Names,
    Unusable,
    activity,
    day,
    given,
    instant,
    is_active,
    is_diffusible,
    public_name,
    siren_of,
    siret_of,
)

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

HEAD_OFFICE: Final = 0
OPEN_OFFICE: Final = 1


class Office(NamedTuple):
    """What is kept of an establishment while its legal unit is awaited.

    Attributes:
        rank: `HEAD_OFFICE`, or `OPEN_OFFICE` for any other that is active; the lowest rank stands for the company.
        siret: valid SIRET.
        commune: INSEE commune.
        postal_code: postal code.
        brand: name on the door.
        diffusion: diffusion status as INSEE writes it.
        treated: date of last treatment as INSEE writes it.
    """

    rank: int
    siret: str
    commune: str
    postal_code: str
    brand: str
    diffusion: str
    treated: str


def office_of(fields: Fields) -> Office | None:
    """An establishment that may stand for its company, or None: a closed one that is not the head office.

    Raises:
        Unusable: its SIRET is not valid.
    """
    siret, seat, state, diffusion, commune, postal_code, brand, treated = fields
    if seat in {"true", "True", "TRUE", "1"}:
        rank = HEAD_OFFICE
    elif state == "A":
        rank = OPEN_OFFICE
    else:
        return None
    return Office(rank, siret_of("siret", siret), commune, postal_code, brand, diffusion, treated)


def company_of_unit(fields: Fields, office: Office | None) -> Company:
    """A row of `StockUniteLegale` with the establishment that stands for it, if one is known.

    Raises:
        Unusable: an identifier or a date is not valid, or nothing says whether the company is active or may be named.
    """
    siren, diffusion, state, name, legal_form, naf, headcount, usual, nomenclature, naf_2025, *rest = fields
    category, created, nic, treated = rest
    diffusible = is_diffusible("statutDiffusionUniteLegale", diffusion)
    if office is None:
        if not nic:
            raise Unusable("nicSiegeUniteLegale", "siège inconnu: ni NIC du siège, ni établissement dans le fichier")
        siret, commune, postal_code, brand = siren + nic, "", "", ""
    else:
        _, siret, commune, postal_code, brand, office_diffusion, office_treated = office
        diffusible = diffusible and is_diffusible("statutDiffusionEtablissement", office_diffusion)
        treated = max(treated, office_treated)
    siren = siren_of("siren", siren)
    code, in_list = activity(naf, nomenclature, naf_2025)
    return Company(
        siren=siren,
        siret=siret_of("nicSiegeUniteLegale", siret),
        name=public_name(name or usual or brand, diffusible=diffusible),
        naf=code,
        naf_nomenclature=in_list,
        legal_form=given(legal_form),
        headcount_code=given(headcount),
        insee_category=given(category),
        commune=given(commune),
        postal_code=given(postal_code),
        departement="",
        created_on=day("dateCreationUniteLegale", created),
        active=is_active("etatAdministratifUniteLegale", state),
        diffusible=diffusible,
        source="sirene_stock",
        observed_at=instant("dateDernierTraitementUniteLegale", treated),
    )
