"""Health is progress."""

from common.health import Progress
from common.inbox import TopicPartition

WHERE = TopicPartition("t", 3)


def test_a_backlog_found_at_the_start_is_no_sign_of_being_stuck() -> None:
    progress = Progress(stuck_after=60)
    progress.moved(now=10_000)
    progress.started = True

    assert not progress.stuck(lag=5000, now=10_030)
    assert progress.stuck(lag=5000, now=10_061)
    assert not progress.stuck(lag=0, now=10_061)


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


def test_a_failing_batch_shows_until_one_is_applied() -> None:
    progress = Progress(stuck_after=60, started=True, failing="database: away")

    assert progress.problems(now=1) == ["database: away"]
    progress.moved(now=2)
    assert progress.problems(now=3) == []
