"""What comes in, what goes out. Start reading here."""

from pathlib import Path
from typing import Final

from common.service import Service
from notifications import inputs, store
from notifications.api import routes
from notifications.decide import decide
from notifications.events import NotificationFailed, NotificationSent
from notifications.model import NOTHING, Awaiting, CompanyNotices
from notifications.sender import send_mails

SERVICE: Final[Service[CompanyNotices, Awaiting]] = Service(
    name="notifications",
    title="Contacts et messages aux entreprises",
    state=CompanyNotices,
    initial=lambda _: NOTHING,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    consumes={
        "diagnostic": (inputs.DiagnosticCompleted,),
        "matching": (
            inputs.ConnectorMatched,
            inputs.NeedUnserved,
            inputs.MatchAccepted,
            inputs.AidsRecommended,
        ),
        "labels": (
            inputs.LabelApplied,
            inputs.LabelGranted,
            inputs.LabelRefused,
            inputs.LabelWaitlisted,
            inputs.LabelExpired,
        ),
        "vouchers": (
            inputs.VoucherRequested,
            inputs.VoucherGranted,
            inputs.VoucherRefused,
            inputs.VoucherWaitlisted,
            inputs.VoucherRenounced,
            inputs.VoucherExpired,
        ),
    },
    publishes=(NotificationSent, NotificationFailed),
    commands=(inputs.SaveContact, inputs.EraseContact, inputs.Unsubscribe, inputs.RecordDelivery),
    routes=routes,
    loops=(send_mails,),
)
