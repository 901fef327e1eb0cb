"""What people send: an application, a cap; checked, then a command."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from common.core.commands import Ask
from common.declare.decision import Refusal
from labels.api.identifiers import valid_proof, valid_siren
from labels.applications.inputs import ApplyForLabel, Engagement
from labels.ruleset import CHARTERS

Siren = Annotated[StrictStr, AfterValidator(valid_siren)]
Proof = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(valid_proof)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngagementBody(_Body):
    """One commitment of the charter."""

    number: Annotated[StrictInt, Field(ge=1)]
    engaged: StrictBool
    proofs: Annotated[tuple[Proof, ...], Field(max_length=10)] = ()


class SignatureBody(_Body):
    """Signature by the legal representative: that it took place and when, no name."""

    signed: StrictBool
    signed_on: date | None = None

    @model_validator(mode="after")
    def _dated(self) -> "SignatureBody":
        if self.signed and self.signed_on is None:
            raise ValueError("signed_on : indiquez le jour de la signature")
        return self


class DeclarationsBody(_Body):
    """What the company declares on its honour."""

    no_insolvency: StrictBool
    no_clawback_debt: StrictBool


class ApplicationBody(_Body):
    """An application; a commitment that is left out counts as not taken."""

    siren: Siren
    charter_version: Annotated[StrictStr, Field(min_length=1, max_length=20)]
    signature: SignatureBody
    commitments: Annotated[tuple[EngagementBody, ...], Field(max_length=100)]
    declarations: DeclarationsBody


class CapBody(_Body):
    """The new cap of a cohort."""

    cap: Annotated[StrictInt, Field(ge=0, le=10_000_000)]


def to_ask(body: ApplicationBody) -> Ask | Refusal:
    """The command of an application, or why its content fits no charter."""
    charter = CHARTERS.get(body.charter_version)
    if charter is None:
        detail = f"La version {body.charter_version} de la charte n'existe pas."
        return Refusal(
            "invalid", "charte_inconnue", "Charte inconnue", detail, "charter_version", tuple(sorted(CHARTERS))
        )
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
