"""The record of a connecteur.

Record fields keep the French words of the CNNum report (`sujets`, `effectif`, `anciennete`): they are the vocabulary of
the partners who fill the directory.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from matching.criteria.filters import NO_CONDITION, Absence, Filters
from matching.places.territory import Zone
from matching.ruleset import Tier

ConnectorStatus: TypeAlias = Literal["active", "suspended", "archived"]


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
    filters: Filters = NO_CONDITION
    opco: str = ""
    languages: tuple[str, ...] = ("fr",)
    absences: tuple[Absence, ...] = ()
    status: ConnectorStatus = "active"
    siren: str = ""
    quality: Quality = Quality()
