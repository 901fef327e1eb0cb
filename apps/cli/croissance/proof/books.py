"""The books: the chèque ledger to the cent, the cohorts of the label, the capacity of connecteurs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from croissance.proof.database import Schema
from croissance.proof.equations import Chain, File
from croissance.proof.findings import Findings
from france.typography import euros, plain

ACCOUNTS: Final = ("disponible", "reserve", "engage", "ordonnance", "paye", "recouvre")

ENVELOPES: Final = """select id, total_cents, movements, disponible_cents, reserve_cents, engage_cents,
    ordonnance_cents, paye_cents, recouvre_cents from "{schema}".envelopes order by id"""
REPLAY: Final = """with flows as (
        select envelope_id, number, from_account as account, -amount_cents as cents from "{schema}".movements
        union all select envelope_id, number, to_account, amount_cents from "{schema}".movements
        union all select id, 0, 'disponible', total_cents from "{schema}".envelopes),
    running as (
        select envelope_id, account, cents,
            sum(cents) over (partition by envelope_id, account order by number) as level
        from flows)
    select envelope_id, account, sum(cents)::bigint, min(level)::bigint from running
    group by envelope_id, account"""
NUMBERS: Final = """select envelope_id, count(*), max(number), count(distinct (cause_id, cause_index))
    from "{schema}".movements group by envelope_id"""
HELD: Final = """select envelope_id, status, sum(held_cents)::bigint
    from "{schema}".files
    where held_cents > 0 group by envelope_id, status"""
HELD_IN: Final = {"depose": "reserve", "accorde": "engage"}
"""Status of a file → account that holds its money."""
TWICE: Final = """select count(*) from (select siren from "{schema}".files
    where status not in ('refuse', 'retire', 'renonce', 'expire')
    group by siren, programme having count(*) > 1) twice"""
FILES: Final = 'select id::text, status, held_cents from "{schema}".files'

COHORTS: Final = """select c.year, c.cap, c.granted, count(r.label_id), count(distinct r.rank), coalesce(max(r.rank), 0)
    from "{schema}".cohorts c left join "{schema}".register r on r.cohort_year = c.year
    group by c.year, c.cap, c.granted order by c.year"""
REGISTER: Final = 'select label_id::text from "{schema}".register'
CAPACITY: Final = 'select connector_id, capacity, load from "{schema}".loads where load > capacity'


async def check_ledger(connection: Any, findings: Findings, schema: Schema) -> None:
    """Replaying the movements gives the balances, to the cent; no account was negative at any point."""
    name = schema.name
    replayed: dict[str, Counter[str]] = defaultdict(Counter)
    for envelope, account, cents, lowest in await connection.fetch(REPLAY.format(schema=name)):
        replayed[envelope][account] = cents
        what = f"le compte « {account} » est descendu à {_euros(lowest)}"
        findings.fault("overspent_cents", f"enveloppe {envelope}", what, -lowest)
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for envelope, status, cents in await connection.fetch(HELD.format(schema=name)):
        held[envelope][HELD_IN.get(status, f"statut {status}")] = cents
    numbers = {row[0]: tuple(row[1:]) for row in await connection.fetch(NUMBERS.format(schema=name))}
    for envelope, total, movements, *balances in await connection.fetch(ENVELOPES.format(schema=name)):
        where = f"enveloppe {envelope}"
        stored: dict[str, int] = dict(zip(ACCOUNTS, balances, strict=True))
        if sum(stored.values()) != total:
            findings.fault("unbalanced", where, f"la somme des comptes n’est pas {_euros(total)}")
        _equal(findings, where, stored, replayed[envelope], accounts=ACCOUNTS, origin="d’après les mouvements")
        _equal(findings, where, stored, held[envelope], accounts=("reserve", "engage"), origin="dans les dossiers")
        count, last, causes = numbers.get(envelope, (0, 0, 0))
        findings.checked["movements"] += count
        seen = (count, last, movements)
        what = f"{count} mouvements, dernier numéro {last}, compteur {movements}"
        findings.fault("gaps", where, what, max(seen) - min(seen))
        findings.fault("duplicated", where, "des mouvements ont la même cause", count - causes)
    twice: int = await connection.fetchval(TWICE.format(schema=name))
    findings.fault("duplicated", "chèques", "des entreprises ont deux chèques actifs", twice)


def _equal(
    findings: Findings,
    where: str,
    stored: Mapping[str, int],
    other: Counter[str],
    *,
    accounts: Iterable[str],
    origin: str,
) -> None:
    """The stored balances are those that another book gives."""
    for account in accounts:
        if stored[account] != other[account]:
            what = f"« {account} » : {_euros(stored[account])} en base, {_euros(other[account])} {origin}"
            findings.fault("unbalanced", where, what)


async def check_files(connection: Any, findings: Findings, schema: Schema, chain: Chain) -> None:
    """Every chèque stands where its events say, with the amount they say. Only when nothing is under way."""
    rows = {row[0]: File(row[1], row[2]) for row in await connection.fetch(FILES.format(schema=schema.name))}
    findings.checked["vouchers"] = len(rows)
    for voucher, told in chain.files.items():
        stored = rows.pop(voucher, None)
        if voucher in chain.cut:
            continue
        if stored is None:
            findings.fault("lost", "chèques", f"le dossier {voucher} est publié, absent de la base")
        elif stored.status != told.status:
            what = f"le dossier {voucher} est « {stored.status} » en base, « {told.status} » d’après les événements"
            findings.fault("altered", "chèques", what)
        elif told.granted_cents and stored.granted_cents != told.granted_cents:
            amounts = f"{_euros(stored.granted_cents)} en base, {_euros(told.granted_cents)} publiés"
            what = f"le dossier {voucher} : {amounts}"
            findings.fault("altered", "chèques", what)
    for voucher in rows:
        findings.fault("lost", "chèques", f"le dossier {voucher} est en base, jamais publié")


async def check_cohorts(connection: Any, findings: Findings, schema: Schema) -> None:
    """No cohort above its cap; its counter, the register and the ranks agree."""
    for year, cap, granted, listed, ranks, highest in await connection.fetch(COHORTS.format(schema=schema.name)):
        where = f"cohorte {year}"
        findings.checked["labels"] += listed
        most = max(granted, listed)
        findings.fault("over_cap", where, f"{most} labels pour {cap} places", most - cap)
        if not granted == listed == ranks == highest:
            what = f"compteur {granted}, registre {listed}, rangs {ranks} jusqu’à {highest}"
            findings.fault("unbalanced", where, what)


async def check_register(connection: Any, findings: Findings, schema: Schema, chain: Chain) -> None:
    """Each label published is in the public register, and the other way round. Only when nothing is under way."""
    listed = {row[0] for row in await connection.fetch(REGISTER.format(schema=schema.name))}
    findings.fault(
        "lost", "labels", "des labels publiés manquent au registre", len(chain.labels.keys() - chain.cut - listed)
    )
    findings.fault(
        "lost", "labels", "des labels du registre n’ont jamais été publiés", len(listed - chain.labels.keys())
    )


async def check_capacity(connection: Any, findings: Findings, schema: Schema) -> None:
    """No connecteur has more matches than it can take."""
    for connector, capacity, load in await connection.fetch(CAPACITY.format(schema=schema.name)):
        findings.fault("over_capacity", f"connecteur {connector}", f"{load} pour {capacity}", load - capacity)


async def check_books(
    connection: Any, findings: Findings, schemas: Mapping[str, Schema], chain: Chain, *, whole: bool
) -> None:
    """Every book of the services that exist."""
    vouchers, labels, matching = (schemas.get(name) for name in ("vouchers", "labels", "matching"))
    if vouchers is not None and {"envelopes", "movements", "files"} <= vouchers.tables:
        await check_ledger(connection, findings, vouchers)
        if whole:
            await check_files(connection, findings, vouchers, chain)
    if labels is not None and {"cohorts", "register"} <= labels.tables:
        await check_cohorts(connection, findings, labels)
        if whole:
            await check_register(connection, findings, labels, chain)
    if matching is not None and "loads" in matching.tables:
        await check_capacity(connection, findings, matching)


def _euros(cents: int) -> str:
    return plain(euros(cents))
