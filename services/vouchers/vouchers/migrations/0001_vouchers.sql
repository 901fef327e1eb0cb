-- Money that many companies ask for. The accounts are the balances of the ledger: none is ever negative, their sum
-- never changes. A batch that may move money locks the row, and writes it once.
create table envelopes (
    id text primary key,
    programme text not null,          -- one active chèque per company and programme
    title text not null,
    total_cents bigint not null check (total_cents > 0),
    opens_on date,                    -- first and last Paris day of deposit; null: no bound
    closes_on date,
    disponible_cents bigint not null check (disponible_cents >= 0),
    reserve_cents bigint not null default 0 check (reserve_cents >= 0),
    engage_cents bigint not null default 0 check (engage_cents >= 0),
    ordonnance_cents bigint not null default 0 check (ordonnance_cents >= 0),
    paye_cents bigint not null default 0 check (paye_cents >= 0),
    recouvre_cents bigint not null default 0 check (recouvre_cents >= 0),
    exhausted boolean not null default false,
    waiting bigint not null default 0 check (waiting >= 0),
    places bigint not null default 0, -- numbers given on the waiting list
    movements bigint not null default 0,
    chain text not null default '',   -- hash of the last movement
    offering boolean not null default false, -- money is being offered to those who wait: one at a time
    constraint the_total_never_changes check (disponible_cents + reserve_cents + engage_cents + ordonnance_cents
        + paye_cents + recouvre_cents = total_cents)
) with (fillfactor = 10);

-- The figures of an envelope, from an instant on. A change is a new row; files keep the version that judged them.
create table rulesets (
    envelope_id text not null references envelopes (id),
    valid_from timestamptz not null,
    rules json not null,
    primary key (envelope_id, valid_from)
);

-- The ledger: double entry, append-only, numbered without gap in each envelope, each row chained to the one before.
create table movements (
    envelope_id text not null,
    number bigint not null,
    voucher_id uuid not null,
    from_account text not null,
    to_account text not null,
    amount_cents bigint not null check (amount_cents > 0),
    at timestamptz not null,
    cause_id uuid not null,           -- the command or deadline that moved the money
    cause_index int not null,
    hash text not null,
    primary key (envelope_id, number),
    constraint one_movement_per_cause unique (cause_id, cause_index),
    check (from_account in ('disponible', 'reserve', 'engage', 'ordonnance', 'paye', 'recouvre')),
    check (to_account in ('disponible', 'reserve', 'engage', 'ordonnance', 'paye', 'recouvre')),
    check (from_account <> to_account)
);

-- Where every file stands, for readers and for the waiting list; the whole file is in the state of its company.
create table files (
    id uuid primary key,
    siren text not null,
    region text not null,
    envelope_id text not null,
    programme text not null,
    status text not null,
    asked_cents bigint not null check (asked_cents >= 0),
    held_cents bigint not null check (held_cents >= 0),
    place bigint not null,            -- order of deposit on the waiting list, 0: never waited
    ruleset text not null,
    submitted_at timestamptz not null,
    changed_at timestamptz not null
) with (fillfactor = 85);
create unique index one_active_file_per_company on files (siren, programme)
    where status not in ('refuse', 'retire', 'renonce', 'expire');
create index files_waiting on files (envelope_id, place) where status = 'liste_attente';
create index files_waiting_by_amount on files (envelope_id, asked_cents) where status = 'liste_attente';

-- Every change of status: who, when, why. Append-only.
create table transitions (
    voucher_id uuid not null,
    from_status text,
    to_status text not null,
    actor text not null,
    reason text not null,
    at timestamptz not null,
    cause_id uuid not null,
    cause_index int not null,
    primary key (voucher_id, cause_id, cause_index)
);

insert into envelopes (id, programme, title, total_cents, disponible_cents)
values ('cheque-2026', 'cheque-2026', 'Chèque numérique 2026', 250000000, 250000000);

insert into rulesets (envelope_id, valid_from, rules) values ('cheque-2026', '2026-01-01T00:00:00+01:00', '{
    "version": "cheque-2026/1",
    "min_grant_cents": 100000,
    "max_grant_cents": 1500000,
    "rate_percent": 50,
    "micro_bonus_percent": 10,
    "label_bonus": false,
    "label_bonus_percent": 10,
    "categories": {
        "logiciel_abonnement": "Logiciels et abonnements de gestion",
        "site_ecommerce": "Site et vente en ligne",
        "visibilite": "Visibilité et référencement",
        "donnees_ia": "Données et intelligence artificielle",
        "cybersecurite": "Cybersécurité",
        "integration_migration": "Intégration et migration",
        "conseil_strategie": "Conseil et stratégie",
        "formation_accompagnement": "Formation et accompagnement",
        "international": "Développement international",
        "propriete_numerique": "Noms de domaine et marques en ligne",
        "expert_partage_couts": "Coûts d''un expert partagé"
    },
    "excluded_categories": {
        "materiel": "le matériel (ordinateurs, tablettes, téléphones, caisses, réseau) n''est pas une dépense immatérielle",
        "tva": "la TVA récupérable n''est pas une dépense de l''entreprise",
        "personnel": "les salaires de l''entreprise ne sont pas pris en charge",
        "recurrent_12_mois": "la part d''un abonnement au-delà de douze mois n''est pas prise en charge",
        "renouvellement": "un renouvellement sans gain fonctionnel n''est pas pris en charge",
        "exportation_directe": "une aide liée aux volumes exportés ou à un réseau d''exportation est interdite"
    },
    "category_caps_percent": {
        "visibilite": 30
    },
    "sme_categories": [
        "micro",
        "petite",
        "moyenne"
    ],
    "min_age_months": 6,
    "diagnostic_valid_months": 12,
    "excluded_naf": [
        "01.1",
        "01.2",
        "01.3",
        "01.4",
        "01.5",
        "03."
    ],
    "incentive_effect": true,
    "one_supplier_per_category": true,
    "measure_covers_category": true,
    "de_minimis_ceiling_cents": 30000000,
    "de_minimis_years": 3,
    "public_aid_ceiling_percent": 80,
    "auto_decision": true,
    "review_over_cents": null,
    "reservation_days": 30,
    "agreement_months": 6,
    "claim_months": 12
}');
