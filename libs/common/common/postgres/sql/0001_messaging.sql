-- The tables of the event core, made in the schema of each service (search_path is set to it).

-- What is known of each thing, by the kind of its aggregate. `version` counts saves: a writer that read an older one is
-- refused.
create table states (
    kind text not null,
    key text not null,
    version bigint not null,
    doc text not null,  -- JSON
    primary key (kind, key)
) with (fillfactor = 85);
alter table states alter column doc set storage external, set (toast_tuple_target = 8160);  -- neither cut nor packed

-- What many keys draw on, where no table of the service holds it. The row is the lock.
create table pools (
    kind text not null,
    key text not null,
    doc text,  -- JSON; null: never drawn on
    primary key (kind, key)
) with (fillfactor = 10);

-- Records of topics that others write, which have an id instead of a number: those that were applied.
create table arrivals (
    writer text not null,
    id text not null,
    at timestamptz not null default now(),
    primary key (writer, id)
);
create index arrivals_at on arrivals (at);

-- How far each consumed partition is applied: the truth that Kafka's committed offset only mirrors.
-- `applied` counts the records applied, independently of `sequence`: the audit compares them.
create table positions (
    topic text not null,
    partition int not null,
    sequence bigint not null default 0,
    next_offset bigint not null default 0,
    applied bigint not null default 0,
    moved_at timestamptz not null default now(),
    primary key (topic, partition)
) with (fillfactor = 10);

-- What is to be published, in commit order: one row per output partition and transaction, holding a sealed Kafka record
-- batch (see common.record_batch); insert-only, dropped segment by segment (see outbox_segments).
create table outbox (
    segment int not null,
    topic text not null,
    partition int not null,
    first bigint not null,  -- ce_sequence of its first event
    last bigint not null,   -- and of its last one
    sealed_at timestamptz not null default now(),
    data bytea not null,    -- compressed already
    primary key (topic, partition, last, segment)
) partition by list (segment);
alter table outbox alter column data set storage external;
create table outbox_1 partition of outbox for values in (1);

create table outbox_segments (
    segment int primary key,
    opened_at timestamptz not null default now()
);
insert into outbox_segments (segment) values (1);

-- Last number given in each output partition; its row lock makes numbers gapless and in commit order.
create table outbox_heads (
    topic text not null,
    partition int not null,
    sequence bigint not null default 0,
    primary key (topic, partition)
) with (fillfactor = 10);

-- How far each output partition is published, and which process relays it now. A table of its own,
-- so that the relay never waits for writers nor they for it.
create table outbox_published (
    topic text not null,
    partition int not null,
    published bigint not null default 0,
    owner text not null default '',
    leased_until timestamptz not null default '-infinity',
    primary key (topic, partition)
) with (fillfactor = 10);

-- Records that could not be applied, with the reason; `open` ones park the later events of their key.
create table dead_letters (
    id bigint generated always as identity primary key,
    topic text not null,
    partition int not null,
    "offset" bigint not null,
    sequence bigint,                  -- null: the record carried no usable number
    key text,
    headers json not null,            -- [[name, value], …], values as text with U+FFFD for bad bytes
    raw_headers bytea not null,       -- the exact headers, for a faithful replay
    value bytea,
    reason text not null,
    status text not null default 'open' check (status in ('open', 'replay', 'replayed', 'dropped')),
    at timestamptz not null default now(),
    settled_at timestamptz,
    unique (topic, partition, "offset")
);
create index dead_letters_blocking on dead_letters (key) where status in ('open', 'replay');
create index dead_letters_to_replay on dead_letters (id) where status = 'replay';

-- Events that wait behind an open dead letter of their key. `arrival` is their order: it is drawn under the lock of the
-- position, where a time of the clock may be that of a transaction that began early and waited long.
create table parked (
    arrival bigint generated always as identity,
    topic text not null,
    partition int not null,
    sequence bigint not null,
    "offset" bigint not null,
    key text not null,
    raw_headers bytea not null,
    value bytea,
    parked_at timestamptz not null default now(),
    primary key (topic, partition, sequence)
);
create index parked_by_key on parked (key, arrival);

-- Timers and follow-ups: decided like events when they fall due.
create table deadlines (
    kind text not null,  -- of the aggregate that decides
    key text not null,
    name text not null,
    partition int not null,
    due timestamptz not null,
    id uuid not null,
    type text not null,
    correlation uuid not null,
    region text not null,
    input text not null,  -- JSON
    primary key (kind, key, name)
);
create index deadlines_due on deadlines (due);

-- Answers to commands already carried out: the same key and body get the same answer again.
create table idempotency (
    key text primary key,
    body_hash bytea not null,
    status int not null,
    answer bytea not null,
    at timestamptz not null default now()
);
alter table idempotency alter column answer set storage external;
create index idempotency_at on idempotency (at);
