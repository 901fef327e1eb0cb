"""Answers of the two public APIs: INSEE's Sirene 3.11 (`/siret`) and "Recherche d'entreprises" (`/search`)."""

from typing import Final, TypeAlias

import msgspec

from companies.inputs import RegisterCompany
from companies.rules import activity
from companies.rules.facts import Names, Unusable, company_of, day, instant, is_active, is_diffusible

Text: TypeAlias = str | None
OLD_LIST: Final = "ancienne"


class InseeUnit(msgspec.Struct, frozen=True):
    """`uniteLegale` of an establishment in Sirene 3.11."""

    etatAdministratifUniteLegale: str  # noqa: N815  INSEE's names
    statutDiffusionUniteLegale: str  # noqa: N815
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


class SearchResult(msgspec.Struct, frozen=True):
    """One of `results` of Recherche d'entreprises."""

    siren: str
    siege: SearchOffice
    etat_administratif: str
    statut_diffusion: str
    nom_raison_sociale: Text = None
    nature_juridique: Text = None
    activite_principale: Text = None
    activite_principale_naf25: Text = None
    tranche_effectif_salarie: Text = None
    categorie_entreprise: Text = None
    date_creation: Text = None
    date_mise_a_jour_insee: Text = None


INSEE_NAMES: Final = Names(
    naf="uniteLegale.activitePrincipaleUniteLegale",
    legal_form="uniteLegale.categorieJuridiqueUniteLegale",
    headcount_code="uniteLegale.trancheEffectifsUniteLegale",
    insee_category="uniteLegale.categorieEntreprise",
    commune="adresseEtablissement.codeCommuneEtablissement",
)
SEARCH_NAMES: Final = Names(
    siret="siege.siret",
    naf="activite_principale",
    legal_form="nature_juridique",
    headcount_code="tranche_effectif_salarie",
    insee_category="categorie_entreprise",
    commune="siege.commune",
)


def company_of_office(office: InseeOffice) -> RegisterCompany:
    """An establishment of Sirene 3.11 with its legal unit.

    Raises:
        Unusable: an identifier is not valid, or a code is none of its list.
    """
    unit, address = office.uniteLegale, office.adresseEtablissement
    open_office = is_diffusible("statutDiffusionEtablissement", office.statutDiffusionEtablissement)
    open_unit = is_diffusible("uniteLegale.statutDiffusionUniteLegale", unit.statutDiffusionUniteLegale)
    treated = max(unit.dateDernierTraitementUniteLegale or "", office.dateDernierTraitementEtablissement or "")
    brand = office.current.enseigne1Etablissement
    return company_of(
        INSEE_NAMES,
        siren=None,
        siret=office.siret,
        name=unit.denominationUniteLegale or unit.denominationUsuelle1UniteLegale or brand or "",
        naf=unit.activitePrincipaleUniteLegale or "",
        nomenclature=unit.nomenclatureActivitePrincipaleUniteLegale or "",
        naf_2025=unit.activitePrincipaleNAF25UniteLegale or "",
        legal_form=unit.categorieJuridiqueUniteLegale or "",
        headcount_code=unit.trancheEffectifsUniteLegale or "",
        insee_category=unit.categorieEntreprise or "",
        commune=address.codeCommuneEtablissement or "",
        postal_code=address.codePostalEtablissement or "",
        departement="",
        created_on=day("uniteLegale.dateCreationUniteLegale", unit.dateCreationUniteLegale or ""),
        active=is_active("uniteLegale.etatAdministratifUniteLegale", unit.etatAdministratifUniteLegale),
        diffusible=open_office and open_unit,
        source="insee_api",
        observed_at=instant("dateDernierTraitementEtablissement", treated),
    )


def company_of_result(result: SearchResult) -> RegisterCompany:
    """A result of Recherche d'entreprises.

    Raises:
        Unusable: an identifier is not valid, or a code is none of its list.
    """
    seat = result.siege
    if not seat.siret:
        raise Unusable("siege.siret", "SIRET absent")
    naf = result.activite_principale or ""
    treated = max(result.date_mise_a_jour_insee or "", seat.date_mise_a_jour_insee or "")
    open_seat = is_diffusible("siege.statut_diffusion_etablissement", seat.statut_diffusion_etablissement or "O")
    return company_of(
        SEARCH_NAMES,
        siren=result.siren,
        siret=seat.siret,
        name=result.nom_raison_sociale or "",
        naf=naf,
        nomenclature=activity.REV2 if activity.naf_code(naf) else OLD_LIST,  # the API does not name the list
        naf_2025=result.activite_principale_naf25 or "",
        legal_form=result.nature_juridique or "",
        headcount_code=result.tranche_effectif_salarie or "",
        insee_category=result.categorie_entreprise or "",
        commune=seat.commune or "",
        postal_code=seat.code_postal or "",
        departement=seat.departement or "",
        created_on=day("date_creation", result.date_creation or ""),
        active=is_active("etat_administratif", result.etat_administratif),
        diffusible=is_diffusible("statut_diffusion", result.statut_diffusion) and open_seat,
        source="recherche_entreprises",
        observed_at=instant("date_mise_a_jour_insee", treated),
    )


def head_offices(offices: list[InseeOffice]) -> list[InseeOffice]:
    """Of the establishments of an answer, one a company: its head office, else its first active one."""
    chosen: dict[str, InseeOffice] = {}
    for office in offices:
        siren = office.siret[:9]
        known = chosen.get(siren)
        if known is None or _rank(office) < _rank(known):
            chosen[siren] = office
    return list(chosen.values())


def _rank(office: InseeOffice) -> int:
    if office.etablissementSiege:
        return 0
    return 1 if office.current.etatAdministratifEtablissement == "A" else 2
