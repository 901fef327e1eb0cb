-- Facts that Kafka carries and this database had forgotten when it was restored from a backup: `croissance recover`
-- writes them, so that what is decided again is recognised and not told twice.
create table recovered (
    id text primary key,              -- ce_id
    topic text not null,
    partition int not null,
    sequence bigint not null,
    key text not null,
    type text not null,               -- the event's name
    cause text not null,              -- ce_causationid
    data json,                        -- of the event, for an owner that takes it back; null where it is no JSON
    mark bytea not null,              -- fingerprint of key and data
    status text not null default 'open' check (status in ('open', 'again', 'otherwise', 'adopted', 'closed')),
    at timestamptz not null default now(),
    settled_at timestamptz
);
create index recovered_open on recovered (at) where status = 'open';

-- Each recovery of an output partition: numbers after `head` up to `last` were given before the loss.
create table cuts (
    topic text not null,
    partition int not null,
    head bigint not null,
    last bigint not null,
    at timestamptz not null default now(),
    primary key (topic, partition, last)
);
