"""The broker of the simulator: it takes everything and may forget to say so."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from random import Random

from common.core.outbox import Batch
from common.testing.memory_database import MemoryLog


class LostAcknowledgementError(Exception):
    """The broker has the records, the relay does not know."""


class _Pause:
    def __await__(self) -> Generator[None]:
        yield


async def pause() -> None:
    """Let others run."""
    await _Pause()


@dataclass(slots=True)
class UnreliablePublisher:
    """Writes to the log; may lose the first or the last part of a round, or only the acknowledgement."""

    log: MemoryLog
    random: Random
    faults: bool = True

    async def publish(self, batches: Sequence[Batch]) -> None:
        """See `relay.Publisher.publish`."""
        cut = self.random.randrange(len(batches) + 1) if self.faults and self.random.random() < 0.1 else None
        skip = self.faults and self.random.random() < 0.3  # a later batch got through, the first one did not
        for index, batch in enumerate(batches):
            if cut is not None and (index < cut) == skip:
                continue
            self.log.append(batch)
            if self.random.random() < 0.3:
                await pause()
        if cut is not None:
            raise LostAcknowledgementError
