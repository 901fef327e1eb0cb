-- The time given to the file that joined the waiting list last: the next one gets a later one, so that the order of the
-- list is the order of the times that people are shown.
alter table envelopes add column waited_at timestamptz not null default '1970-01-01T00:00:00Z';
update envelopes e set waited_at = coalesce(
    (select max(f.submitted_at) from files f where f.envelope_id = e.id and f.status = 'liste_attente'), e.waited_at);
