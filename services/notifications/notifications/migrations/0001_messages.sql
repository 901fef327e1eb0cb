-- Whom companies are reached by: the only personal data of the platform. Erasing is deleting the row.
create table contacts (
    siren text primary key,
    ref uuid not null unique,        -- names the contact in links; changes with the address
    email text not null,
    name text not null,
    language text not null check (language in ('fr')),
    channels text[] not null,        -- channels accepted for ordinary messages
    muted text[] not null,           -- categories of ordinary messages not wanted
    unsubscribed_at timestamptz,     -- no ordinary message since then
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index contacts_updated on contacts (updated_at);

-- One row per fact that a company is told of; the row stays as history, what it says goes once it is sent.
create table messages_to_send (
    siren text not null,
    cause uuid not null,             -- id of the event that led to it: one message per cause
    template text not null,
    legal boolean not null,
    fact bytea,                      -- JSON of what the templates print, or digest of a shared fact; null once settled
    deadline date,
    region text not null,
    recorded_at timestamptz not null,
    ready_at timestamptz not null,   -- not before; while a mail is under way, the end of its lease
    status text not null check (status in ('pending', 'sent', 'failed', 'no_contact', 'dropped')),
    attempts int not null default 0, -- temporary refusals so far
    mail_id uuid,                    -- the mail it was put into
    settled_at timestamptz,
    reason text not null default '',
    primary key (siren, cause)
) with (fillfactor = 90, toast_tuple_target = 8160);
alter table messages_to_send alter column fact set storage external;  -- neither cut nor packed: it is soon gone
create index messages_legal_ready on messages_to_send (ready_at) where status = 'pending' and legal;
create index messages_ordinary_ready on messages_to_send (ready_at) where status = 'pending' and not legal;

-- What many companies are told in the same words, once; `messages_to_send.fact` then holds the digest. Rows are never
-- removed: there are as many as lists of aids that were ever recommended, thousands for millions of companies.
create table shared_facts (
    digest bytea primary key,        -- SHA-256 of the fact
    fact bytea not null              -- JSON of what the templates print
) with (toast_tuple_target = 8160);
alter table shared_facts alter column fact set storage external;

-- What signs unsubscribe links: shared by all processes, made here so that nothing must be configured.
-- The newest key signs, all verify: insert a row to rotate.
create table signing_keys (
    id int generated always as identity primary key,
    key text not null default gen_random_uuid()::text || gen_random_uuid()::text,
    created_at timestamptz not null default now()
);
insert into signing_keys default values;
