-- The time given to the file that entered the waiting list last: the next one gets a later one, so that the order of the
-- list is the order of the times that people are shown.
alter table waiting_queue add column last_at timestamptz not null default '1970-01-01T00:00:00Z';
update waiting_queue set last_at = coalesce((select max(since) from waiting_list), last_at);
