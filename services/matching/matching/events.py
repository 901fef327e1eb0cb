"""What matching publishes, keyed by SIREN. No personal data: connecteurs are desks of institutions."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from pydantic import Field

from common.declare.event import Event
from matching.ruleset import Tier

Priority: TypeAlias = Literal["haute", "normale"]
Origin: TypeAlias = Literal["diagnostic"]
DeclineReason: TypeAlias = Literal["indisponible", "hors_perimetre", "conflit_interet", "deja_accompagnee", "autre"]
Nature: TypeAlias = Literal["accompagnement", "formation", "subvention", "pret", "fiscal", "ressource"]

Siren = Annotated[str, Field(pattern=r"^\d{9}$")]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Region = Annotated[str, Field(pattern=r"^(\d{2})?$", description="INSEE code, or empty when unknown")]
Subject = Annotated[str, Field(min_length=1, description="Subject code, for example cybersecurite")]
Score = Annotated[float, Field(ge=0, le=100)]
RoundNumber = Annotated[int, Field(ge=1)]
Sentence = Annotated[str, Field(min_length=1, description="French sentence for people")]


class NeedOpened(Event, frozen=True, kw_only=True):
    """A company needs help on these subjects, main one first."""

    siren: Siren
    need_id: Uuid
    subjects: Annotated[tuple[Subject, ...], Field(min_length=1)]
    origin: Origin
    priority: Priority
    region: Region
    paid: bool
    diagnostic_id: str
    ruleset_version: str


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """One connecteur asked to help, why it was chosen and which data were missing to be sure."""

    match_id: Uuid
    connector_id: str
    connector_name: str
    institution: str
    type: str
    tier: Tier
    rank: Annotated[int, Field(ge=1)]
    score: Score
    reasons: tuple[Sentence, ...]
    missing: tuple[Sentence, ...]
    institution_id: str


class ConnectorMatched(Event, frozen=True, kw_only=True):
    """A round of offers: the best connecteurs, of distinct institutions; open until `expires_at`."""

    siren: Siren
    need_id: Uuid
    subject: Subject
    round: RoundNumber
    expires_at: datetime
    proposals: Annotated[tuple[Proposal, ...], Field(min_length=1)]
    region: Region
    ruleset_version: str


class NeedUnserved(Event, frozen=True, kw_only=True):
    """Nobody could, or would, take the need: for the regional referent.

    `missing_coverage` holds `cause:subject` codes; the causes are `aucun_connecteur`, `capacite`, `criteres`,
    `institutions_deja_sollicitees` and `sans_reponse`.
    """

    siren: Siren
    need_id: Uuid
    rounds: Annotated[int, Field(ge=0, description="Rounds of offers that were made")]
    missing_coverage: tuple[str, ...]
    region: Region


class Programme(msgspec.Struct, frozen=True, gc=False):
    """An aid or a resource that may fit, with the verdict on the company and what to know."""

    id: str
    name: str
    nature: Nature
    verdict: Literal["eligible", "partiel", "inconnu"]
    reasons: tuple[Sentence, ...]
    missing: tuple[Sentence, ...]
    url: str
    operator: str


class AidsRecommended(Event, frozen=True, kw_only=True):
    """Aids and resources for a need: free help, help, grants, loans, tax, guides, in this order."""

    siren: Siren
    need_id: Uuid
    programmes: Annotated[tuple[Programme, ...], Field(min_length=1)]
    region: Region


class MatchAccepted(Event, frozen=True, kw_only=True):
    """The first acceptance of a need; the other open offers of the round are released."""

    siren: Siren
    need_id: Uuid
    match_id: Uuid
    connector_id: str
    institution_id: str
    round: RoundNumber
    delay_hours: Annotated[float, Field(ge=0, description="Hours between offer and answer")]
    released: tuple[Uuid, ...]
    region: Region


class MatchDeclined(Event, frozen=True, kw_only=True):
    """A connecteur refused an offer."""

    siren: Siren
    need_id: Uuid
    match_id: Uuid
    connector_id: str
    institution_id: str
    round: RoundNumber
    reason: DeclineReason
    delay_hours: Annotated[float, Field(ge=0, description="Hours between offer and answer")]
    region: Region


class MatchExpired(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An offer stayed without an answer until its end; `withdrawn`: its connecteur became inactive before."""

    siren: Siren
    need_id: Uuid
    match_id: Uuid
    connector_id: str
    institution_id: str
    round: RoundNumber
    region: Region
    withdrawn: bool = False
