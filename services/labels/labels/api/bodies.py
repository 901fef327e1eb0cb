"""What people send: an application, a cap; checked, then a command."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.fields import Day
from common.http.problems import wrong
from france.fields import Siren
from france.typography import short_day
from labels.api.identifiers import valid_proof
from labels.applications.inputs import ApplyForLabel, Engagement
from labels.ruleset import CHARTERS, first_day_of

Proof = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(valid_proof)]


EXAMPLE: Final[dict[str, Any]] = {
    "siren": "732829320",
    "charter_version": "2026.1",
    "signature": {"signed": True, "signed_on": "2026-11-10"},
    "commitments": [{"number": 1, "engaged": True, "proofs": ["https://exemple.fr/mentions-legales"]}],
    "declarations": {"no_insolvency": True, "no_clawback_debt": True},
}


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngagementBody(_Body):
    """Un engagement de la charte."""

    number: Annotated[StrictInt, Field(ge=1)]
    engaged: StrictBool
    proofs: Annotated[tuple[Proof, ...], Field(max_length=10)] = ()


class SignatureBody(_Body):
    """La signature du représentant légal : qu’elle a eu lieu, et quand ; pas de nom."""

    signed: StrictBool
    signed_on: Day | None = None

    @model_validator(mode="after")
    def _dated(self) -> "SignatureBody":
        if self.signed and self.signed_on is None:
            raise ValueError("signed_on : indiquez le jour de la signature")
        return self


class DeclarationsBody(_Body):
    """Ce que l’entreprise déclare sur l’honneur."""

    no_insolvency: StrictBool
    no_clawback_debt: StrictBool


class ApplicationBody(_Body):
    """Une candidature ; un engagement qui manque compte comme non pris."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    siren: Siren
    charter_version: Annotated[StrictStr, Field(min_length=1, max_length=20)]
    signature: SignatureBody
    commitments: Annotated[tuple[EngagementBody, ...], Field(max_length=100)]
    declarations: DeclarationsBody


class CapBody(_Body):
    """Le nouveau plafond d’une cohorte."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cap": 500}]})

    cap: Annotated[StrictInt, Field(ge=0, le=10_000_000)]


def to_ask(body: ApplicationBody) -> Ask | Refusal:
    """The command of an application, or why its content fits no charter."""
    charter = CHARTERS.get(body.charter_version)
    if charter is None:
        detail = f"La version {body.charter_version} de la charte n'existe pas."
        return Refusal(
            "invalid", "charte_inconnue", "Charte inconnue", detail, "charter_version", tuple(sorted(CHARTERS))
        )
    signed_on, first = body.signature.signed_on, first_day_of(charter.version)
    if signed_on is not None and signed_on < first:
        detail = f"La charte {charter.version} n'existe que depuis le {short_day(first)}."
        return wrong(detail, "signature.signed_on")
    given = {item.number: item for item in body.commitments}
    numbers = range(1, len(charter.commitments) + 1)
    for index, item in enumerate(body.commitments):
        if item.number not in numbers:
            detail = f"La charte {charter.version} n'a pas d'engagement n° {item.number}."
            allowed = tuple(str(number) for number in numbers)
            return Refusal(
                "invalid", "engagement_inconnu", "Engagement inconnu", detail, f"commitments[{index}].number", allowed
            )
        if given[item.number] is not item:
            detail = f"L'engagement n° {item.number} est donné plusieurs fois."
            return Refusal(
                "invalid", "engagement_en_double", "Engagement en double", detail, f"commitments[{index}].number"
            )
    engagements = tuple(
        [
            Engagement(number, engaged=False, proofs=())
            if (item := given.get(number)) is None
            else Engagement(number, item.engaged, item.proofs)
            for number in numbers
        ]
    )
    content = ApplyForLabel(
        charter_version=body.charter_version,
        engagements=engagements,
        signed=body.signature.signed,
        signed_on=body.signature.signed_on,
        no_insolvency=body.declarations.no_insolvency,
        no_clawback_debt=body.declarations.no_clawback_debt,
    )
    return Ask(content, body.siren)
