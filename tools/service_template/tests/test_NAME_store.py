"""The service on the real database."""

import pytest

from common.core import clock
from common.core.codec import partition_of
from common.core.commands import Ask
from common.core.requests import apply_commands
from common.declare.decision import Refusal
from common.declare.message import Message
from common.process.context import Context
from common.testing.database import published
from NAME import store
from NAME.AGGREGATE.inputs import Company, CompanyRegistered, Note
from NAME.AGGREGATE.model import NoteAnswer

pytestmark = pytest.mark.stack

SIREN = "732829320"


async def register(context: Context, siren: str) -> None:
    """What the event of the register does."""
    cause = clock.new_id()
    event = CompanyRegistered(Company("84"))
    await apply_commands(
        context.codec, context.begin, [Message(event, siren, partition_of(siren), cause, clock.now(), cause)]
    )


async def test_a_wish_is_a_row_and_an_event(context: Context) -> None:
    early = await context.execute_all([Ask(Note("apprendre"), SIREN)])
    await register(context, SIREN)
    answers = await context.execute_all([Ask(Note("apprendre"), SIREN), Ask(Note("apprendre"), SIREN)])

    assert isinstance(early[0], Refusal)
    assert answers == [NoteAnswer(SIREN, ("apprendre",))] * 2
    async with context.reading() as connection:
        assert await store.count(connection) == 1
    assert [event.type for event in await published(context.pool)] == ["CLASSNoted"]
