-- A topic that is made anew has the same offsets again: what tells two letters, or two parked records, of one place from
-- each other is what they carry, or when they came.

alter table dead_letters add column digest bytea not null generated always as
    (sha256(int8send(hashtextextended(coalesce(key, ''), 0)) || raw_headers || coalesce(value, ''))) stored;
alter table dead_letters drop constraint dead_letters_topic_partition_offset_key;
alter table dead_letters add unique (topic, partition, "offset", digest);

alter table parked drop constraint parked_pkey;
alter table parked add primary key (arrival);
