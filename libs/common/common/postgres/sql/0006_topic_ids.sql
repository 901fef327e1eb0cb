-- Which log a position belongs to: a topic that was deleted and made anew has another id, and offsets of its own.
-- Null: not known yet.
alter table positions add column topic_id uuid;
