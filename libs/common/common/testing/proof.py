"""What the simulator holds the logs against."""

from common.core.inbox import sequence_of
from common.core.record_batch import unseal
from common.testing.engine import Engine


def check_logs(engine: Engine) -> None:
    """Outboxes are numbered without a hole, the log can be read as they say, positions count what was applied."""
    for name, part in engine.parts.items():
        database = part.database
        for where, batches in database.outbox.items():
            ends = [0, *(batch.last for batch in batches)]
            if [batch.first for batch in batches] != [end + 1 for end in ends[:-1]]:
                engine.fail(f"{name}: outbox of {where} is numbered {[batch[2:4] for batch in batches]}")
            rows = [entry for batch in batches for entry in unseal(batch.data)]
            last, ids = 0, [dict(row.headers)["ce_id"] for row in rows]
            for record in engine.log.partitions[where]:
                sequence = sequence_of(record)
                if sequence is None:
                    continue
                if dict(record.headers)["ce_id"] != ids[sequence - 1]:
                    engine.fail(f"{name}: {where} number {sequence} is another event than in the outbox")
                last += sequence == last + 1
            if last != len(rows):
                engine.fail(f"{name}: {where} can be read up to {last}, the outbox has {len(rows)}")
        for where, position in database.positions.items():
            if position.applied != position.sequence:
                engine.fail(f"{name}: applied {position.applied} records of {where}, the last is {position.sequence}")
