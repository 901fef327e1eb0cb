-- The list of the register: what its readers filter by. What is known of each company stands in `states`.
create table register (
    siren text primary key,
    region text not null,        -- INSEE; '' in overseas territories that belong to no region, or unknown
    sme_category text not null check (sme_category in ('micro', 'petite', 'moyenne', 'hors_pme', 'inconnu'))
) with (fillfactor = 90);
create index register_by_region_and_class on register (region, sme_category, siren);
