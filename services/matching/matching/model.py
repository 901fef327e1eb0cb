"""What the service knows: companies and their needs, connecteurs, aids.

Record fields of connecteurs and aids keep the French words of the CNNum report (`sujets`, `effectif`, `anciennete`):
they are the vocabulary of the partners who fill the directory.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

MatchStatus: TypeAlias = Literal["propose", "accepte", "refuse", "expire", "libere"]
NeedStatus: TypeAlias = Literal["propose", "pris_en_charge", "sans_reponse"]
Priority: TypeAlias = Literal["haute", "normale"]
Origin: TypeAlias = Literal["diagnostic"]
Tier: TypeAlias = Literal["benevole", "professionnel"]
ConnectorStatus: TypeAlias = Literal["active", "suspended", "archived"]
ZoneType: TypeAlias = Literal["commune", "epci", "departement", "region", "national"]
DeclineReason: TypeAlias = Literal["indisponible", "hors_perimetre", "conflit_interet", "deja_accompagnee", "autre"]
Nature: TypeAlias = Literal["accompagnement", "formation", "subvention", "pret", "fiscal", "ressource"]

# --- companies and needs: the keyed state ----------------------------------------------------------------------------


class Company(msgspec.Struct, frozen=True, gc=False):
    """What matching reads of a company: its place, activity, size, form and age. An empty text means unknown.

    Attributes:
        commune: INSEE code, or "".
        departement: INSEE code, or "".
        region: INSEE code, or "".
        naf: activity code with its point ("62.01Z"), or "".
        naf_nomenclature: "NAFRev2" or "NAF2025".
        legal_form: four digits of INSEE's legal categories, or "".
        headcount_code: INSEE band ("NN", "00", "01" … "53"), or "".
        created_on: None when unknown.
    """

    commune: str
    departement: str
    region: str
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    created_on: date | None


class Match(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One offer of a need to one connecteur.

    Attributes:
        match_id: UUID.
        connector_id: the connecteur.
        institution_id: its institution; one institution is asked once a need.
        rank: 1 to 3 inside its round.
        score: 0–100, two decimals.
        round: 1 to the number of rounds of the rule set.
        status: where the offer stands.
        proposed_at: aware UTC.
        answered_at: when it left `propose`, or None.
        reason: given with a refusal, or None.
    """

    match_id: str
    connector_id: str
    institution_id: str
    rank: int
    score: float
    round: int
    status: MatchStatus
    proposed_at: datetime
    answered_at: datetime | None = None
    reason: DeclineReason | None = None


class Need(msgspec.Struct, frozen=True, gc=False):
    """A need for help of one company.

    Attributes:
        need_id: UUID.
        subjects: main subject first.
        paid: a paid mission, so that only labelled professionals qualify.
        priority: "haute" or "normale".
        origin: what opened it ("diagnostic").
        opened_at: aware UTC.
        status: offered, taken in charge, or left without an answer.
        round: last round of offers, 0 before the first.
        expires_at: when the offers of this round expire, or None.
        matches: every offer made, oldest first.
        diagnostics: diagnoses that opened or joined it.
        aids: `id:verdict` of the aids last recommended.
        ruleset_version: figures the need was opened under.
    """

    need_id: str
    subjects: tuple[str, ...]
    paid: bool
    priority: Priority
    origin: Origin
    opened_at: datetime
    status: NeedStatus
    round: int
    expires_at: datetime | None
    matches: tuple[Match, ...]
    diagnostics: tuple[str, ...]
    aids: tuple[str, ...]
    ruleset_version: str


class CompanyNeeds(msgspec.Struct, frozen=True, gc=False):
    """State of one SIREN: the company as last diagnosed and its needs, oldest first."""

    siren: str
    company: Company | None = None
    needs: tuple[Need, ...] = ()


# --- the directory ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Zone:
    """A territory a connecteur serves: type commune | epci | departement | region | national, and its INSEE code."""

    type: ZoneType
    code: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which companies a connecteur or an aid accepts. None or empty: no condition.

    Attributes:
        effectif_min: lowest headcount.
        effectif_max: highest headcount, included.
        anciennete_min: lowest age in months.
        anciennete_max: highest age in months, included.
        naf_in: sections ("F"), divisions ("62") or longer prefixes ("62.01Z") accepted.
        naf_out: the same, refused.
        formes_in: prefixes of legal categories accepted ("54", "5710").
        formes_out: the same, refused.
        communes_out: INSEE codes not served.
    """

    effectif_min: int | None = None
    effectif_max: int | None = None
    anciennete_min: int | None = None
    anciennete_max: int | None = None
    naf_in: tuple[str, ...] = ()
    naf_out: tuple[str, ...] = ()
    formes_in: tuple[str, ...] = ()
    formes_out: tuple[str, ...] = ()
    communes_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absence:
    """Days a connecteur is away, both included."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Quality:
    """Past results of a connecteur: matches that ended in help, all matches, median days before the first answer."""

    done: int = 0
    matches: int = 0
    median_days: float | None = None


@dataclass(frozen=True, slots=True)
class Connector:
    """One line of the directory: a desk or a service that accompanies companies (never a private person's name).

    Attributes:
        id: chosen by the partner, stable.
        name: public name of the desk, in French.
        type: one of the types of the rule set (`cci`, `cma`, `cyber` …).
        tier: "benevole" or "professionnel".
        institution_id: the institution it belongs to; proposals come from distinct institutions.
        institution: public name of that institution.
        partner_id: who maintains the record.
        sujets: subjects it can help with.
        zones: territories it serves.
        secteurs: NAF rév. 2 sections or divisions it has experience of.
        filters: companies it accepts.
        opco: identifier of the skills operator it belongs to (training), or "".
        languages: ISO 639-1 codes.
        capacity_30d: matches it can take in 30 days.
        absences: days away.
        status: "active", "suspended" or "archived".
        siren: of the institution, or "".
        quality: past results.
    """

    id: str
    name: str
    type: str
    tier: Tier
    institution_id: str
    institution: str
    partner_id: str
    sujets: tuple[str, ...]
    zones: tuple[Zone, ...]
    capacity_30d: int
    secteurs: tuple[str, ...] = ()
    filters: Filters = Filters()
    opco: str = ""
    languages: tuple[str, ...] = ("fr",)
    absences: tuple[Absence, ...] = ()
    status: ConnectorStatus = "active"
    siren: str = ""
    quality: Quality = Quality()


# --- aids and resources ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Aid:
    """A public aid or resource. Conditions are indicative: the operator decides.

    Attributes:
        id: stable identifier.
        name: public French name.
        nature: accompagnement | formation | subvention | pret | fiscal | ressource.
        operator: who runs it.
        url: official page.
        summary: one French sentence.
        sujets: needs it answers.
        gratuit: free for the company.
        filters: companies it accepts.
        regions: INSEE regions it is limited to; empty: whole country.
        autres_conditions: conditions no rule computes, one French sentence each.
        valid_from: first day it can be asked for, or None.
        valid_until: last day, or None.
        a_verifier: details may have changed since `verifie_en`.
        verifie_en: year of the last look at the facts.
    """

    id: str
    name: str
    nature: Nature
    operator: str
    url: str
    summary: str
    sujets: tuple[str, ...]
    verifie_en: int
    gratuit: bool = False
    filters: Filters = Filters()
    regions: tuple[str, ...] = ()
    autres_conditions: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    a_verifier: bool = False


# --- facts the service keeps for itself ------------------------------------------------------------------------------


class ConnectorSaved(msgspec.Struct, frozen=True, gc=False):
    """A line of the directory to write."""

    connector: Connector


class LoadsMoved(msgspec.Struct, frozen=True, gc=False):
    """Connecteurs whose load rises (`by` > 0, within capacity) or falls (`by` < 0)."""

    connector_ids: tuple[str, ...]
    by: int


# --- answers to commands ---------------------------------------------------------------------------------------------


class ConnectorAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to a directory update; `changed` is false when the record was already so."""

    id: str
    state: ConnectorStatus
    changed: bool


class MatchAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to an acceptance or a refusal."""

    siren: str
    need_id: str
    match_id: str
    connector_id: str
    state: MatchStatus
