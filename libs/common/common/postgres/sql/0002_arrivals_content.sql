-- What a record under an id said, so that another one under the same id is noticed. Empty: it was applied before this
-- was kept, and counts as the same.
alter table arrivals add column content bytea not null default '';
