"""Answers of the two public APIs: INSEE's Sirene 3.11 (`/siret`) and "Recherche d'entreprises" (`/search`)."""

from typing import Final, TypeAlias

import msgspec

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
from croissance.sirene.rows import ACTIVE, CLOSED, HEAD_OFFICES, OPEN_OFFICE, UNKNOWN
from france.naf import naf_code
from france.sirene import given

Text: TypeAlias = str | None


class InseeUnit(msgspec.Struct, frozen=True):
    """`uniteLegale` of an establishment in Sirene 3.11."""

    statutDiffusionUniteLegale: str  # noqa: N815  INSEE's names
    etatAdministratifUniteLegale: Text = None  # noqa: N815
    denominationUniteLegale: Text = None  # noqa: N815
    denominationUsuelle1UniteLegale: Text = None  # noqa: N815
    categorieJuridiqueUniteLegale: Text = None  # noqa: N815
    activitePrincipaleUniteLegale: Text = None  # noqa: N815
    nomenclatureActivitePrincipaleUniteLegale: Text = None  # noqa: N815
    activitePrincipaleNAF25UniteLegale: Text = None  # noqa: N815
    trancheEffectifsUniteLegale: Text = None  # noqa: N815
    categorieEntreprise: Text = None  # noqa: N815
    dateCreationUniteLegale: Text = None  # noqa: N815
    dateDernierTraitementUniteLegale: Text = None  # noqa: N815
    nomUniteLegale: Text = None  # noqa: N815
    nomUsageUniteLegale: Text = None  # noqa: N815
    pseudonymeUniteLegale: Text = None  # noqa: N815
    prenom1UniteLegale: Text = None  # noqa: N815
    prenom2UniteLegale: Text = None  # noqa: N815
    prenom3UniteLegale: Text = None  # noqa: N815
    prenom4UniteLegale: Text = None  # noqa: N815
    prenomUsuelUniteLegale: Text = None  # noqa: N815

    @property
    def person(self) -> tuple[Text, ...]:
        """What a natural person is called; empty for a legal one."""
        last = (self.nomUniteLegale, self.nomUsageUniteLegale, self.pseudonymeUniteLegale, self.prenomUsuelUniteLegale)
        return (
            *last,
            self.prenom1UniteLegale,
            self.prenom2UniteLegale,
            self.prenom3UniteLegale,
            self.prenom4UniteLegale,
        )


class InseeAddress(msgspec.Struct, frozen=True):
    """`adresseEtablissement` in Sirene 3.11."""

    codePostalEtablissement: Text = None  # noqa: N815
    codeCommuneEtablissement: Text = None  # noqa: N815


class InseePeriod(msgspec.Struct, frozen=True):
    """One of `periodesEtablissement` in Sirene 3.11; the current one has no end."""

    dateFin: Text = None  # noqa: N815
    etatAdministratifEtablissement: Text = None  # noqa: N815
    enseigne1Etablissement: Text = None  # noqa: N815


class InseeOffice(msgspec.Struct, frozen=True):
    """`etablissement` in Sirene 3.11."""

    siret: str
    statutDiffusionEtablissement: str  # noqa: N815
    etablissementSiege: bool  # noqa: N815
    uniteLegale: InseeUnit  # noqa: N815
    adresseEtablissement: InseeAddress = InseeAddress()  # noqa: N815
    periodesEtablissement: tuple[InseePeriod, ...] = ()  # noqa: N815
    dateDernierTraitementEtablissement: Text = None  # noqa: N815

    @property
    def current(self) -> InseePeriod:
        """The period that still runs."""
        return next((period for period in self.periodesEtablissement if not period.dateFin), InseePeriod())


class SearchOffice(msgspec.Struct, frozen=True):
    """`siege` of a result of Recherche d'entreprises."""

    siret: Text = None
    commune: Text = None
    code_postal: Text = None
    departement: Text = None
    statut_diffusion_etablissement: Text = None
    date_mise_a_jour_insee: Text = None
    etat_administratif: Text = None


class SearchResult(msgspec.Struct, frozen=True):
    """One of `results` of Recherche d'entreprises."""

    siren: str
    siege: SearchOffice
    statut_diffusion: str
    etat_administratif: Text = None
    nom_raison_sociale: Text = None
    nature_juridique: Text = None
    activite_principale: Text = None
    activite_principale_naf25: Text = None
    tranche_effectif_salarie: Text = None
    categorie_entreprise: Text = None
    date_creation: Text = None
    date_mise_a_jour_insee: Text = None


INSEE_NAMES: Final[Names] = {
    "naf": "uniteLegale.activitePrincipaleUniteLegale",
    "legal_form": "uniteLegale.categorieJuridiqueUniteLegale",
    "headcount_code": "uniteLegale.trancheEffectifsUniteLegale",
    "insee_category": "uniteLegale.categorieEntreprise",
    "commune": "adresseEtablissement.codeCommuneEtablissement",
}
SEARCH_NAMES: Final[Names] = {
    "siret": "siege.siret",
    "naf": "activite_principale",
    "legal_form": "nature_juridique",
    "headcount_code": "tranche_effectif_salarie",
    "insee_category": "categorie_entreprise",
    "commune": "siege.commune",
}


def company_of_office(office: InseeOffice) -> Company:
    """An establishment of Sirene 3.11 with its legal unit.

    Raises:
        Unusable: an identifier or a date is not valid, or nothing says whether the company is active or may be named.
    """
    unit, address = office.uniteLegale, office.adresseEtablissement
    open_office = is_diffusible("statutDiffusionEtablissement", office.statutDiffusionEtablissement)
    open_unit = is_diffusible("uniteLegale.statutDiffusionUniteLegale", unit.statutDiffusionUniteLegale)
    treated = max(unit.dateDernierTraitementUniteLegale or "", office.dateDernierTraitementEtablissement or "")
    siret = siret_of("siret", office.siret)
    name = named(
        unit.categorieJuridiqueUniteLegale or "",
        (unit.denominationUniteLegale, unit.denominationUsuelle1UniteLegale),
        office.current.enseigne1Etablissement,
        unit.person,
    )
    state = office.current.etatAdministratifEtablissement if office.etablissementSiege else ""
    code, in_list = activity(
        unit.activitePrincipaleUniteLegale or "",
        unit.nomenclatureActivitePrincipaleUniteLegale or "",
        unit.activitePrincipaleNAF25UniteLegale or "",
    )
    return Company(
        siren=siret[:9],
        siret=siret,
        name=(name or None) if open_office and open_unit else None,
        naf=code,
        naf_nomenclature=in_list,
        legal_form=given(unit.categorieJuridiqueUniteLegale),
        headcount_code=given(unit.trancheEffectifsUniteLegale),
        insee_category=given(unit.categorieEntreprise),
        commune=given(address.codeCommuneEtablissement),
        postal_code=given(address.codePostalEtablissement),
        departement="",
        created_on=day("uniteLegale.dateCreationUniteLegale", unit.dateCreationUniteLegale or ""),
        active=is_active(
            "uniteLegale.etatAdministratifUniteLegale", unit.etatAdministratifUniteLegale or "", state or ""
        ),
        diffusible=open_office and open_unit,
        source="insee_api",
        observed_at=instant("dateDernierTraitementEtablissement", treated),
    )


def company_of_result(result: SearchResult) -> Company:
    """A result of Recherche d'entreprises.

    Raises:
        Unusable: an identifier or a date is not valid, or nothing says whether the company is active or may be named.
    """
    seat = result.siege
    if not seat.siret:
        raise Unusable("siege.siret", "SIRET absent")
    naf = result.activite_principale or ""
    old_list = "" if naf_code(naf) else "NAFRev1"  # the API does not name the list: its other shapes are of before 2008
    treated = max(result.date_mise_a_jour_insee or "", seat.date_mise_a_jour_insee or "")
    code, in_list = activity(naf, old_list, result.activite_principale_naf25 or "")
    name = named(result.nature_juridique or "", (result.nom_raison_sociale,), None, ())
    open_seat = is_diffusible("siege.statut_diffusion_etablissement", seat.statut_diffusion_etablissement or "O")
    diffusible = is_diffusible("statut_diffusion", result.statut_diffusion) and open_seat
    return Company(
        siren=siren_of("siren", result.siren),
        siret=siret_of("siege.siret", seat.siret),
        name=(name or None) if diffusible else None,
        naf=code,
        naf_nomenclature=in_list,
        legal_form=given(result.nature_juridique),
        headcount_code=given(result.tranche_effectif_salarie),
        insee_category=given(result.categorie_entreprise),
        commune=given(seat.commune),
        postal_code=given(seat.code_postal),
        departement=given(seat.departement),
        created_on=day("date_creation", result.date_creation or ""),
        active=is_active("etat_administratif", result.etat_administratif or "", seat.etat_administratif or ""),
        diffusible=diffusible,
        source="recherche_entreprises",
        observed_at=instant("date_mise_a_jour_insee", treated),
    )


def head_offices(offices: list[InseeOffice]) -> list[InseeOffice]:
    """Of the establishments of an answer, one a company: its head office (of two the active one), else an active one.

    At equal rank the last treated stands, then the first.
    """
    chosen: dict[str, InseeOffice] = {}
    for office in offices:
        siren = office.siret[:9]
        known = chosen.get(siren)
        if known is None or _outranks(office, known):
            chosen[siren] = office
    return list(chosen.values())


def _outranks(office: InseeOffice, known: InseeOffice) -> bool:
    if _rank(office) != _rank(known):
        return _rank(office) < _rank(known)
    return (known.dateDernierTraitementEtablissement or "") < (office.dateDernierTraitementEtablissement or "")


def _rank(office: InseeOffice) -> int:
    state = office.current.etatAdministratifEtablissement or UNKNOWN
    if office.etablissementSiege:
        return HEAD_OFFICES.get(state, HEAD_OFFICES[CLOSED])
    return OPEN_OFFICE if state == ACTIVE else OPEN_OFFICE + 1
