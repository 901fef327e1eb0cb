"""Where the chain stands, watched on a real database: a toy producer and its toy reader, driven step by step."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from common.core import clock
from common.core.codec import partition_of
from common.core.commands import Ask, to_message
from common.core.inbox import TopicPartition
from common.core.records import apply_records
from common.core.requests import apply_commands
from common.postgres.outbox import PostgresOutbox
from common.process.settings import database_address
from common.testing.chain import COUNTER, READER, Count
from croissance import flow as module
from croissance import progress
from croissance.api import Doors
from croissance.campaign_tally import Tally
from croissance.flow import Flow, Look, StalledError
from croissance.progress import shown

from .conftest import Toy

pytestmark = pytest.mark.stack

WIRING = {COUNTER.name: (), READER.name: (COUNTER.name,), "absent": (READER.name,)}


@dataclass
class Chain:
    """A producer and its reader: nothing moves by itself."""

    producer: Toy
    reader: Toy
    namespace: str
    decided: int = 0
    applied: int = 0

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self.producer.codec.topic, partition_of("k"))

    async def decide(self, events: int) -> None:
        for _ in range(events):
            self.decided += 1
            message = to_message(Ask(Count(), "k"), self.decided, "", "")
            await apply_commands(self.producer.codec, self.producer.begin, [message])

    async def publish(self) -> None:
        outbox = PostgresOutbox(self.producer.pool)
        await outbox.advance({self.place: (0, self.decided)})

    async def apply(self) -> None:
        batch = [self.reader.counted(number) for number in range(self.applied + 1, self.decided + 1)]
        report = await apply_records(self.reader.codec, self.reader.begin, batch, clock.now())
        assert report.fresh == len(batch)
        self.applied = self.decided


@pytest.fixture
async def chain(open_toy: Any, namespace: str) -> Chain:
    return Chain(await open_toy(COUNTER), await open_toy(READER), namespace)


@pytest.fixture
async def flow(chain: Chain) -> AsyncIterator[Flow]:
    await chain.decide(1)
    await chain.publish()
    await chain.apply()
    async with Flow(database_address(), chain.namespace, consumes=WIRING, every=0.01) as flow:
        yield flow


async def looks(flow: Flow, times: int = 2) -> None:
    """Until the flow has looked again, from beginning to end."""
    async with asyncio.timeout(10):
        for _ in range(times):
            before = flow.look
            while flow.look is before:  # noqa: ASYNC110  a look gives no event
                await asyncio.sleep(0.005)


async def test_only_what_is_installed_is_looked_at(flow: Flow) -> None:
    assert flow.services == ("counter", "reader")
    async with asyncio.timeout(10):
        await flow.applied("absent", "counter")
        await flow.at_rest()
    assert flow.lag() == 0


async def test_a_reader_is_waited_for_until_it_has_applied_what_was_decided(chain: Chain, flow: Flow) -> None:
    await chain.decide(3)
    waiting = asyncio.create_task(flow.applied("reader", "counter"))
    await looks(flow)
    assert (waiting.done(), flow.lag()) == (False, 3)

    await chain.apply()

    async with asyncio.timeout(10):
        await waiting
        await flow.at_most(0)
    assert flow.look.unpublished["counter"] == 3


async def test_rest_is_when_all_is_published_and_applied(chain: Chain, flow: Flow) -> None:
    await chain.decide(2)
    await chain.apply()
    async with asyncio.timeout(10):
        await flow.at_rest(ignoring=frozenset({"counter"}))
    resting = [asyncio.create_task(wait()) for wait in (flow.at_rest, flow.caught_up)]
    await looks(flow)
    assert not any(task.done() for task in resting)

    await chain.publish()

    async with asyncio.timeout(10):
        await asyncio.gather(*resting)


async def test_events_are_counted_by_type_from_when_one_looks(chain: Chain, flow: Flow) -> None:
    await looks(flow)
    assert not flow.events
    await chain.decide(5)
    await looks(flow)
    await flow.count()
    assert flow.events == {"Counted": 5}


async def test_a_chain_that_stands_still_is_said(chain: Chain, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    await chain.decide(2)
    await looks(flow)
    monkeypatch.setattr(module, "STALL", 0.3)
    for wait in (flow.at_rest(), flow.caught_up(), flow.at_most(1), flow.applied("reader", "counter")):
        with pytest.raises(StalledError, match=r"'reader ← counter': 2.*'counter': 2"):
            await wait


async def test_a_connection_that_breaks_is_replaced(chain: Chain, flow: Flow) -> None:
    cut = """select count(pg_terminate_backend(pid)) from pg_stat_activity
        where pid <> pg_backend_pid() and query like $1"""
    await looks(flow)
    assert await chain.reader.pool.fetchval(cut, f'%from "{chain.producer.codec.schema}".outbox_heads%') == 1
    await chain.decide(2)
    await chain.apply()
    async with asyncio.timeout(20):
        await flow.applied("reader", "counter")
    assert flow.look.heads["counter", partition_of("k")] == 3


async def test_a_database_that_does_not_come_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL", 0.2)
    with pytest.raises(StalledError, match="la base ne répond plus"):
        await Flow("postgresql://nobody@127.0.0.1:1/nowhere").at_rest()


def test_what_is_behind_is_the_sum_over_partitions() -> None:
    look = Look({("counter", 0): 7, ("counter", 1): 2, ("labels", 0): 9}, {}, {("reader", "counter", 0): 5})
    assert look.behind("reader", "counter", look) == 2 + 2


# --- what people see of it -------------------------------------------------------------------------------------------


async def until_told(said: StringIO, pattern: str) -> str:
    async with asyncio.timeout(20):
        while not re.search(pattern, said.getvalue(), re.DOTALL):  # noqa: ASYNC110  what is printed gives no event
            await asyncio.sleep(0.01)
    return said.getvalue()


@pytest.fixture
def tally() -> Tally:
    tally = Tally()
    tally.companies = 1200
    tally.steps["diagnostics"].done = 900
    return tally


async def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(
    chain: Chain, flow: Flow, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.01)
    said = StringIO()
    monkeypatch.setattr("croissance.console.people", Console(file=said, width=200))
    async with Doors(dict) as doors, shown(flow, tally, doors, 2000, quiet=False):
        doors.retries = 3
        await chain.decide(50)
        told = await until_told(said, r"50 événements \([1-9]\d*/s\), retard 50, 3 reprises")
    assert "1\u202f200/2\u202f000 inscrites, 900 diagnostics" in told


async def test_progress_is_a_table_that_lives_on_a_terminal(
    chain: Chain, flow: Flow, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REFRESH", 0.01)
    screen = StringIO()
    monkeypatch.setattr(progress, "people", Console(file=screen, force_terminal=True, width=100))
    await chain.decide(2)
    async with Doors(dict) as doors, shown(flow, tally, doors, 0, quiet=False):
        doors.retries = 3
        text = await until_told(screen, "reprises.*Counted")
    assert "1\u202f200" in text


async def test_quiet_says_nothing(flow: Flow, tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    async with Doors(dict) as doors, shown(flow, tally, doors, 0, quiet=True):
        await looks(flow)
    assert capsys.readouterr() == ("", "")
