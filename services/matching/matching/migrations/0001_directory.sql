-- The directory of connecteurs as it is read, and their loads (search_path is set to the service's schema). What a line
-- decides on is its state, which the core keeps.

-- One row, locked by every writer of the directory, so that versions are given in commit order. `identity` tells one
-- directory from another: a process keeps its index by it.
create table directory_version (
    singleton boolean primary key default true check (singleton),
    identity uuid not null default gen_random_uuid(),
    version bigint not null default 0
);
insert into directory_version default values;

-- One line a connecteur; the columns are what readers select on, `doc` is the record.
create table connectors (
    id text primary key,
    version bigint not null,          -- of the directory when this line last changed
    status text not null,
    type text not null,
    subjects text[] not null,
    regions text[] not null,          -- INSEE codes; '*' for the whole country
    doc json not null
);
create index connectors_version on connectors (version);
create index connectors_subjects on connectors using gin (subjects);
create index connectors_regions on connectors using gin (regions);

-- Load of a connecteur: open offers and matches accepted in the last days. It never rises above `declared`, what the
-- connecteur can take; when that is lowered below the load, `capacity` keeps the load until it has fallen.
-- `number` counts connecteurs as they came, from 0, without a hole: loads are carried as a vector. It is given under
-- the lock of the directory's version. `changed` is the last writing transaction: a reader that knows its own horizon
-- reads only what moved since.
create table loads (
    connector_id text primary key references connectors (id),
    number int not null unique check (number >= 0),
    declared int not null check (declared >= 0),
    capacity int not null,
    load int not null default 0 check (load >= 0),
    changed xid8 not null default pg_current_xact_id(),
    check (load <= capacity)
) with (fillfactor = 50);
