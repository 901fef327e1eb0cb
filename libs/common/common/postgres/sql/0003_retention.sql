-- What is settled long ago is found without reading what is open (see common.postgres.retention).
create index dead_letters_settled on dead_letters (settled_at) where settled_at is not null;
