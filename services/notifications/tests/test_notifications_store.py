"""The statements of the store on the real schema."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
import pytest

from common.core import clock, deciding
from common.core.requests import apply_commands
from common.postgres.transaction import PostgresTransaction
from common.process.context import Context
from common.testing.rules import message_of
from notifications import store
from notifications.messages.inputs import RecordDelivery

from .driving import OTHER, contact, happen, run
from .samples import SIREN, fact

pytestmark = pytest.mark.stack


async def test_every_statement_fits_the_schema(context: Context) -> None:
    statements = {name: text for name, text in vars(store).items() if name.isupper() and isinstance(text, str)}
    assert len(statements) > 15
    async with context.reading() as connection:
        for name, text in statements.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


async def test_the_hot_reads_use_their_indexes(context: Context) -> None:
    async with context.reading() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_sort = off")
        now = clock.now()
        text = await plan_of(connection, store.CANDIDATES, now, now, 100)
        assert "messages_legal_ready" in text
        assert "messages_ordinary_ready" in text
        assert "Sort" not in text
        assert "messages_to_send_pkey" in await plan_of(connection, store.HISTORY, SIREN, 10)


async def plan_of(connection: Any, statement: str, *arguments: Any) -> str:
    rows: Sequence[Any] = await connection.fetch(f"explain {statement}", *arguments)
    return "\n".join(row[0] for row in rows)


# --- how many they are -----------------------------------------------------------------------------------------------


async def statements(context: Context, *inputs: Any) -> list[str]:
    """What deciding and saving a batch asks of the database, without signs of life and the driver's look at types."""
    messages = [message_of(item, SIREN, clock.now(), id=clock.new_id()) for item in inputs]
    asked: list[str] = []
    async with context.begin() as transaction:
        assert isinstance(transaction, PostgresTransaction)
        with transaction.connection.query_logger(lambda query: asked.append(query.query)):
            decided = await deciding.decide(context.codec, transaction, messages, set())
            await deciding.save(transaction, decided)
    assert not decided.failures
    return [query for query in asked if query != "select 1" and "'jit'" not in query and "pg_catalog" not in query]


async def test_a_batch_of_facts_costs_one_insert(context: Context) -> None:
    await run(context, contact())
    facts = [fact("diagnostic_completed"), fact("label_granted"), fact("voucher_granted")]
    assert await statements(context, *facts) == [store.ADD_MESSAGES]


async def test_what_many_are_told_is_looked_up_once_a_batch_and_kept_once(context: Context) -> None:
    facts = [fact("aids_recommended"), fact("aids_recommended"), fact("label_granted")]
    assert await statements(context, *facts) == [store.KNOWN_FACTS, store.ADD_FACTS, store.ADD_MESSAGES]
    assert await statements(context, *facts) == [store.KNOWN_FACTS, store.ADD_MESSAGES]


async def test_a_batch_of_deliveries_locks_once_and_settles_once(context: Context) -> None:
    await run(context, contact())
    causes = await happen(context, "label_granted", "voucher_granted", "diagnostic_completed")
    deliveries = [RecordDelivery((str(cause),), "sent") for cause in causes]
    assert await statements(context, *deliveries) == [store.LOCK_PENDING, store.SETTLE]
    assert await statements(context, *deliveries) == [store.LOCK_PENDING]


# --- one cause, two facts --------------------------------------------------------------------------------------------


async def test_two_facts_of_one_id_are_told_or_set_aside_and_never_dropped(context: Context) -> None:
    """As one idempotency key at two services once made them: the second was dropped, its mail never written."""
    cause, now = clock.new_id(), clock.now()
    applied, requested = (
        message_of(fact(template), SIREN, now, id=cause) for template in ("label_applied", "voucher_requested")
    )

    first = await apply_commands(context.codec, context.begin, [applied])
    both = await apply_commands(context.codec, context.begin, [applied, requested])

    assert (first.failures, [failure.message for failure in both.failures]) == ([], [requested])
    assert "is the cause of the message label_applied" in str(both.failures[0].error)
    assert await context.pool.fetch("select template from messages_to_send") == [("label_applied",)]


async def test_a_fact_that_says_something_else_under_a_known_id_is_set_aside(context: Context) -> None:
    cause, now = clock.new_id(), clock.now()
    granted = fact("label_granted")
    other = msgspec.structs.replace(granted, cohort_year=granted.cohort_year + 1)
    messages = [message_of(each, SIREN, now, id=cause) for each in (granted, granted, other)]

    told = await apply_commands(context.codec, context.begin, messages)

    assert [failure.message for failure in told.failures] == [messages[2]]


async def test_two_companies_may_be_told_of_one_cause(context: Context) -> None:
    cause, now = clock.new_id(), clock.now()
    messages = [message_of(fact("label_applied"), siren, now, id=cause) for siren in (SIREN, OTHER)]

    assert (await apply_commands(context.codec, context.begin, messages)).failures == []
    assert await context.pool.fetchval("select count(*) from messages_to_send") == 2
