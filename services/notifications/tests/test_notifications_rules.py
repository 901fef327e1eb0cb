"""One fact, one message; one delivery, one event per message, once."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import msgspec
import pytest

from common.declare.aggregate import NOTHING
from common.declare.decision import Decision
from common.declare.errors import Misconfigured
from common.declare.event import derive_id
from common.declare.inputs import Consumed
from common.declare.pool import NO_POOLS, PoolMissing, Ref
from common.testing.rules import after, decided, rule_of
from notifications.contacts.inputs import EraseContact, SaveContact, Unsubscribe
from notifications.contacts.model import ContactAnswer, ContactErased, ContactSaved, ContactUnsubscribed
from notifications.contacts.table import CONTACTS
from notifications.events import NotificationFailed, NotificationSent
from notifications.messages.deliveries import its_messages, record
from notifications.messages.inputs import REMEMBERED, RecordDelivery, read_once
from notifications.messages.model import (
    PENDING,
    DeliveryAnswer,
    MessageToSend,
    Settled,
    notification_id,
    pending_key,
)
from notifications.messages.notices import Category
from notifications.messages.table import BY_TEMPLATE, MESSAGES
from notifications.service import SERVICE

from .samples import EVENTS, NOW, ROOT, SIREN, fact, message, told

CAUSE = derive_id(ROOT, 0)
LEGAL = {
    "label_applied", "label_granted", "label_refused", "label_expired", "voucher_requested", "voucher_granted",
    "voucher_refused", "voucher_renounced", "voucher_expired", "voucher_reserved", "label_waitlisted",
    "voucher_waitlisted",
}  # fmt: skip


def test_every_consumed_fact_is_told_and_no_other() -> None:
    assert [kind for kind, _ in BY_TEMPLATE.values()] == list(SERVICE.inputs(Consumed))
    assert set(EVENTS) == set(BY_TEMPLATE)
    assert {notice.category for _, notice in BY_TEMPLATE.values()} == set(get_args(Category))


@pytest.mark.parametrize("line", MESSAGES.rules)
def test_a_line_that_is_missing_stops_the_start(line: Any) -> None:
    shorter = replace(MESSAGES, rules=tuple(rule for rule in MESSAGES.rules if rule is not line))
    with pytest.raises(Misconfigured, match=f"{line.input.__name__} .* has no rule"):
        replace(SERVICE, aggregates=(CONTACTS, shorter))


@pytest.mark.parametrize("template", EVENTS)
def test_a_fact_leads_to_one_message_and_changes_nothing_else(template: str) -> None:
    content = fact(template)
    decision = decided(SERVICE, NOTHING, message(content))
    (row,) = decision.rows
    assert isinstance(row, MessageToSend)
    assert (row.siren, row.cause, row.template, row.region) == (SIREN, CAUSE, template, "84")
    assert row.legal is (template in LEGAL)
    assert row.shared is (template == "aids_recommended")
    assert msgspec.json.decode(msgspec.json.encode(row.fact), type=BY_TEMPLATE[template][0]) == content
    assert decision.state is NOTHING
    assert decision == Decision(NOTHING, rows=(row,))


@pytest.mark.parametrize("template", EVENTS)
def test_a_fact_needs_nothing_of_the_database(template: str) -> None:
    assert not MESSAGES.kept
    assert rule_of(SERVICE, fact(template)).pools is None


@pytest.mark.parametrize(
    ("template", "deadline"),
    [
        ("connector_matched", date(2026, 11, 26)),
        ("label_granted", date(2028, 11, 23)),
        ("voucher_requested", date(2026, 12, 23)),
        ("voucher_granted", date(2027, 5, 1)),
        ("voucher_reserved", date(2026, 12, 23)),
        ("diagnostic_completed", None),
    ],
)
def test_the_deadline_is_a_paris_day(template: str, deadline: date | None) -> None:
    assert told(template).deadline == deadline


def test_a_file_that_waits_has_no_deadline_and_one_that_does_not_say_so_is_reserved() -> None:
    assert told("voucher_requested", reserved=False).deadline is None
    of_before = {name: value for name, value in EVENTS["voucher_requested"].items() if name != "reserved"}
    assert msgspec.convert(of_before, BY_TEMPLATE["voucher_requested"][0]).deadline == date(2026, 12, 23)


def test_the_same_event_gives_the_same_row_and_another_event_another() -> None:
    assert told("label_granted") == told("label_granted")
    assert told("label_granted", 1).cause != told("label_granted", 2).cause


def test_a_contact_is_recorded_and_the_answer_holds_nothing_personal() -> None:
    save = SaveContact("camille@exemple.fr", "Camille", "fr", ("email",), ("aides",), subscribed=None)
    decision = decided(SERVICE, NOTHING, message(save))
    (row,) = decision.rows
    assert isinstance(row, ContactSaved)
    assert (row.siren, row.email, row.name, row.muted, row.at) == (
        SIREN,
        "camille@exemple.fr",
        "Camille",
        ("aides",),
        NOW,
    )
    assert decision == Decision(NOTHING, rows=(row,), answer=ContactAnswer(SIREN, "recorded"))


def test_erasing_and_unsubscribing() -> None:
    erased = decided(SERVICE, NOTHING, message(EraseContact()))
    assert erased == Decision(NOTHING, rows=(ContactErased(SIREN, NOW),), answer=ContactAnswer(SIREN, "erased"))
    ref = derive_id(ROOT, 9)
    left = decided(SERVICE, NOTHING, message(Unsubscribe(str(ref))))
    assert left.rows == (ContactUnsubscribed(SIREN, ref, NOW),)
    assert left.answer == ContactAnswer(SIREN, "unsubscribed")


# --- deliveries ------------------------------------------------------------------------------------------------------


def delivered(outcome: Any = "sent", reason: str = "", *causes: str) -> RecordDelivery:
    return RecordDelivery(causes or (str(CAUSE),), outcome, reason)


def its(cause: object) -> Ref:
    return PENDING.at(pending_key(SIREN, str(cause)))


def recorded(pools: Mapping[Ref, Any], delivery: RecordDelivery, index: int = 0) -> Decision[Any]:
    return decided(SERVICE, NOTHING, message(delivery, index), pools)


def test_a_sent_mail_publishes_one_event_per_message() -> None:
    second = derive_id(ROOT, 1)
    waiting = {its(CAUSE): "connector_matched", its(second): "aids_recommended"}
    decision = recorded(waiting, delivered("sent", "", str(CAUSE), str(second)))
    assert decision.events == tuple(
        NotificationSent(
            siren=SIREN,
            notification_id=str(notification_id(cause)),
            template=template,
            channel="email",
            cause=str(cause),
        )
        for cause, template in ((CAUSE, "connector_matched"), (second, "aids_recommended"))
    )
    end = Settled("sent", "", NOW)
    assert after(waiting, decision.draws) == {its(CAUSE): end, its(second): end}
    assert decision.answer == DeliveryAnswer(2)
    assert decision.state is NOTHING
    assert not decision.rows


@pytest.mark.parametrize(("reason", "told_as"), [("550 5.1.1", "550 5.1.1"), ("", "échec sans précision")])
def test_a_failed_mail_says_why(reason: str, told_as: str) -> None:
    decision = recorded({its(CAUSE): "label_granted"}, delivered("failed", reason))
    assert decision.events == (
        NotificationFailed(
            siren=SIREN,
            notification_id=str(notification_id(CAUSE)),
            template="label_granted",
            channel="email",
            cause=str(CAUSE),
            reason=told_as,
        ),
    )
    assert decision.draws == (PENDING.drawn(its(CAUSE).key, Settled("failed", reason, NOW)),)


def test_a_delivery_is_recorded_once() -> None:
    waiting: dict[Ref, Any] = {its(CAUSE): "label_granted"}
    first = recorded(waiting, delivered("sent", "", str(CAUSE), str(CAUSE)))
    assert len(first.events) == len(first.draws) == 1
    again = recorded(after(waiting, first.draws), delivered(), 1)
    assert again == Decision(NOTHING, answer=DeliveryAnswer(0))


def test_only_what_still_waits_is_settled() -> None:
    gone = derive_id(ROOT, 1)
    pools = {its(CAUSE): "label_granted", its(gone): PENDING.initial(its(gone).key)}
    decision = recorded(pools, delivered("sent", "", str(gone), str(CAUSE)))
    assert [event.cause for event in decision.events if isinstance(event, NotificationSent)] == [str(CAUSE)]
    assert [draw.ref for draw in decision.draws] == [its(CAUSE)]
    assert decision.answer == DeliveryAnswer(1)


def test_a_delivery_names_every_message_of_its_mail() -> None:
    second = derive_id(ROOT, 1)
    asked = message(delivered("sent", "", str(CAUSE), str(second)))
    assert list(its_messages(asked, NOTHING)) == [its(CAUSE), its(second)]
    with pytest.raises(PoolMissing):
        record(NOTHING, NO_POOLS, asked)


@pytest.mark.parametrize("programmes", [None, [{"name": 1}], {"name": "x"}])
def test_a_list_of_aids_that_cannot_be_read_is_refused_when_it_arrives(programmes: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match="programmes: "):
        fact("aids_recommended", programmes=programmes)


def test_a_decision_costs_microseconds() -> None:
    """A coarse guard against accidents, not a benchmark: far above what it takes."""
    content = message(fact("diagnostic_completed"))
    rule = rule_of(SERVICE, content.input)
    began = time.process_time()
    for _ in range(2000):
        rule.decide(NOTHING, NO_POOLS, content)
    assert (time.process_time() - began) / 2000 < 50e-6


def test_a_list_too_long_to_be_remembered_is_checked_all_the_same() -> None:
    (first, *_) = msgspec.json.decode(fact("aids_recommended").document)
    assert len(fact("aids_recommended", programmes=[first] * 400).programmes) == 400
    with pytest.raises(msgspec.ValidationError, match="programmes: "):
        fact("aids_recommended", programmes=[first] * 400 + [{"name": 1}])


@pytest.mark.parametrize(("longer", "remembered"), [(0, True), (1, False)])
def test_only_a_list_that_is_not_too_long_is_remembered(longer: int, *, remembered: bool) -> None:
    (first, *_) = msgspec.json.decode(fact("aids_recommended").document)
    room = REMEMBERED + longer - len(msgspec.json.encode([first | {"name": ""}]))
    read = read_once.cache_info().misses
    fact("aids_recommended", programmes=[first | {"name": "x" * room}])
    assert read_once.cache_info().misses - read == remembered
