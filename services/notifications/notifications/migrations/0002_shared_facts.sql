-- What many companies are told in the same words, once; `messages_to_send.fact` then holds the digest. Rows are never
-- removed: there are as many as lists of aids that were ever recommended, thousands for millions of companies.
create table shared_facts (
    digest bytea primary key,        -- SHA-256 of the fact
    fact bytea not null              -- JSON of what the templates print
) with (toast_tuple_target = 8160);
alter table shared_facts alter column fact set storage external;
comment on column messages_to_send.fact is
    'JSON of what the templates print, or the digest of a shared fact; null once settled';
