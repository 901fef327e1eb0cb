"""What a company costs never grows unnoticed: the counters of a fixed run against the committed baseline."""

import os

import pytest

from benchmarks.counters import COMPANIES, Outcome, read_baseline, run
from embedded.progress import quiet

HOW_TO_MEND = "if this is meant, write the baseline again: python -m benchmarks counters --write"


@pytest.mark.stack
async def test_no_counter_grew() -> None:
    bootstrap, dsn = os.environ["CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"], os.environ["CROISSANCE_DATABASE__DSN"]
    outcome = await run(bootstrap, dsn, COMPANIES, quiet)
    outcome.compare(read_baseline())
    assert not outcome.excess, "\n".join([*map(str, outcome.excess), HOW_TO_MEND])


def compared(found: dict[str, int]) -> Outcome:
    outcome = Outcome(10, found)
    outcome.compare(Outcome(10, {"a.statements": 100, "a.wal_bytes": 1000}))
    return outcome


def test_an_exact_counter_may_not_grow_by_one() -> None:
    assert [e.name for e in compared({"a.statements": 101, "a.wal_bytes": 1000}).excess] == ["a.statements"]


def test_bytes_have_a_tolerance() -> None:
    assert not compared({"a.statements": 100, "a.wal_bytes": 1020}).excess
    assert [e.name for e in compared({"a.statements": 100, "a.wal_bytes": 1021}).excess] == ["a.wal_bytes"]


def test_a_new_counter_is_growth_and_less_is_told() -> None:
    outcome = compared({"a.wal_bytes": 900, "b.statements": 1})
    assert [e.name for e in outcome.excess] == ["b.statements"]
    assert [e.name for e in outcome.shrunk] == ["a.statements", "a.wal_bytes"]


def test_another_number_of_companies_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="of 10 companies, this run of 11"):
        Outcome(11).compare(Outcome(10))
