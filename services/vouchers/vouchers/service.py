"""The service as data: start reading here."""

from pathlib import Path
from typing import Final

from common.service import Service
from vouchers import store
from vouchers.api import routes
from vouchers.decide import decide
from vouchers.events import (
    BudgetReleased,
    BudgetReserved,
    EnvelopeExhausted,
    VoucherExpired,
    VoucherGranted,
    VoucherRefused,
    VoucherRenounced,
    VoucherRequested,
    VoucherWaitlisted,
)
from vouchers.inputs import (
    ApplyForVoucher,
    CompanyProfileUpdated,
    DiagnosticCompleted,
    GrantVoucher,
    LabelGranted,
    OfferRelease,
    RefuseVoucher,
    ReservationDue,
    WithdrawVoucher,
)
from vouchers.model import Applicant, Envelopes, initial
from vouchers.offers import offer_released_money

SERVICE: Final[Service[Applicant, Envelopes]] = Service(
    name="vouchers",
    title="Chèques numériques et budget",
    consumes={
        "companies": (CompanyProfileUpdated,),
        "diagnostic": (DiagnosticCompleted,),
        "labels": (LabelGranted,),
    },
    publishes=(
        VoucherRequested,
        VoucherGranted,
        VoucherRefused,
        VoucherWaitlisted,
        VoucherRenounced,
        VoucherExpired,
        BudgetReserved,
        BudgetReleased,
        EnvelopeExhausted,
    ),
    commands=(ApplyForVoucher, GrantVoucher, RefuseVoucher, WithdrawVoucher, OfferRelease),
    deadlines=(ReservationDue,),
    state=Applicant,
    initial=initial,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    routes=routes,
    loops=(offer_released_money,),
)
