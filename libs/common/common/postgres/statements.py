"""The SQL of the unit of work, statement by statement; `transaction.py` binds the values."""

from typing import Final

PLACES: Final = "(topic, partition) in (select * from unnest($1::text[], $2::int[]))"
LOCK_POSITIONS: Final = f"""select topic, partition, sequence, next_offset, applied from positions
    where {PLACES} order by topic, partition for update"""
OPEN_POSITIONS: Final = """insert into positions (topic, partition)
    select * from unnest($1::text[], $2::int[]) on conflict do nothing"""
MOVE_POSITIONS: Final = """update positions p
    set sequence = u.sequence, next_offset = u.next_offset, applied = u.applied, moved_at = now()
    from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
        u (topic, partition, sequence, next_offset, applied)
    where p.topic = u.topic and p.partition = u.partition"""
BLOCKING: Final = """select key from dead_letters
    where status in ('open', 'replay') and sequence is not null limit 1000"""
BLOCKED: Final = """select key from dead_letters
    where key = any($1::text[]) and status in ('open', 'replay') and sequence is not null order by id for share"""
LOAD: Final = "select key, doc, version from states where kind = $1 and key = any($2::text[])"
SAVE: Final = """insert into states as s (kind, key, version, doc)
    select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
    on conflict (kind, key) do update set version = excluded.version, doc = excluded.doc
    where s.version = excluded.version - 1"""
LOCK_POOLS: Final = """select kind, key, doc from pools
    where (kind, key) in (select * from unnest($1::text[], $2::text[])) order by kind, key for update"""
OPEN_POOLS: Final = """insert into pools (kind, key)
    select * from unnest($1::text[], $2::text[]) on conflict do nothing"""
SAVE_POOLS: Final = """update pools p set doc = u.doc from unnest($1::text[], $2::text[], $3::text[]) u (kind, key, doc)
    where p.kind = u.kind and p.key = u.key"""
ARRIVED: Final = """select writer, id, content from arrivals
    where (writer, id) in (select * from unnest($1::text[], $2::text[]))"""
ADMIT: Final = """insert into arrivals (writer, id, content)
    select * from unnest($1::text[], $2::text[], $3::bytea[]) order by 1, 2 on conflict do nothing"""
LOCK_HEADS: Final = f"""select topic, partition, sequence, (select max(segment) from outbox_segments) as segment
    from outbox_heads where {PLACES} order by topic, partition for update"""
APPEND: Final = """with moved as (
        update outbox_heads h set sequence = u.sequence
        from unnest($1::text[], $2::int[], $3::bigint[]) u (topic, partition, sequence)
        where h.topic = u.topic and h.partition = u.partition)
    insert into outbox_{segment} (segment, topic, partition, first, last, data)
    select {segment}, * from unnest($4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::bytea[])"""
BURY: Final = """insert into dead_letters
        (topic, partition, "offset", sequence, key, headers, raw_headers, value, reason)
    select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::json[], $7::bytea[],
        $8::bytea[], $9::text[])
    on conflict (topic, partition, "offset", digest) do nothing
    returning topic, partition, "offset" as at"""
PARK: Final = """insert into parked (topic, partition, sequence, "offset", key, raw_headers, value)
    select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[])"""
SET_TIMERS: Final = """insert into deadlines
        (kind, key, name, partition, due, id, type, correlation, region, input, traceparent)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::uuid[], $7::text[],
        $8::uuid[], $9::text[], $10::text[], $11::text[])
    on conflict (kind, key, name) do update set due = excluded.due, id = excluded.id, type = excluded.type,
        correlation = excluded.correlation, region = excluded.region, input = excluded.input,
        traceparent = excluded.traceparent"""
CANCEL_TIMERS: Final = """delete from deadlines
    where (kind, key, name) in (select * from unnest($1::text[], $2::text[], $3::text[]))"""
TAKE_DUE: Final = """delete from deadlines where (kind, key, name) in (
        select kind, key, name from deadlines where due <= $1 order by due, key, name limit $2 for update skip locked)
    returning kind, key, name, partition, due, id, type, correlation, region, input, traceparent"""
POSTPONE: Final = """insert into deadlines
        (kind, key, name, partition, due, id, type, correlation, region, input, traceparent)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing"""
TAKE_REPLAY: Final = """select id, topic, partition, "offset", sequence, key, raw_headers, value from dead_letters d
    where status = 'replay' order by id limit 1 for update skip locked"""
OTHER_LETTERS: Final = """select id from dead_letters
    where key = $1 and id <> $2 and status in ('open', 'replay') and sequence is not null order by id for update"""
TAKE_PARKED: Final = """select topic, partition, sequence, "offset", key, raw_headers, value from parked
    where key = $1 order by arrival limit $2 for update"""
SETTLED: Final = "update dead_letters set status = 'replayed', settled_at = now() where id = $1"
REOPEN: Final = "update dead_letters set status = 'open', reason = $2 where id = $1"
UNPARK: Final = """delete from parked where key = $1 and (topic, partition, sequence) in
    (select * from unnest($2::text[], $3::int[], $4::bigint[]))"""
RECALL: Final = "select key, body_hash, status, answer from idempotency where key = any($1::text[])"
REMEMBER: Final = """insert into idempotency (key, body_hash, status, answer)
    select * from unnest($1::text[], $2::bytea[], $3::int[], $4::bytea[]) on conflict do nothing"""
