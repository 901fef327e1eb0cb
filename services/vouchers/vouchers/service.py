"""The service as data: start reading here, then `files/table.py` and `envelopes/table.py`."""

from typing import Final

from common.declare.service import Service
from vouchers.envelopes.table import ENVELOPE_RULES
from vouchers.events import (
    BudgetReleased,
    BudgetReserved,
    EnvelopeExhausted,
    VoucherExpired,
    VoucherGranted,
    VoucherRefused,
    VoucherRenounced,
    VoucherRequested,
    VoucherReserved,
    VoucherWaitlisted,
)
from vouchers.files.table import FILES
from vouchers.ledger.envelope import ENVELOPES
from vouchers.waiting.head import WAITING

SERVICE: Final = Service(
    name="vouchers",
    title="Chèques numériques et budget",
    aggregates=(FILES, ENVELOPE_RULES),
    publishes=(
        VoucherRequested,
        VoucherReserved,
        VoucherGranted,
        VoucherRefused,
        VoucherWaitlisted,
        VoucherRenounced,
        VoucherExpired,
        BudgetReserved,
        BudgetReleased,
        EnvelopeExhausted,
    ),
    pools=(ENVELOPES, WAITING),
)
