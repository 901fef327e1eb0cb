"""Health is progress."""

from common.core.inbox import TopicPartition
from common.process.health import Progress

WHERE = TopicPartition("t", 3)


def test_a_backlog_found_at_the_start_is_no_sign_of_being_stuck() -> None:
    progress = Progress(stuck_after=60)
    progress.moved(now=10_000)
    progress.started = True

    assert not progress.stuck(lag=5000, now=10_030)
    assert progress.stuck(lag=5000, now=10_061)
    assert not progress.stuck(lag=0, now=10_061)


def test_one_record_that_waits_too_long_is_enough_to_be_stuck() -> None:
    progress = Progress(stuck_after=60, started=True, moved_at=100)

    assert not progress.stuck(lag=1, now=160)
    assert progress.stuck(lag=1, now=160.1)
    progress.started = False
    assert not progress.stuck(lag=1, now=200)


def test_time_in_which_nobody_could_look_is_not_held_against_a_process() -> None:
    progress = Progress(stuck_after=60, started=True, moved_at=100)
    progress.look(now=101, computed=0)
    progress.look(now=401, computed=1)  # the machine was frozen for five minutes

    assert not progress.stuck(lag=5, now=401)
    for second in range(402, 462):
        progress.look(now=second, computed=1)
    assert progress.stuck(lag=5, now=461)


def test_a_process_that_computes_has_longer_than_one_that_waits() -> None:
    ended: dict[float, int] = {}
    for share in (0.0, 0.4, 0.9):
        progress = Progress(stuck_after=60, started=True)
        for second in range(1, 1000):
            progress.look(now=second, computed=second * share)
            if progress.stuck(lag=5, now=second):
                ended[share] = second
                break

    assert ended == {0.0: 61, 0.4: 61, 0.9: 297}


def test_a_process_that_stops_is_not_stuck() -> None:
    assert not Progress(stuck_after=60, started=True, stopping=True).stuck(lag=1, now=1e6)


def test_a_gap_turns_readiness_red_after_a_while_and_green_when_it_heals() -> None:
    progress = Progress(stuck_after=60, started=True)
    progress.note_gaps({WHERE: 7}, set(), now=100)

    assert progress.problems(now=102) == []
    progress.note_gaps({WHERE: 7}, set(), now=104)
    assert progress.problems(now=106) == ["sequence gap: t/3 waits for 7"]
    progress.note_gaps({}, {WHERE}, now=107)
    assert progress.problems(now=200) == []


def test_a_gap_that_another_process_has_now_is_forgotten() -> None:
    progress = Progress(stuck_after=60, started=True)
    progress.note_gaps({WHERE: 7}, set(), now=100)

    progress.note_assigned(frozenset({WHERE}))
    assert progress.problems(now=200)
    progress.note_assigned(frozenset())
    assert progress.problems(now=200) == []


def test_a_missing_number_is_looked_for_at_the_position_then_from_the_beginning() -> None:
    progress = Progress(stuck_after=60, started=True)
    progress.note_gaps({WHERE: 7}, set(), now=100)

    looked = {now: progress.rereads(now) for now in range(101, 240)}

    assert {now: due[WHERE] for now, due in looked.items() if due} == {105: False, 110: True, 170: True, 230: True}


def test_a_log_that_lost_its_end_turns_readiness_red_until_it_is_read_on() -> None:
    progress = Progress(stuck_after=60, started=True)
    progress.note_ends({WHERE: (0, 40)}, now=100)
    progress.note_ends({WHERE: (0, 40)}, now=104)

    assert progress.problems(now=104) == []
    assert progress.problems(now=106) == ["records lost: t/3 ends at offset 0, 40 were read"]
    progress.note_ends({}, now=107)
    assert progress.problems(now=200) == []


def test_an_open_transaction_turns_readiness_red_until_it_is_ended() -> None:
    progress = Progress(stuck_after=60, started=True)
    progress.note_held({WHERE}, now=100)
    progress.note_held({WHERE}, now=104)

    assert progress.problems(now=104) == []
    assert progress.problems(now=106) == ["open transaction: t/3 waits until its writer or the broker ends it"]
    progress.note_held(set(), now=107)
    assert progress.problems(now=200) == []


def test_a_failing_batch_shows_until_one_is_applied() -> None:
    progress = Progress(stuck_after=60, started=True, failing="database: away")

    assert progress.problems(now=1) == ["database: away"]
    progress.moved(now=2)
    assert progress.problems(now=3) == []


def test_a_process_that_may_not_write_is_not_stuck() -> None:
    progress = Progress(60, started=True)
    progress.note_work(5, now=100, may_write=False)
    assert not progress.stuck(5, now=159)
    progress.note_work(5, now=160, may_write=True)
    assert progress.stuck(5, now=161)
    progress.note_work(0, now=162, may_write=True)
    assert not progress.stuck(5, now=163)


def test_a_failure_ends_when_what_it_named_works_again() -> None:
    """Applied after all (the answer to the commit was lost), or by another process: no batch comes again here."""
    other = TopicPartition("t", 4)
    progress = Progress(stuck_after=60, started=True)
    progress.note_failure("database: away", frozenset({WHERE, other}))

    progress.note_lags(frozenset({WHERE, other}), {})
    assert progress.problems(now=1) == ["database: away"]
    progress.note_lags(frozenset({WHERE, other}), {WHERE: 0, other: 3})
    assert progress.problems(now=2) == ["database: away"]
    progress.note_lags(frozenset({WHERE, other}), {WHERE: 0, other: 0})
    assert progress.problems(now=3) == []

    progress.note_failure("database: away", frozenset({WHERE}))
    progress.note_lags(frozenset({other}), {other: 3})
    assert progress.problems(now=4) == []


def test_events_that_wait_while_none_is_published_are_remarked_and_leave_the_doors_open() -> None:
    progress = Progress(60, started=True)
    progress.note_unpublished(5, 100, now=0)
    progress.note_unpublished(5, 100, now=10)
    assert progress.remarks(now=30) == []
    progress.note_unpublished(5, 100, now=31)
    assert progress.remarks(now=31) == ["broker: events wait and none is published for 31 s"]
    assert progress.unpublished(now=31) == 31
    assert progress.problems(now=31) == [], "commands are committed, their events wait in the outbox"

    progress.note_unpublished(9, 101, now=32)  # slow is not frozen
    assert progress.remarks(now=62) == []
    progress.note_unpublished(9, 101, now=33)
    progress.note_unpublished(0, 110, now=40)
    assert progress.remarks(now=100) == []
    assert progress.unpublished(now=100) == 0


def test_a_missing_topic_is_a_problem_with_the_reason_why_it_stays_missing() -> None:
    progress = Progress(60, started=True, missing_topics={"b": "", "a": "may not"})
    assert progress.problems(0) == ["topic missing: a (it cannot be made again: may not)", "topic missing: b"]
    progress.missing_topics = {}
    assert progress.problems(0) == []
