"""What operators do with dead letters, and what the core does with those behind them: the statements, by schema.

`{of}` is what stands before a table's name: `"schema".`, or nothing where the search path says it.
"""

from typing import Final

REPLAY: Final = """update {of}dead_letters set status = 'replay'
    where id = any($1::bigint[]) and status = 'open' returning id, key"""
DROP: Final = """update {of}dead_letters set status = 'dropped', settled_at = now()
    where id = any($1::bigint[]) and status in ('open', 'replay') returning id, key"""

ALONE: Final = "lock table {of}dead_letters in access exclusive mode"
"""Before `DROP` and `RELEASE`, in their transaction: no event of their keys is parked meanwhile."""

RELEASE: Final = """with first as (
        delete from {of}parked where arrival = (select min(arrival) from {of}parked
            where key = $1 and not exists (select from {of}dead_letters
                where key = $1 and status in ('open', 'replay') and sequence is not null))
        returning topic, partition, "offset", sequence, key, raw_headers, value)
    insert into {of}dead_letters
        (topic, partition, "offset", sequence, key, headers, raw_headers, value, reason, status)
    select topic, partition, "offset", sequence, key, '[]', raw_headers, value, $2, 'replay' from first"""
"""What waits behind a settled letter goes on: the first of it becomes a letter to replay, the rest follows it."""
