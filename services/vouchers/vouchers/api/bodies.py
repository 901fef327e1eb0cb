"""What people send: applications and decisions; checked, then commands."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.fields import Day
from common.http.problems import wrong
from france.fields import Siren
from vouchers.eligibility.facts import Declarations, Line
from vouchers.files.inputs import ApplyForVoucher, GrantVoucher, RefuseVoucher, WithdrawVoucher

MAX_CENTS = 1_000_000_000
"""Largest amount the doors take, in euro cents: 10 million euros, far above any spend of an SME on a chèque."""

Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_./:-]+$")]
Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_CENTS)]
Declared = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


EXAMPLE: Final[dict[str, Any]] = {
    "siren": "732829320",
    "envelope_id": "cheque-2026",
    "lines": [
        {
            "category": "cybersecurite",
            "supplier_siren": "552100554",
            "amount_cents": 200_000,
            "measure_id": "Q8.plan_continuite",
        }
    ],
    "declarations": {
        "taxes_up_to_date": True,
        "social_up_to_date": True,
        "no_recovery_order": True,
        "de_minimis_declared_cents": 0,
    },
}
DECISION: Final[dict[str, Any]] = {
    "siren": "732829320",
    "voucher_id": "0199c0de-0000-7000-8000-000000000001",
    "action": "grant",
    "actor": "instructeur-07",
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineBody(_Body):
    """Une ligne de dépense, hors taxes, en centimes."""

    category: Code
    supplier_siren: Siren
    amount_cents: Amount
    measure_id: Code
    ordered_on: Day | None = None


class DeclarationsBody(_Body):
    """Ce que le représentant légal déclare sur l’honneur ; montants en centimes."""

    taxes_up_to_date: StrictBool
    social_up_to_date: StrictBool
    no_recovery_order: StrictBool
    de_minimis_declared_cents: Declared
    other_public_aid_cents: Declared = 0


class ApplicationBody(_Body):
    """Un dossier complet."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    siren: Siren
    envelope_id: Code
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=50)]
    declarations: DeclarationsBody


class ActorBody(_Body):
    """Qui décide : l’identifiant de l’instructeur ou du compte de l’entreprise, pas de nom."""

    actor: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class DecisionBody(ActorBody):
    """Une décision qui se passe de raison."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "instructeur-07"}]})

    reason: Text = ""


class GrantBody(DecisionBody):
    """Un accord ; sans montant, tout ce qui est réservé et encore possible."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "instructeur-07", "amount_cents": 150_000}]})

    amount_cents: Amount | None = None


class RefusalBody(ActorBody):
    """Un refus ; la raison est une phrase pour l’entreprise."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"actor": "instructeur-07", "reason": "Le devis manque."}]}
    )

    reason: Annotated[Text, Field(min_length=1)]


class DecisionItem(GrantBody):
    """Une décision d’un lot."""

    model_config = ConfigDict(json_schema_extra={"examples": [DECISION]})

    siren: Siren
    voucher_id: UUID
    action: Literal["grant", "refuse", "withdraw"]


def to_application(body: ApplicationBody) -> Ask:
    """The command of an application."""
    lines = tuple(
        Line(line.category, line.supplier_siren, line.amount_cents, line.measure_id, line.ordered_on)
        for line in body.lines
    )
    said = body.declarations
    declarations = Declarations(
        said.taxes_up_to_date,
        said.social_up_to_date,
        said.no_recovery_order,
        said.de_minimis_declared_cents,
        said.other_public_aid_cents,
    )
    return Ask(ApplyForVoucher(body.envelope_id, lines, declarations), body.siren)


def to_decision(item: DecisionItem) -> Ask | Refusal:
    """The command of a decision, or what is wrong with it."""
    voucher_id = str(item.voucher_id)
    if item.action == "grant":
        return Ask(GrantVoucher(voucher_id, item.actor, item.reason, item.amount_cents), item.siren)
    if item.amount_cents is not None:
        return wrong("un montant ne va qu'avec « grant »", "amount_cents")
    if item.action == "withdraw":
        return Ask(WithdrawVoucher(voucher_id, item.actor, item.reason), item.siren)
    if not item.reason:
        return wrong("un refus est motivé", "reason")
    return Ask(RefuseVoucher(voucher_id, item.actor, item.reason), item.siren)
