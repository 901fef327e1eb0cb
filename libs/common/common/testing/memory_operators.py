"""What operators do with dead letters, in memory."""

from collections.abc import Sequence
from typing import cast

from common.core.inbox import TopicPartition
from common.core.unit_of_work import Begin
from common.testing.memory import MemoryTransaction
from common.testing.memory_database import PENDING


async def replay(begin: Begin, ids: Sequence[int]) -> None:
    """Mark open letters for replay."""
    await _operate(begin, ids, ("open",), "replay")


async def drop(begin: Begin, ids: Sequence[int]) -> None:
    """Give letters up and let go on what waits behind them."""
    await _operate(begin, ids, PENDING, "dropped")


async def _operate(begin: Begin, ids: Sequence[int], before: Sequence[str], after: str) -> None:
    """Change the status of letters, alone with their keys."""
    async with begin() as opened:
        transaction = cast("MemoryTransaction", opened)
        database = transaction.database
        keys = {database.letters[number].letter.key or "" for number in ids}
        await transaction.lock("letters", [TopicPartition(key, 0) for key in sorted(keys)])

        def write() -> None:
            for number in ids:
                buried = database.letters[number]
                if buried.status in before:
                    database.letters[number] = buried._replace(status=after)
                    if after == "dropped" and buried.letter.key is not None:
                        database.release(buried.letter.key)

        transaction.pending.append(write)
