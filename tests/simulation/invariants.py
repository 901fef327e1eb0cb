"""What must hold of the domain after every commit, and at the end. Each yields what is wrong, in words."""

from collections import Counter
from collections.abc import Iterator

from common.core.codec import Codec
from common.testing.engine import Engine
from common.testing.memory import MemoryDatabase
from labels.places.cohort import COHORTS, Cohort, entitled
from labels.places.waiting import ROUND, WAITING, Waiting
from labels.service import SERVICE as LABELS
from matching.service import SERVICE as MATCHING
from vouchers.ledger.accounts import Entry, chained, replay
from vouchers.waiting.head import served_next

from .storages import (
    envelope_of,
    head_of,
    lines_of,
    loads_in,
    messages,
    pool_of,
    states_of,
    voucher_files,
    waiting_files,
)

_LABELS, _MATCHING = Codec(LABELS), Codec(MATCHING)
ENVELOPE = "cheque-2026"
HELD_IN = {"depose": "reserve", "accorde": "engage"}


def check_envelope(database: MemoryDatabase) -> Iterator[str]:
    """No account below zero, the total as it was, each file's money where its status says, one running file each."""
    envelope = envelope_of(database, ENVELOPE)
    if envelope is None:
        yield "the envelope is gone"
        return
    accounts = {name: getattr(envelope.balances, name) for name in envelope.balances.__struct_fields__}
    if min(accounts.values()) < 0 or sum(accounts.values()) != envelope.balances.total:
        yield f"the accounts are {accounts}"
    held: Counter[str] = Counter()
    running: Counter[str] = Counter()
    for applicant, file in voucher_files(database):
        held[HELD_IN.get(file.status, "")] += file.held_cents
        running[applicant.siren] += file.status in {"depose", "liste_attente", "accorde"}
    if any(held[name] != accounts[name] for name in HELD_IN.values()):
        yield f"files hold {dict(held)}, the accounts are {accounts}"
    if max(running.values(), default=0) > 1:
        yield f"several running files of a company: {running.most_common(1)}"
    chain, entries = "", [row for row in database.rows if isinstance(row, Entry)]
    for number, entry in enumerate(entries, 1):
        chain = chained(chain, entry.movement)
        if (entry.number, entry.hash) != (number, chain):
            yield f"entry {number} of the ledger breaks its chain"
    if envelope.movements != len(entries):
        yield f"{len(entries)} entries, {envelope.movements} counted"
    elif replay(envelope.balances.total, (entry.movement for entry in entries)) != envelope.balances:
        yield "the entries lead to other balances"


def cohorts_of(database: MemoryDatabase) -> list[Cohort]:
    """The cohorts that were drawn on."""
    decode = _LABELS.decode_pool[COHORTS.name]
    return [decode(doc) for ref, doc in database.pools.items() if ref.pool == COHORTS.name]


def check_cohorts(database: MemoryDatabase) -> Iterator[str]:
    """No label above the cap; the labels of a year are as many as it counts, each with a rank of its own."""
    files = states_of(_LABELS, database, "applications").values()
    for cohort in cohorts_of(database):
        ranks = sorted(f.label.rank for f in files if f.label is not None and f.label.cohort_year == cohort.year)
        if cohort.granted > cohort.cap:
            yield f"{cohort.granted} labels of {cohort.cap}"
        if len(set(ranks)) != len(ranks) or len(ranks) > cohort.granted:
            yield f"ranks {ranks}, {cohort.granted} granted"
        if sum(cohort.by_region.values()) != cohort.granted:
            yield f"regions {dict(cohort.by_region)}, {cohort.granted} granted"
    waiting: Waiting = pool_of(_LABELS, database, WAITING.name, "all")
    if waiting.count != len(waiting_files(database)):
        yield f"{waiting.count} wait by the counter, {len(waiting_files(database))} by the list"


def check_capacity(database: MemoryDatabase) -> Iterator[str]:
    """No connecteur has more matches than it can take; what it has is what is open or was accepted lately."""
    lines, loads = lines_of(database), loads_in(database)
    for connector_id, load in loads.items():
        if load > lines[connector_id].capacity_30d:
            yield f"{connector_id} has {load} of {lines[connector_id].capacity_30d}"
    needs = states_of(_MATCHING, database, "needs").values()
    matches = [match for state in needs for need in state.needs for match in need.matches]
    due = Counter(key for kind, key, name in database.deadlines if kind == "needs" and name.startswith("capacity:"))
    held = Counter(match.connector_id for match in matches if match.status == "propose")
    kept = sum(due.values())
    if sum(loads.values()) != held.total() + kept:
        yield f"loads are {dict(loads)}, open offers {dict(held)}, accepted lately {kept}"


def check_messages(database: MemoryDatabase) -> Iterator[str]:
    """A fact has one message."""
    told = Counter(row.cause for row in messages(database))
    if told and max(told.values()) > 1:
        yield f"a fact is told twice: {told.most_common(1)}"


def check_ends(engine: Engine) -> Iterator[str]:
    """At the end nobody waits who could be served, and every service knows what it was told."""
    vouchers, labels = engine.parts["vouchers"].database, engine.parts["labels"].database
    envelope = envelope_of(vouchers, ENVELOPE)
    if envelope is not None and served_next(head_of(vouchers, ENVELOPE).files, envelope.balances.disponible):
        yield f"{envelope.balances.disponible} cents are left, and somebody waits whom they serve"
    queue = [(row.siren, row.region) for row in waiting_files(labels)]
    for cohort in cohorts_of(labels):
        if cohort.year == engine.now.year and (served := entitled(cohort, queue, {}, ROUND)):
            yield f"{cohort.free} places of {cohort.year} are free, and {list(served)} wait"
    diagnosed = states_of(engine.parts["diagnostic"].codec, engine.parts["diagnostic"].database, "diagnostics")
    for siren, file in diagnosed.items():
        if not file.completed:
            continue
        last = max(each.completed_at for each in file.completed)  # a client that was frozen writes an older one later
        for name, kind, known in (("labels", "applications", "diagnosis"), ("vouchers", "files", "diagnostic")):
            part = engine.parts[name]
            told = getattr(states_of(part.codec, part.database, kind)[siren], known)
            if told is None or told.completed_at != last:
                yield f"{name} knows {told} of {siren}, the last diagnosis is of {last}"
