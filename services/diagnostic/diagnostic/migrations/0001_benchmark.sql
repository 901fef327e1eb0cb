-- The benchmark: how many companies of each cell have which score, in one-point buckets. A company counts once, with
-- its latest full diagnosis. `total` is the sum of the scores in thousandths of a point, so that it can be subtracted
-- again without drift; '' stands for an unknown size, section or region.

create table benchmark_cells (
    size text not null,
    section text not null,
    region text not null,
    bucket smallint not null check (bucket between 0 and 100),
    count bigint not null,
    total bigint not null,
    -- In the order in which a cell is widened: region goes first, then the section, then the size.
    primary key (size, section, region, bucket)
) with (fillfactor = 80);

-- What submissions add, insert-only: transactions that score companies of one cell never wait for each other.
-- Folded into benchmark_cells every few seconds; readers add both up.
create table benchmark_changes (
    size text not null,
    section text not null,
    region text not null,
    bucket smallint not null check (bucket between 0 and 100),
    count int not null,
    total bigint not null
);
