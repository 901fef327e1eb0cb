"""`croissance dlq` on real dead letters of a toy service: what is shown and changed, what the service does then."""

import json
from typing import Any

import pytest

from common.core import clock
from common.core.records import apply_records
from common.core.replays import apply_replay
from common.process.settings import database_address
from common.testing.chain import GRANTER, Seen

from .conftest import Croissance, Toy

pytestmark = pytest.mark.stack


@pytest.fixture
async def granter(open_toy: Any) -> Toy:
    """Record 2 of « k » cannot be read, record 3 waits behind it; those of « other » go on."""
    toy: Toy = await open_toy(GRANTER)
    batch = [
        toy.counted(1),
        toy.counted(2, value=b"not json"),
        toy.counted(3),
        toy.counted(1, key="other"),
        toy.counted(2, key="other", value=b"{}"),
    ]
    report = await apply_records(toy.codec, toy.begin, batch, clock.now())
    assert (len(report.dead), report.parked) == (2, 1)
    return toy


async def statuses(toy: Toy) -> dict[str, str]:
    return {row["key"]: row["status"] for row in await toy.pool.fetch("select key, status from dead_letters")}


async def numbers(toy: Toy) -> dict[str, int]:
    return {row["key"]: row["id"] for row in await toy.pool.fetch("select key, id from dead_letters")}


async def counted(toy: Toy, key: str = "k") -> tuple[int, ...]:
    """What the rules have applied of a key."""
    async with toy.begin() as transaction:
        state: Any = (await transaction.load({("grants", key)}))["grants", key].state
    assert isinstance(state, Seen)
    return state.counted


async def test_the_letters_are_listed_with_what_waits_behind_them(granter: Toy, croissance: Croissance) -> None:
    letters = {letter["key"]: letter for letter in json.loads((await croissance("dlq", "list", "--json")).stdout)}

    assert letters["k"]["id"] == f"granter/{(await numbers(granter))['k']}"
    assert (letters["k"]["sequence"], letters["k"]["parked"], letters["k"]["status"]) == (2, 1, "open")
    assert (letters["other"]["parked"], "missing required field" in letters["other"]["reason"]) == (0, True)
    shown = (await croissance("dlq", "list", "--service", "granter")).stdout
    assert all(letter["id"] in shown for letter in letters.values())


async def test_a_letter_is_shown_whole(granter: Toy, croissance: Croissance) -> None:
    name = f"granter/{(await numbers(granter))['k']}"

    document = json.loads((await croissance("dlq", "show", name, "--json")).stdout)

    assert (document["value"], document["sequence"], document["topic"]) == ("not json", 2, granter.codec.topics[0])
    lines = (await croissance("dlq", "show", name)).stdout
    assert "not json" in lines
    assert "raw_headers" not in lines


async def test_what_does_not_exist_is_said(granter: Toy, croissance: Croissance) -> None:
    assert "aucune lettre" in (await croissance("dlq", "show", "granter/999", code=1)).stderr
    assert "service inconnu: nobody" in (await croissance("dlq", "show", "nobody/1", code=1)).stderr
    assert "service inconnu: nobody" in (await croissance("dlq", "replay", "nobody/1", code=1)).stderr
    assert "Services: granter" in (await croissance("dlq", "list", "--service", "nobody", code=1)).stderr
    assert "n’existent pas" in (await croissance("dlq", "replay", "granter/999", code=1)).stderr
    assert set((await statuses(granter)).values()) == {"open"}


async def test_a_letter_that_still_fails_is_open_again(granter: Toy, croissance: Croissance) -> None:
    name = f"granter/{(await numbers(granter))['k']}"

    assert f"(essai) 1 lettre(s) à rejouer: {name}" in (await croissance("dlq", "replay", name, "--dry-run")).stderr
    assert (await statuses(granter))["k"] == "open"
    assert f"1 lettre(s) à rejouer: {name}" in (await croissance("dlq", "replay", name)).stderr
    assert (await statuses(granter))["k"] == "replay"

    assert await apply_replay(granter.codec, granter.begin, clock.now())
    assert not await apply_replay(granter.codec, granter.begin, clock.now())
    assert (await statuses(granter))["k"] == "open"
    assert await counted(granter) == (1,)


async def test_what_waits_behind_a_dropped_letter_goes_on(granter: Toy, croissance: Croissance) -> None:
    name = f"granter/{(await numbers(granter))['k']}"

    assert "1 lettre(s) abandonnées" in (await croissance("dlq", "drop", name, "--yes")).stderr
    assert "déjà réglées" in (await croissance("dlq", "drop", name, "--yes", code=1)).stderr

    while await apply_replay(granter.codec, granter.begin, clock.now()):
        pass
    assert await counted(granter) == (1, 3)
    listed = json.loads((await croissance("dlq", "list", "--all", "--json")).stdout)
    assert {(letter["key"], letter["sequence"], letter["status"]) for letter in listed} == {
        ("k", 2, "dropped"),
        ("k", 3, "replayed"),
        ("other", 2, "open"),
    }


async def test_all_letters_of_a_service_at_once(granter: Toy, croissance: Croissance) -> None:
    assert "(essai) 2 lettre(s)" in (await croissance("dlq", "drop", "--all", "--dry-run")).stderr
    assert "2 lettre(s)" in (await croissance("dlq", "drop", "--all", "--service", "granter", "--yes")).stderr
    assert set((await statuses(granter)).values()) == {"dropped", "replay"}  # the event that waited goes on
    assert "Aucune lettre morte" not in (await croissance("dlq", "list")).stderr

    while await apply_replay(granter.codec, granter.begin, clock.now()):
        pass
    assert "Aucune lettre morte" in (await croissance("dlq", "list")).stderr


async def test_a_hostile_letter_is_listed_and_shown_as_it_is(open_toy: Any, croissance: Croissance) -> None:
    toy: Toy = await open_toy(GRANTER)
    key = "[/x] [red]\x1b[2J"
    batch = [toy.counted(1, key=key, value=b"[/y]\x1b]0;pwned\x07\nstatus  replayed")]
    assert len((await apply_records(toy.codec, toy.begin, batch, clock.now())).dead) == 1
    name = f"granter/{(await numbers(toy))[key]}"

    listed = (await croissance("dlq", "list")).stdout
    shown = (await croissance("dlq", "show", name)).stdout

    assert r"[/x] [red]\x1b" in listed
    assert r"[/x] [red]\x1b[2J" in shown
    assert r"[/y]\x1b]0;pwned\x07" in shown
    assert ("\x1b" in listed + shown, "\nstatus  replayed" in shown) == (False, False)
    document = json.loads((await croissance("dlq", "show", name, "--json")).stdout)
    assert (document["key"], document["value"]) == (key, "[/y]\x1b]0;pwned\x07\nstatus  replayed")


async def test_who_may_only_read_is_told_so(
    granter: Toy, croissance: Croissance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account of the command line on Kubernetes: a member of `pg_read_all_data` and of nothing else."""
    role, address = f"reader_{granter.codec.schema}".replace(".", "_"), database_address()
    await granter.pool.execute(f'create role "{role}" in role pg_read_all_data')
    monkeypatch.setenv("CROISSANCE_DATABASE__DSN", f"{address}{'&' if '?' in address else '?'}role={role}")
    try:
        assert "granter/" in (await croissance("dlq", "list")).stdout
        for command in (("replay", "--all"), ("drop", "--all", "--yes")):
            assert "2 lettre(s)" in (await croissance("dlq", *command, "--dry-run")).stderr
            told = (await croissance("dlq", *command, code=1)).stderr
            assert "ce compte ne peut que lire" in told
            assert "injoignable" not in told
        assert set((await statuses(granter)).values()) == {"open"}
    finally:
        await granter.pool.execute(f'drop role "{role}"')
