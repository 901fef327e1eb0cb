"""When waiting messages leave: waves, legal acts, the weekly limit, quiet hours, preferences."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from france.days import PARIS
from notifications.messages.planning import Plan, Waiting, mail_id, plan, retry_pause
from notifications.ruleset import Ruleset

from .samples import CONTACT, NOW, waiting

RULESET = Ruleset(gather=timedelta(seconds=2), per_week=2, quiet=None, lease=timedelta(minutes=5))
LATER = NOW + timedelta(seconds=3)
NIGHT = (time(20), time(8))


def planned(messages: list[Waiting], *recent: datetime, ruleset: Ruleset = RULESET, now: datetime = LATER) -> Plan:
    return plan(ruleset, CONTACT, messages, recent, now)


def templates(made: Plan) -> list[list[str]]:
    return [[message.template for message in mail.messages] for mail in made.mails]


def test_a_wave_leaves_as_one_mail() -> None:
    wave = [waiting("diagnostic_completed", 1), waiting("connector_matched", 2), waiting("aids_recommended", 3)]
    made = planned(wave)
    assert templates(made) == [["diagnostic_completed", "connector_matched", "aids_recommended"]]
    assert made.mails[0].mail_id == mail_id(wave[0].cause)


def test_a_wave_waits_for_its_window_and_then_takes_the_latecomers() -> None:
    first = waiting("diagnostic_completed", 1)
    assert planned([first], now=NOW + timedelta(seconds=1)) == Plan(())
    late = waiting("aids_recommended", 2, ready_at=LATER, recorded_at=LATER)
    assert templates(planned([first, late])) == [["diagnostic_completed", "aids_recommended"]]


def test_a_wave_leaves_when_its_window_is_over() -> None:
    assert templates(planned([waiting("need_unserved", 1)], now=NOW + RULESET.gather)) == [["need_unserved"]]


def test_mails_leave_in_the_order_of_their_oldest_messages() -> None:
    wave = [
        waiting("diagnostic_completed", 1),
        waiting("voucher_granted", 2, recorded_at=NOW + timedelta(milliseconds=1)),
        waiting("connector_matched", 3, recorded_at=NOW + timedelta(milliseconds=2)),
    ]
    assert templates(planned(wave)) == [["diagnostic_completed", "connector_matched"], ["voucher_granted"]]


def test_legal_acts_leave_at_once_and_alone() -> None:
    acts = [waiting("voucher_requested", 1), waiting("voucher_granted", 2), waiting("aids_recommended", 3)]
    made = planned(acts, now=NOW)
    assert templates(made) == [["voucher_requested"], ["voucher_granted"]]
    assert all(mail.legal for mail in made.mails)


def test_the_third_ordinary_mail_of_a_week_waits_and_legal_acts_do_not() -> None:
    sent = [NOW - timedelta(days=6), NOW - timedelta(days=2)]
    made = planned([waiting("need_unserved", 1), waiting("label_granted", 2)], *sent)
    assert templates(made) == [["label_granted"]]
    assert [message.template for message in made.held] == ["need_unserved"]
    assert made.hold_until == NOW + timedelta(days=1)


@pytest.mark.parametrize("days", [(1, 5), (5, 1), (8, 1, 5), (1, 5, 6)])
def test_the_weekly_limit_asks_for_no_order(days: tuple[int, ...]) -> None:
    made = planned([waiting("need_unserved", 1)], *(NOW - timedelta(days=day) for day in days))
    assert made.hold_until == NOW + timedelta(days=2)


def test_a_mail_of_a_week_ago_does_not_count() -> None:
    ago = LATER - timedelta(days=7)
    assert templates(planned([waiting("need_unserved", 1)], ago, NOW)) == [["need_unserved"]]
    late = planned([waiting("need_unserved", 1)], ago + timedelta(microseconds=1), NOW)
    assert late.hold_until == LATER + timedelta(microseconds=1)


def test_what_waited_for_the_week_leaves_as_one_digest() -> None:
    held = [waiting("need_unserved", 1), waiting("match_accepted", 2)]
    made = planned(held, NOW - timedelta(days=2), now=NOW + timedelta(days=1))
    assert templates(made) == [["need_unserved", "match_accepted"]]


def test_without_a_limit_nothing_waits() -> None:
    made = planned([waiting("need_unserved", 1)], NOW, NOW, NOW, ruleset=replace(RULESET, per_week=0))
    assert templates(made) == [["need_unserved"]]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 11, 23, 19, 30, tzinfo=UTC), datetime(2026, 11, 24, 7, tzinfo=UTC)),  # 20:30 in Paris
        (datetime(2026, 11, 24, 5, 30, tzinfo=UTC), datetime(2026, 11, 24, 7, tzinfo=UTC)),  # 06:30 in Paris
        (datetime(2026, 7, 1, 18, 0, tzinfo=UTC), datetime(2026, 7, 2, 6, tzinfo=UTC)),  # summer time: 20:00
        (datetime(2026, 11, 24, 7, 0, tzinfo=UTC), None),  # 08:00 in Paris
        (datetime(2026, 11, 23, 18, 59, tzinfo=UTC), None),
    ],
)
def test_quiet_hours_in_paris(now: datetime, until: datetime | None) -> None:
    before = now - timedelta(minutes=1)
    messages = [
        waiting("aids_recommended", 1, ready_at=before), waiting("voucher_granted", 2, ready_at=before)
    ]  # fmt: skip
    made = planned(messages, ruleset=replace(RULESET, quiet=NIGHT), now=now)
    assert made.hold_until == until
    assert ["voucher_granted"] in templates(made)
    assert (["aids_recommended"] in templates(made)) is (until is None)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (time(11, 59), None),
        (time(12), time(14)),
        (time(12, 30), time(14)),
        (time(13, 59), time(14)),
        (time(14), None),
        (time(15), None),
    ],
)
def test_quiet_hours_within_one_day(at: time, until: time | None) -> None:
    day = datetime(2026, 11, 23, tzinfo=PARIS)
    now = datetime.combine(day, at, PARIS).astimezone(UTC)
    message = waiting("aids_recommended", ready_at=now - timedelta(minutes=1))
    made = planned([message], ruleset=replace(RULESET, quiet=(time(12), time(14))), now=now)
    assert made.hold_until == (until and datetime.combine(day, until, PARIS))


def test_quiet_hours_that_end_as_they_begin_are_none() -> None:
    made = planned([waiting("aids_recommended")], ruleset=replace(RULESET, quiet=(time(12), time(12))))
    assert made.hold_until is None


def test_preferences_drop_ordinary_messages_only() -> None:
    messages = [waiting("aids_recommended", 1), waiting("diagnostic_completed", 2), waiting("label_granted", 3)]
    muted = plan(RULESET, CONTACT._replace(muted=("aides",)), messages, (), LATER)
    assert templates(muted) == [["label_granted"], ["diagnostic_completed"]]
    assert [message.template for message in muted.dropped] == ["aids_recommended"]
    for contact in (CONTACT._replace(unsubscribed_at=NOW), CONTACT._replace(channels=())):
        made = plan(RULESET, contact, messages, (), LATER)
        assert templates(made) == [["label_granted"]]
        assert len(made.dropped) == 2


@pytest.mark.parametrize("template", ["label_waitlisted", "voucher_waitlisted", "voucher_reserved"])
def test_a_change_of_the_state_of_a_file_is_never_dropped(template: str) -> None:
    unwilling = CONTACT._replace(unsubscribed_at=NOW, channels=(), muted=("label", "cheque"))
    assert templates(plan(RULESET, unwilling, [waiting(template)], (), NOW)) == [[template]]


def test_a_mail_begun_before_keeps_its_messages_and_its_id() -> None:
    begun = mail_id(waiting("diagnostic_completed", 1).cause)
    messages = [
        waiting("diagnostic_completed", 1, mail_id=begun, attempts=2),
        waiting("connector_matched", 2, mail_id=begun, attempts=2),
        waiting("aids_recommended", 3),
    ]
    made = planned(messages)
    assert templates(made) == [["diagnostic_completed", "connector_matched"], ["aids_recommended"]]
    assert made.mails[0].mail_id == begun
    assert [mail.attempts for mail in made.mails] == [2, 0]
    assert made.mails[1].mail_id != begun


def test_a_company_with_nothing_ready_gets_nothing() -> None:
    assert planned([]) == Plan(())


@given(
    kinds=st.lists(st.sampled_from(["diagnostic_completed", "label_granted", "aids_recommended", "voucher_granted"])),
    recent=st.lists(st.integers(0, 10), max_size=4),
)
def test_every_message_is_sent_held_or_waits_exactly_once(kinds: list[str], recent: list[int]) -> None:
    messages = [waiting(kind, index) for index, kind in enumerate(kinds)]
    made = planned(messages, *(NOW - timedelta(days=days) for days in recent))
    told = [message for mail in made.mails for message in mail.messages] + list(made.held) + list(made.dropped)
    assert sorted(message.cause for message in told) == sorted(message.cause for message in messages)
    assert sum(not mail.legal for mail in made.mails) <= 1
    assert len({mail.mail_id for mail in made.mails}) == len(made.mails)


def test_retries_double_up_to_a_cap_with_jitter() -> None:
    pauses = [retry_pause(attempt, 60, 3600, 1.0).total_seconds() for attempt in (1, 2, 3, 20, 200)]
    assert pauses == [60, 120, 240, 3600, 3600]
    assert retry_pause(1, 60, 3600, 0.0) == timedelta(seconds=30)
