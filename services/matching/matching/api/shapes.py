"""The shapes of what readers get: their documents describe these types, `views` fills them."""

from dataclasses import dataclass
from datetime import date
from typing import NotRequired, TypedDict

import msgspec

from common.declare.decision import Moment
from matching.aids.aid import Aid
from matching.aids.catalogue import Verdict
from matching.events import Nature, Priority
from matching.needs.model import Match, NeedStatus
from matching.search.connector import Connector


class Labelled(TypedDict):
    """A code and its French label."""

    code: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorView(Connector):
    """A line of the directory with its labels and its free capacity."""

    type_label: str
    sujets_labels: list[str]
    load: int
    free_capacity: int


class ConnectorPage(TypedDict):
    """A page of the directory; `next` continues."""

    items: list[ConnectorView]
    next: str | None


class MatchView(Match, frozen=True, kw_only=True, omit_defaults=True):
    """An offer with the public names of its connecteur, where the directory still has it."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    institution: str | msgspec.UnsetType = msgspec.UNSET
    type: str | msgspec.UnsetType = msgspec.UNSET
    type_label: str | msgspec.UnsetType = msgspec.UNSET
    status_label: str


class RecommendedAid(TypedDict):
    """An aid recommended for a need."""

    id: str
    name: str
    nature: Nature
    nature_label: str
    verdict: Verdict
    verdict_label: str
    url: str


class NeedView(TypedDict):
    """A need with its offers and the aids recommended."""

    need_id: str
    subjects: list[Labelled]
    status: NeedStatus
    status_label: str
    priority: Priority
    paid: bool
    opened_at: Moment
    round: int
    expires_at: Moment | None
    reply_by: date | None
    ruleset_version: str
    matches: list[MatchView]
    aids: list[RecommendedAid]


class NeedsView(TypedDict):
    """Every need of a company, latest first."""

    siren: str
    needs: list[NeedView]


class Excluded(TypedDict):
    """A criterion, and how many connecteurs it was the first to exclude."""

    code: str
    count: int
    sentence: str


class PickView(TypedDict):
    """A connecteur who would be proposed now."""

    rank: int
    connector_id: str
    name: str
    institution: str
    score: float
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


class CriterionView(TypedDict):
    """What one criterion says of a connecteur."""

    code: str
    verdict: str
    sentence: str


class ConnectorExplained(TypedDict):
    """Every criterion of one connecteur for one need."""

    connector_id: str
    name: str
    eligible: bool
    criteria: list[CriterionView]


class Explanation(TypedDict):
    """Who would be proposed now and why, and who is excluded and why; of `connector` where one is asked for."""

    siren: str
    need_id: str
    status: NeedStatus
    evaluated_at: Moment
    ruleset_version: str
    directory_size: int
    covering: int
    eligible: int
    excluded: list[Excluded]
    next_candidates: list[PickView]
    connector: NotRequired[ConnectorExplained]


@dataclass(frozen=True, slots=True, kw_only=True)
class AidView(Aid):
    """An aid with the verdict on a company."""

    nature_label: str
    verdict: Verdict
    verdict_label: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


class AidPage(TypedDict):
    """A page of the aids, of `total`."""

    total: int
    note: str
    items: list[AidView]
