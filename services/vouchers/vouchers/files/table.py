"""The table of the files: everything a company's files are decided on, and by which rule."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from vouchers.files.deposit import deposit, the_envelope_asked
from vouchers.files.inputs import (
    ApplyForVoucher,
    CompanyProfileUpdated,
    DiagnosticCompleted,
    GrantVoucher,
    LabelGranted,
    RefuseVoucher,
    ReservationDue,
    WithdrawVoucher,
)
from vouchers.files.instruction import (
    expire_file,
    grant_file,
    its_envelope,
    offer_release,
    refuse_file,
    withdraw_file,
)
from vouchers.files.model import Applicant, initial
from vouchers.files.told import described, diagnosed, labelled
from vouchers.waiting.follow_ups import OfferRelease

FILES: Final[Aggregate[Applicant]] = Aggregate(
    "files",
    Applicant,
    initial,
    (
        on(DiagnosticCompleted, diagnosed, of="diagnostic"),
        on(CompanyProfileUpdated, described, of="companies"),
        on(LabelGranted, labelled, of="labels"),
        on(ApplyForVoucher, deposit, pools=the_envelope_asked),
        on(GrantVoucher, grant_file, pools=its_envelope),
        on(RefuseVoucher, refuse_file, pools=its_envelope),
        on(WithdrawVoucher, withdraw_file, pools=its_envelope),
        on(ReservationDue, expire_file, pools=its_envelope),
        on(OfferRelease, offer_release, pools=its_envelope),
    ),
)
