"""What the contracts of this service's events let through."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from common.declare.contract import contract
from vouchers.events import VoucherRequested

REQUESTED = VoucherRequested(
    siren="443061841",
    voucher_id="d",
    envelope_id="e",
    amount_asked_cents=100_000,
    lines=(),
    de_minimis_declared_cents=0,
    reply_by=date(2026, 12, 23),
    region="84",
)


@pytest.mark.parametrize("field", ["amount_asked_cents", "de_minimis_declared_cents"])
def test_no_amount_of_an_event_is_below_zero(field: str) -> None:
    contract(VoucherRequested).validate_json(msgspec.json.encode(replace(REQUESTED, **{field: 0})))
    with pytest.raises(ValidationError, match=field):
        contract(VoucherRequested).validate_json(msgspec.json.encode(replace(REQUESTED, **{field: -1})))


def test_a_request_that_does_not_say_so_has_its_money() -> None:
    """As all did before there was a word for it: their events stand in Kafka without it."""
    said = msgspec.json.decode(msgspec.json.encode(REQUESTED))

    assert "reserved" not in said
    assert msgspec.json.decode(msgspec.json.encode(said), type=VoucherRequested).reserved
    assert msgspec.json.decode(msgspec.json.encode(replace(REQUESTED, reserved=False)))["reserved"] is False
