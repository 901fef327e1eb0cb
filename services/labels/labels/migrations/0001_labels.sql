-- The programme: its cohorts, its waiting list, its public register. The files themselves are rows of `states`.

-- The labels of each programme year. The check is the last guard of a rule that the code keeps under a row lock.
create table cohorts (
    year int primary key,
    cap int not null check (cap >= 0),
    granted int not null default 0 check (granted >= 0),
    granted_by_region jsonb not null default '{}',
    constraint cohort_within_cap check (granted <= cap)
);

-- One row: the lock of the waiting list, its next ticket, how many wait in each region.
create table waiting_queue (
    single boolean primary key default true check (single),
    next_ticket bigint not null default 1,
    waiting jsonb not null default '{}'
);
insert into waiting_queue default values;

-- Complete files that wait for a place, served in the order of their tickets, whatever the year.
create table waiting_list (
    siren text primary key,
    ticket bigint not null unique,
    region text not null,
    cohort_year int not null,
    since timestamptz not null
);
create index waiting_list_by_region on waiting_list (region, ticket);

-- The public register: public fields only, one row a label.
create table register (
    label_id uuid primary key,
    siren text not null,
    name text,                              -- null: the company's data may not be shown
    region text not null,
    naf text not null,
    cohort_year int not null,
    rank int not null check (rank >= 1),
    granted_at timestamptz not null,
    expires_at timestamptz not null,
    status text not null check (status in ('actif', 'expire')),
    unique (cohort_year, rank)
);
create index register_by_grant on register (granted_at desc, label_id desc);
create index register_by_region on register (region, granted_at desc, label_id desc);
create index register_by_siren on register (siren);
