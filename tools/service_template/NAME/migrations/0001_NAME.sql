-- What readers of this service query; states, outbox and the rest are the core's (search_path is set to the schema).
create table wishes (
    siren text not null,
    wish text not null,
    primary key (siren, wish)
);
