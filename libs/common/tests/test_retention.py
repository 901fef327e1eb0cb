"""Growth has an end: what nobody needs any more is forgotten after the time that the settings say, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from common.core.unit_of_work import Remembered
from common.postgres.retention import ANSWERS, ARRIVALS, CONTENTS, LETTERS, Kept, forget
from common.process.settings import Settings
from common.testing.chain import COUNTER

from .conftest import OpenPostgres
from .places import PostgresPlace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEPT = Kept(answers=7 * DAY, letters=90 * DAY, arrivals=400 * DAY)
LETTER = """insert into dead_letters
        (topic, partition, "offset", sequence, key, headers, raw_headers, value, reason, status, settled_at)
    select 't', 0, n, $1, 'k', '[["a", "b"]]', 'ab', 'value', 'because', $2, $3
    from generate_series(1 + (select count(*) from dead_letters), $4 + (select count(*) from dead_letters)) n"""


async def letters(place: PostgresPlace, status: str, days: float | None, many: int = 1, number: int | None = 7) -> None:
    """Dead letters that were settled so many days ago."""
    settled = None if days is None else NOW - days * DAY
    await place.pool.execute(LETTER, number, status, settled, many)


async def test_answers_are_forgotten_in_small_batches(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    async with place.begin() as transaction:
        await transaction.remember({f"k{n}": Remembered(b"hash", 201, b"{}") for n in range(25)})
    await place.pool.execute("update idempotency set at = $1", NOW - 7.1 * DAY)
    await place.pool.execute("update idempotency set at = $1 where key in ('k3', 'k4')", NOW - 6.9 * DAY)

    assert await forget(place.pool, NOW, KEPT, at_once=10) == 23
    async with place.begin() as transaction:
        assert set(await transaction.recall([f"k{n}" for n in range(25)])) == {"k3", "k4"}
    assert await forget(place.pool, NOW, KEPT, at_once=10) == 0


async def test_settled_letters_are_forgotten_and_open_ones_stay(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    for status, days, many in (("open", None, 2), ("replay", None, 1), ("replayed", 91, 3), ("dropped", 91, 30)):
        await letters(place, status, days, many)
    await letters(place, "dropped", 89)

    assert await forget(place.pool, NOW, KEPT, at_once=10) == 33
    assert [letter.status for letter in await place.letters()] == ["open", "open", "replay", "dropped"]


async def test_of_a_letter_without_a_number_the_place_stays(open_postgres: OpenPostgres) -> None:
    """The audit reads the log and asks where such a record went: its offset is the only thing that says so."""
    place = await open_postgres(COUNTER)
    await letters(place, "dropped", 91, 12, number=None)
    await letters(place, "open", None, 1, number=None)

    assert await forget(place.pool, NOW, KEPT, at_once=5) == 12
    assert await forget(place.pool, NOW, KEPT, at_once=5) == 0
    rows = await place.pool.fetch('select "offset", value, raw_headers from dead_letters order by 1')
    assert [tuple(row) for row in rows] == [*((n, None, b"") for n in range(1, 13)), (13, b"value", b"ab")]


async def test_ids_of_partners_are_kept_longer(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    async with place.begin() as transaction:
        await transaction.admit({("cci", "old"): b"1", ("cci", "new"): b"2"})
    await place.pool.execute("update arrivals set at = $1 where id = 'old'", NOW - 401 * DAY)
    await place.pool.execute("update arrivals set at = $1 where id = 'new'", NOW - 399 * DAY)

    assert await forget(place.pool, NOW, KEPT) == 1
    async with place.begin() as transaction:
        assert await transaction.arrived([("cci", "old"), ("cci", "new")]) == {("cci", "new"): b"2"}


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (ANSWERS, "idempotency_at"),
        (ARRIVALS, "arrivals_at"),
        (LETTERS, "dead_letters_settled"),
        (CONTENTS, "dead_letters_settled"),
    ],
)
async def test_what_is_old_is_found_by_an_index(open_postgres: OpenPostgres, statement: str, index: str) -> None:
    place = await open_postgres(COUNTER)
    async with place.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_sort = off")
        plan = await connection.fetch(f"explain {statement}", NOW, 10)
    assert index in str(plan)


def test_how_long_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROISSANCE_RETENTION__ANSWERS_DAYS", "0.5")
    settings = Settings().retention
    assert (settings.answers_days, settings.letters_days, settings.arrivals_days) == (0.5, 90, 400)
