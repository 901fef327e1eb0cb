"""What stands in memory for the tables and indexes that the services have of their own: read of what is committed."""

from collections import Counter
from datetime import date
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from common.core.codec import Codec
from common.core.unit_of_work import Changes
from common.declare.errors import Conflict
from common.testing.memory import MemoryDatabase, MemoryStorage
from diagnostic.service import SERVICE as DIAGNOSTIC
from france.days import start_of_day
from labels.places.cohort import COHORTS, entitled, first_cohort, quotas
from labels.places.waiting import ROUND, TURNS, Queued, Turn, Unqueued
from labels.ruleset import ruleset_at
from labels.service import SERVICE as LABELS
from matching import settings as matching_settings
from matching.basis import DIRECTORY, LOADS, Basis, with_room
from matching.directory.table import LINES
from matching.needs.model import LoadsMoved
from matching.search.connector import Connector
from matching.search.index import Directory
from matching.search.loads import NONE, Loads, with_counts
from matching.service import SERVICE as MATCHING
from notifications.messages.model import PENDING, MessageToSend, Settled, pending_key
from notifications.service import SERVICE as NOTIFICATIONS
from vouchers.files.model import Applicant, VoucherFile
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.service import SERVICE as VOUCHERS
from vouchers.waiting.head import NOBODY, WAITING, Head, Waiting

_CODECS = {service.name: Codec(service) for service in (VOUCHERS, LABELS, NOTIFICATIONS, MATCHING, DIAGNOSTIC)}
_VOUCHERS, _LABELS, _NOTIFICATIONS, _MATCHING = (
    _CODECS[service.name] for service in (VOUCHERS, LABELS, NOTIFICATIONS, MATCHING)
)


def pool_of(codec: Codec, database: MemoryDatabase, name: str, key: str) -> Any:
    """A pool as committed."""
    pool = codec.pools[name]
    doc = database.pools.get(pool.at(key))
    return pool.initial(key) if doc is None else codec.decode_pool[name](doc)


def states_of(codec: Codec, database: MemoryDatabase, kind: str) -> dict[str, Any]:
    """The states of an aggregate as committed, by key."""
    name = codec.service.name
    return {key: _state(name, kind, doc) for (of, key), (doc, _) in database.states.items() if of == kind}


@lru_cache(maxsize=16_384)
def _state(service: str, kind: str, doc: str) -> Any:
    """A state, read once: invariants are looked at after every commit."""
    return _CODECS[service].decode_state[kind](doc)


# --- vouchers: the head of a waiting list is read of the files -------------------------------------------------------


def voucher_files(database: MemoryDatabase) -> list[tuple[Applicant, VoucherFile]]:
    """Every file with its company."""
    applicants = states_of(_VOUCHERS, database, "files")
    return [(applicant, file) for applicant in applicants.values() for file in applicant.files]


def waiting_vouchers(database: MemoryDatabase, key: str) -> list[tuple[Applicant, VoucherFile]]:
    """The files that wait for money of an envelope, in order of deposit."""
    waiting = [each for each in voucher_files(database) if each[1].status == "liste_attente"]
    return sorted((each for each in waiting if each[1].envelope_id == key), key=lambda each: each[1].place)


def envelope_of(database: MemoryDatabase, key: str) -> Envelope | None:
    """An envelope, with what the smallest of those who wait asks for."""
    envelope: Envelope | None = pool_of(_VOUCHERS, database, ENVELOPES.name, key)
    if envelope is None:
        return None
    smallest = min((file.asked_cents for _, file in waiting_vouchers(database, key)), default=None)
    return replace(envelope, smallest_waiting_cents=smallest)


def head_of(database: MemoryDatabase, key: str) -> Head:
    envelope, waiting = envelope_of(database, key), waiting_vouchers(database, key)
    if envelope is None:
        return NOBODY
    files = [Waiting(a.siren, a.profile.region if a.profile else "", f.id, f.asked_cents) for a, f in waiting]
    return Head(envelope.mark, tuple(files))


# --- labels: whose turn it is is read of the rows of the waiting list ------------------------------------------------


def waiting_files(database: MemoryDatabase) -> list[Queued]:
    """The waiting list, in its order."""
    listed: dict[str, Queued] = {}
    for row in database.rows:
        if isinstance(row, Queued):
            listed[row.siren] = row
        elif isinstance(row, Unqueued):
            listed.pop(row.siren, None)
    return sorted(listed.values(), key=lambda row: row.ticket)


def _turn(database: MemoryDatabase, key: str) -> Turn:
    day = date.fromisoformat(key)
    doc = database.pools.get(COHORTS.at(str(day.year)))
    cohort = first_cohort(str(day.year)) if doc is None else _LABELS.decode_pool[COHORTS.name](doc)
    if cohort is None:
        return Turn()
    kept = quotas(cohort.cap, ruleset_at(start_of_day(day)).programme.reserve, day)
    return Turn(entitled(cohort, [(row.siren, row.region) for row in waiting_files(database)], kept, ROUND))


# --- notifications: what waits is read of the rows of messages -------------------------------------------------------


def messages(database: MemoryDatabase) -> list[MessageToSend]:
    """Every message that was recorded."""
    return [row for row in database.rows if isinstance(row, MessageToSend)]


def _pending(database: MemoryDatabase, key: str) -> str | Settled | None:
    settled = pool_of(_NOTIFICATIONS, database, PENDING.name, key)
    if settled is not None:
        return None if isinstance(settled, Settled) else settled
    for row in messages(database):
        if pending_key(row.siren, str(row.cause)) == key:
            return row.template
    return None


# --- matching: the index is read of the lines, the loads of the rows that moved them ---------------------------------


def loads_in(database: MemoryDatabase) -> Counter[str]:
    """Connecteur → load."""
    loads: Counter[str] = Counter()
    for row in database.rows:
        if isinstance(row, LoadsMoved):
            for connector_id in row.connector_ids:
                loads[connector_id] = max(0, loads[connector_id] + row.by)
    return loads


def lines_of(database: MemoryDatabase) -> dict[str, Connector]:
    """The directory, by id."""
    lines = states_of(_MATCHING, database, LINES.kind)
    return {key: line.connector for key, line in lines.items() if line.connector is not None}


@lru_cache(maxsize=256)
def _basis(documents: tuple[tuple[str, str], ...]) -> Basis:
    """The index of a directory, made once."""
    decode = _MATCHING.decode_state[LINES.kind]
    directory = Directory(matching_settings.ruleset(), matching_settings.territories())
    return matching_settings.basis(directory.replace(decode(doc).connector for _, doc in documents))


def _directory(database: MemoryDatabase) -> Basis:
    kept = [(key, doc) for (kind, key), (doc, _) in database.states.items() if kind == LINES.kind]
    return _basis(tuple(kept))


def _loads(database: MemoryDatabase, _: str) -> Loads:
    basis = _directory(database)
    numbers = basis.directory.numbers
    counts = [(numbers[connector_id], load) for connector_id, load in loads_in(database).items()]
    return with_counts(with_room(NONE, basis), counts)


def _room_is_left(database: MemoryDatabase, changes: Changes) -> None:
    """The conditional update of the loads: what rises stays within what the connecteur can take."""
    loads, moves = loads_in(database), Counter[str]()
    for row in changes.rows:
        if isinstance(row, LoadsMoved):
            for connector_id in row.connector_ids:
                moves[connector_id] += row.by
    lines = lines_of(database)
    if any(by > 0 and loads[one] + by > lines[one].capacity_30d for one, by in moves.items()):
        raise Conflict("a connecteur has no room left")


STORAGES = {
    "matching": MemoryStorage(pools={LOADS.name: _loads}, views={DIRECTORY.name: _directory}, check=_room_is_left),
    "vouchers": MemoryStorage(pools={ENVELOPES.name: envelope_of, WAITING.name: head_of}),
    "labels": MemoryStorage(pools={TURNS.name: _turn}),
    "notifications": MemoryStorage(pools={PENDING.name: _pending}),
}
"""Service → what it has of its own; the others have states and documents only."""
