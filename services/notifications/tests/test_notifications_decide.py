"""One fact, one message; one delivery, one event per message, once."""

import time
from datetime import date
from typing import Any

import msgspec
import pytest

from common.decision import Decision
from common.event import derive_id
from notifications import inputs
from notifications.decide import decide, notification_id
from notifications.events import NotificationFailed, NotificationSent
from notifications.model import (
    NONE_AWAITED,
    NOTHING,
    Awaiting,
    ContactAnswer,
    ContactErased,
    ContactSaved,
    ContactUnsubscribed,
    DeliveryAnswer,
    MessageToSend,
    Settled,
)
from notifications.rules.notices import BY_TEMPLATE, CATEGORIES, NOTICES
from notifications.service import SERVICE

from .samples import EVENTS, NOW, ROOT, SIREN, fact, message, told

CAUSE = derive_id(ROOT, 0)
LEGAL = {
    "label_applied", "label_granted", "label_refused", "label_expired", "voucher_requested", "voucher_granted",
    "voucher_refused", "voucher_renounced", "voucher_expired",
}  # fmt: skip


def test_every_consumed_fact_is_told_and_no_other() -> None:
    consumed = {kind for kinds in SERVICE.consumes.values() for kind in kinds}
    assert set(NOTICES) == consumed
    assert set(EVENTS) == set(BY_TEMPLATE)
    assert {notice.category for notice in NOTICES.values()} == set(CATEGORIES)


@pytest.mark.parametrize("template", EVENTS)
def test_a_fact_leads_to_one_message_and_changes_nothing_else(template: str) -> None:
    decision = decide(NOTHING, NONE_AWAITED, message(fact(template)))
    assert decision.state is NOTHING
    assert decision.shared is NONE_AWAITED
    assert not decision.events
    assert not decision.deadlines
    (row,) = decision.rows
    assert isinstance(row, MessageToSend)
    assert (row.siren, row.cause, row.template, row.region) == (SIREN, CAUSE, template, "84")
    assert row.legal is (template in LEGAL)
    assert msgspec.json.decode(msgspec.json.encode(row.fact), type=BY_TEMPLATE[template][0]) == fact(template)


@pytest.mark.parametrize(
    ("template", "deadline"),
    [
        ("connector_matched", date(2026, 11, 26)),
        ("label_granted", date(2028, 11, 23)),
        ("voucher_requested", date(2026, 12, 23)),
        ("voucher_granted", date(2027, 5, 1)),
        ("diagnostic_completed", None),
    ],
)
def test_the_deadline_is_a_paris_day(template: str, deadline: date | None) -> None:
    assert told(template).deadline == deadline


def test_the_same_event_gives_the_same_row_and_another_event_another() -> None:
    assert told("label_granted") == told("label_granted")
    assert told("label_granted", 1).cause != told("label_granted", 2).cause


def test_a_contact_is_recorded_and_the_answer_holds_nothing_personal() -> None:
    save = inputs.SaveContact("camille@exemple.fr", "Camille", "fr", ("email",), ("aides",), subscribed=None)
    decision = decide(NOTHING, NONE_AWAITED, message(save))
    (row,) = decision.rows
    assert isinstance(row, ContactSaved)
    assert (row.siren, row.email, row.name, row.muted, row.at) == (
        SIREN,
        "camille@exemple.fr",
        "Camille",
        ("aides",),
        NOW,
    )
    assert decision.answer == ContactAnswer(SIREN, "recorded")
    assert not decision.events
    assert decision.state is NOTHING


def test_erasing_and_unsubscribing() -> None:
    erased = decide(NOTHING, NONE_AWAITED, message(inputs.EraseContact()))
    assert erased.rows == (ContactErased(SIREN, NOW),)
    assert erased.answer == ContactAnswer(SIREN, "erased")
    ref = derive_id(ROOT, 9)
    left = decide(NOTHING, NONE_AWAITED, message(inputs.Unsubscribe(str(ref))))
    assert left.rows == (ContactUnsubscribed(SIREN, ref, NOW),)


def delivered(outcome: Any = "sent", reason: str = "", *causes: str) -> inputs.RecordDelivery:
    return inputs.RecordDelivery(causes or (str(CAUSE),), outcome, reason)


def test_a_sent_mail_publishes_one_event_per_message() -> None:
    second = derive_id(ROOT, 1)
    awaiting = Awaiting({str(CAUSE): "connector_matched", str(second): "aids_recommended"})
    decision = decide(NOTHING, awaiting, message(delivered("sent", "", str(CAUSE), str(second))))
    assert decision.events == (
        NotificationSent(SIREN, str(notification_id(CAUSE)), "connector_matched", "email", str(CAUSE)),
        NotificationSent(SIREN, str(notification_id(second)), "aids_recommended", "email", str(second)),
    )
    assert decision.rows == (Settled(SIREN, CAUSE, "sent", "", NOW), Settled(SIREN, second, "sent", "", NOW))
    assert decision.answer == DeliveryAnswer(2)
    assert decision.shared == NONE_AWAITED


def test_a_failed_mail_says_why() -> None:
    awaiting = Awaiting({str(CAUSE): "label_granted"})
    decision = decide(NOTHING, awaiting, message(delivered("failed", "550 5.1.1")))
    assert decision.events == (
        NotificationFailed(SIREN, str(notification_id(CAUSE)), "label_granted", "email", str(CAUSE), "550 5.1.1"),
    )


def test_a_delivery_is_recorded_once() -> None:
    awaiting = Awaiting({str(CAUSE): "label_granted"})
    first: Decision[Any, Any] = decide(NOTHING, awaiting, message(delivered("sent", "", str(CAUSE), str(CAUSE))))
    assert len(first.events) == 1
    again = decide(first.state, first.shared, message(delivered(), 1))
    assert (again.events, again.rows, again.answer) == ((), (), DeliveryAnswer(0))


@pytest.mark.parametrize("programmes", [None, [{"name": 1}], {"name": "x"}])
def test_a_list_of_aids_that_cannot_be_read_is_refused_when_it_arrives(programmes: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match="programmes: "):
        fact("aids_recommended", programmes=programmes)


def test_an_input_that_nobody_declared_is_a_bug() -> None:
    with pytest.raises(TypeError, match="cannot decide str"):
        decide(NOTHING, NONE_AWAITED, message("?"))


def test_a_decision_costs_microseconds() -> None:
    """A coarse guard against accidents, not a benchmark: far above what it takes."""
    content = message(fact("diagnostic_completed"))
    began = time.process_time()
    for _ in range(2000):
        decide(NOTHING, NONE_AWAITED, content)
    assert (time.process_time() - began) / 2000 < 50e-6
