"""Bodies that people and partners send, checked against the vocabulary of the rule set; errors are in French."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from common.core.commands import Ask
from common.http.fields import Day
from france.fields import COMMUNE, Siren
from matching import settings
from matching.criteria.filters import Absence, Filters
from matching.directory.inputs import PutConnector
from matching.events import DeclineReason
from matching.needs.inputs import AcceptMatch, DeclineMatch
from matching.places.territory import Zone, ZoneType
from matching.ruleset import Tier
from matching.search.connector import Connector, ConnectorStatus, Quality

ConnectorId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", examples=["cci-lyon-numerique"])]
MatchId = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", examples=["0199c0de-0000-7000-8000-000000000001"]),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Headcount = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Months = Annotated[int, Field(strict=True, ge=0, le=6000)]
Subject = Annotated[str, Field(json_schema_extra=lambda schema: schema.update(enum=_words("subjects")))]
NafPrefix = Annotated[str, Field(pattern=r"^([A-U]|[0-9]{2}(\.[0-9]{1,2}[A-Z]?)?)$")]
FormPrefix = Annotated[str, Field(pattern=r"^[0-9]{1,4}$")]
Commune = Annotated[str, Field(pattern=r"^([0-9]{2}|2[AB])[0-9]{3}$", json_schema_extra=COMMUNE)]


EXAMPLE: Final[dict[str, Any]] = {
    "name": "Conseil numérique",
    "type": "cci",
    "tier": "professionnel",
    "institution_id": "cci-lyon",
    "institution": "CCI Lyon Métropole",
    "sujets": ["cybersecurite"],
    "zones": [{"type": "departement", "code": "69"}],
}
REPLY: Final[dict[str, Any]] = {
    "siren": "732829320",
    "match_id": "0199c0de-0000-7000-8000-000000000001",
    "answer": "accept",
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ZoneBody(_Body):
    """Un territoire : code Insee (commune, département, région) ou SIREN de l’EPCI ; aucun code pour `national`."""

    type: ZoneType
    code: Annotated[str, Field(max_length=9)] = ""

    @model_validator(mode="after")
    def known(self) -> Self:
        """The code must exist."""
        if not settings.territories().exists(Zone(self.type, self.code)):
            raise ValueError(f"territoire inconnu : {self.type} {self.code}")
        return self


class FiltersBody(_Body):
    """Les entreprises acceptées ; absent : sans condition. Âges en mois, NAF et formes par préfixe."""

    effectif_min: Headcount | None = None
    effectif_max: Headcount | None = None
    anciennete_min: Months | None = None
    anciennete_max: Months | None = None
    naf_in: Annotated[tuple[NafPrefix, ...], Field(max_length=200)] = ()
    naf_out: Annotated[tuple[NafPrefix, ...], Field(max_length=200)] = ()
    formes_in: Annotated[tuple[FormPrefix, ...], Field(max_length=100)] = ()
    formes_out: Annotated[tuple[FormPrefix, ...], Field(max_length=100)] = ()
    communes_out: Annotated[tuple[Commune, ...], Field(max_length=2000)] = ()

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """Both ends must leave room."""
        for name in ("effectif", "anciennete"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}_min dépasse {name}_max")
        return self


class AbsenceBody(_Body):
    """Jours d’absence, les deux compris."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def ordered(self) -> Self:
        """The end must not come first."""
        if self.end < self.start:
            raise ValueError("la fin précède le début")
        return self


class QualityBody(_Body):
    """Les résultats passés."""

    done: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 0
    matches: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 0
    median_days: Annotated[float, Field(strict=True, ge=0, le=365)] | None = None

    @model_validator(mode="after")
    def plausible(self) -> Self:
        """No more successes than matches."""
        if self.done > self.matches:
            raise ValueError("done dépasse matches")
        return self


class ConnectorFields(_Body):
    """Une ligne de l’annuaire : un guichet ou un service, jamais le nom d’une personne."""

    name: Name
    type: Annotated[str, Field(json_schema_extra=lambda schema: schema.update(enum=_words("types")))]
    tier: Tier
    institution_id: ConnectorId
    institution: Annotated[str, Field(max_length=200)] = ""
    partner_id: Annotated[str, Field(max_length=64)] = ""
    sujets: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=20)]
    zones: Annotated[tuple[ZoneBody, ...], Field(min_length=1, max_length=500)]
    secteurs: Annotated[tuple[Annotated[str, Field(pattern=r"^([A-U]|[0-9]{2})$")], ...], Field(max_length=110)] = ()
    filters: FiltersBody = Field(default_factory=FiltersBody)
    opco: Annotated[str, Field(max_length=40)] = ""
    languages: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z]{2}$")], ...], Field(max_length=20)] = ("fr",)
    capacity_30d: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] | None = None
    absences: Annotated[tuple[AbsenceBody, ...], Field(max_length=100)] = ()
    status: ConnectorStatus = "active"
    siren: Siren | Literal[""] = ""
    quality: QualityBody = Field(default_factory=QualityBody)

    @field_validator("type")
    @classmethod
    def known_type(cls, value: str) -> str:
        """One of the types of the rule set."""
        return _among(value, settings.ruleset().types)

    @field_validator("sujets")
    @classmethod
    def known_subjects(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Subjects of the rule set, each once."""
        return tuple(dict.fromkeys(_among(subject, settings.ruleset().subjects) for subject in value))

    def to_connector(self, connector_id: str) -> Connector:
        """The record, with the default capacity of its tier."""
        default = settings.ruleset().round.capacity[self.tier]
        return Connector(
            id=connector_id,
            name=self.name,
            type=self.type,
            tier=self.tier,
            institution_id=self.institution_id,
            institution=self.institution or self.name,
            partner_id=self.partner_id,
            sujets=self.sujets,
            zones=tuple(dict.fromkeys(Zone(zone.type, zone.code) for zone in self.zones)),
            capacity_30d=default if self.capacity_30d is None else self.capacity_30d,
            secteurs=self.secteurs,
            filters=Filters(**self.filters.model_dump()),
            opco=self.opco,
            languages=self.languages,
            absences=tuple(Absence(absence.start, absence.end) for absence in self.absences),
            status=self.status,
            siren=self.siren,
            quality=Quality(**self.quality.model_dump()),
        )


class ConnectorBody(ConnectorFields):
    """Une ligne de l’annuaire, avec son identifiant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "cci-lyon-numerique", **EXAMPLE}]})

    id: ConnectorId


class PutBody(ConnectorFields):
    """Une ligne de l’annuaire ; l’identifiant, s’il est donné, est celui de l’adresse."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: ConnectorId | None = None


class DeclineBody(_Body):
    """Pourquoi une proposition est refusée."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "indisponible"}]})

    reason: DeclineReason


class AnswerBody(_Body):
    """Une réponse de connecteur dans un lot."""

    model_config = ConfigDict(json_schema_extra={"examples": [REPLY]})

    siren: Siren
    match_id: MatchId
    answer: Literal["accept", "decline"]
    reason: DeclineReason | None = None

    @model_validator(mode="after")
    def reasoned(self) -> Self:
        """A refusal says why."""
        if self.answer == "decline" and self.reason is None:
            raise ValueError("un refus demande un motif (reason)")
        return self


def put_ask(body: ConnectorBody) -> Ask:
    """The command of a directory line."""
    return Ask(PutConnector(body.to_connector(body.id)), body.id)


def answer_ask(body: AnswerBody) -> Ask:
    """The command of a connecteur's answer."""
    if body.answer == "accept" or body.reason is None:
        return Ask(AcceptMatch(body.match_id), body.siren)
    return Ask(DeclineMatch(body.match_id, body.reason), body.siren)


def _words(name: Literal["types", "subjects"]) -> list[JsonValue]:
    """The vocabulary of the rule set, as the document names it."""
    return list(getattr(settings.ruleset(), name))


def _among(value: str, known: Mapping[str, str]) -> str:
    if value not in known:
        raise ValueError(f"valeurs possibles : {', '.join(sorted(known))}")
    return value
