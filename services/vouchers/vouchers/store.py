"""SQL of the envelopes, the ledger and the files. One lock, one read and one write of an envelope a batch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from common.errors import Conflict
from common.message import Message
from common.service import Changes
from vouchers.inputs import Money
from vouchers.model import Applicant, Balances, Envelope, Envelopes, Movement, Transition
from vouchers.rules.ledger import seal
from vouchers.settings import rulesets_of

if TYPE_CHECKING:
    from common.postgres import Connection

NOTHING: Final = Envelopes()
"""What a batch shares that moves no money: it locks nothing and reads nothing."""

_MONEY: Final = frozenset(get_args(Money))

# --- the unit of work ------------------------------------------------------------------------------------------------

_LOCK: Final = """select id, programme, opens_on, closes_on,
        disponible_cents, reserve_cents, engage_cents, ordonnance_cents, paye_cents, recouvre_cents,
        exhausted, waiting, places, movements, chain,
        (select json_agg(json_build_array(r.valid_from, r.rules))::text from rulesets r where r.envelope_id = e.id)
            as rulesets
    from envelopes e where id = any($1::text[]) order by id for update of e"""
# A statement of its own, after the lock: a sub-query of _LOCK would see the files as they were before it waited.
_SMALLEST_WAITING: Final = """select w.envelope_id, (select asked_cents from files f
        where f.envelope_id = w.envelope_id and f.status = 'liste_attente' order by asked_cents limit 1)
    from unnest($1::text[]) w (envelope_id)"""
_SAVE_FILES: Final = """insert into files as f (id, siren, region, envelope_id, programme, status, asked_cents,
        held_cents, place, ruleset, submitted_at, changed_at)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[], $12::timestamptz[])
    on conflict (id) do update set region = excluded.region, status = excluded.status,
        asked_cents = excluded.asked_cents, held_cents = excluded.held_cents, place = excluded.place,
        changed_at = excluded.changed_at"""
_SAVE_ENVELOPE: Final = """update envelopes set disponible_cents = $2, reserve_cents = $3, engage_cents = $4,
        ordonnance_cents = $5, paye_cents = $6, recouvre_cents = $7, exhausted = $8, waiting = $9, places = $10,
        movements = $11, chain = $12
    where id = $1 and movements = $13"""

_TRANSITION_COLUMNS: Final = (
    "voucher_id",
    "from_status",
    "to_status",
    "actor",
    "reason",
    "at",
    "cause_id",
    "cause_index",
)
_MOVEMENT_COLUMNS: Final = (
    "envelope_id",
    "number",
    "voucher_id",
    "from_account",
    "to_account",
    "amount_cents",
    "at",
    "cause_id",
    "cause_index",
    "hash",
)


async def load(connection: "Connection", messages: Sequence[Message[Any]]) -> Envelopes:
    """Lock and read the envelopes that this batch may move money of, in order of id; none for other batches."""
    wanted = {message.input.envelope_id for message in messages if type(message.input) in _MONEY}
    if not wanted:
        return NOTHING
    rows = await connection.fetch(_LOCK, sorted(wanted))
    with_queue = [row["id"] for row in rows if row["waiting"]]
    smallest: dict[str, int | None] = {}
    if with_queue:
        smallest = {row[0]: row[1] for row in await connection.fetch(_SMALLEST_WAITING, with_queue)}
    return Envelopes(
        tuple(
            Envelope(
                id=row["id"],
                programme=row["programme"],
                opens_on=row["opens_on"],
                closes_on=row["closes_on"],
                rulesets=rulesets_of(row["rulesets"] or "[]"),
                balances=Balances(*(row[f"{account}_cents"] for account in Balances.__struct_fields__)),
                exhausted=row["exhausted"],
                waiting=row["waiting"],
                places=row["places"],
                smallest_waiting_cents=smallest.get(row["id"]),
                movements=row["movements"],
                chain=row["chain"],
            )
            for row in rows
        )
    )


async def save(connection: "Connection", changes: Changes[Applicant, Envelopes]) -> None:
    """Write the files that changed, their transitions, the movements and the envelopes, each in one statement.

    Raises:
        Conflict: an envelope is not as it was read.
    """
    transitions = [row for row in changes.rows if isinstance(row, Transition)]
    movements = [row for row in changes.rows if isinstance(row, Movement)]
    if transitions:
        await _save_files(connection, transitions)
        await _save_transitions(connection, transitions)
    if changes.after is not changes.before:
        await _save_money(connection, changes.before, changes.after, movements)


async def _save_files(connection: "Connection", transitions: Sequence[Transition]) -> None:
    latest: dict[str, tuple[object, ...]] = {}
    for row in transitions:
        file = row.file
        latest.pop(file.id, None)
        latest[file.id] = (
            file.id,
            row.siren,
            row.region,
            file.envelope_id,
            file.programme,
            file.status,
            file.asked_cents,
            file.held_cents,
            file.place,
            file.ruleset,
            file.submitted_at,
            row.at,
        )
    await connection.execute(_SAVE_FILES, *(list(column) for column in zip(*latest.values(), strict=True)))


async def _save_transitions(connection: "Connection", transitions: Sequence[Transition]) -> None:
    records = [
        (row.file.id, row.from_status, row.to_status, row.actor, row.reason, row.at, row.cause, row.index)
        for row in transitions
    ]
    await connection.copy_records_to_table("transitions", records=records, columns=_TRANSITION_COLUMNS)


async def _save_money(
    connection: "Connection", before: Envelopes, after: Envelopes, movements: Sequence[Movement]
) -> None:
    """Number and chain the movements of each envelope, append them, write the new balances."""
    chains = {envelope.id: (envelope.movements, envelope.chain) for envelope in before.items}
    records: list[tuple[object, ...]] = []
    for row in movements:
        number, chain = chains[row.envelope_id]
        number, chain = number + 1, seal(chain, row)
        chains[row.envelope_id] = number, chain
        records.append(
            (
                row.envelope_id,
                number,
                row.voucher_id,
                row.from_account,
                row.to_account,
                row.amount_cents,
                row.at,
                row.cause,
                row.index,
                chain,
            )
        )
    if records:
        await connection.copy_records_to_table("movements", records=records, columns=_MOVEMENT_COLUMNS)
    for old, new in zip(before.items, after.items, strict=True):
        if new is old:
            continue
        accounts = (getattr(new.balances, account) for account in Balances.__struct_fields__)
        flags = (new.exhausted, new.waiting, new.places)
        tag = await connection.execute(_SAVE_ENVELOPE, new.id, *accounts, *flags, *chains[new.id], old.movements)
        if tag != "UPDATE 1":
            raise Conflict(f"envelope {new.id} changed since it was locked")


# --- the waiting list ------------------------------------------------------------------------------------------------

# First the files at the head of the list that all fit together, in order of deposit.
_HEAD_THAT_FITS: Final = """select w.envelope_id, w.siren, w.region, w.id::text as voucher_id
    from envelopes e cross join lateral (
        select f.*, sum(asked_cents) over (order by place) as upto from files f
        where f.envelope_id = e.id and f.status = 'liste_attente' order by place limit 500) w
    where e.waiting > 0 and w.upto <= e.disponible_cents order by w.envelope_id, w.place"""
# When the first asks too much: the first that fits alone, if one does.
_FIRST_THAT_FITS: Final = """select w.envelope_id, w.siren, w.region, w.id::text as voucher_id
    from envelopes e cross join lateral (
        select f.* from files f
        where f.envelope_id = e.id and f.status = 'liste_attente' and f.asked_cents <= e.disponible_cents
            and (select min(s.asked_cents) from files s where s.envelope_id = e.id and s.status = 'liste_attente')
                <= e.disponible_cents
        order by f.place limit 1) w
    where e.waiting > 0"""


class Offer(NamedTuple):
    """A waiting file that what is left can serve."""

    envelope_id: str
    siren: str
    region: str
    voucher_id: str


async def next_offers(connection: "Connection") -> list[Offer]:
    """The waiting files to serve next, in order of deposit; read without a lock, so decide checks each again."""
    rows = await connection.fetch(_HEAD_THAT_FITS) or await connection.fetch(_FIRST_THAT_FITS)
    return [Offer(*row) for row in rows]


# --- reads of the HTTP doors -----------------------------------------------------------------------------------------

_ENVELOPES: Final = """select id, programme, title, total_cents, opens_on, closes_on, disponible_cents, reserve_cents,
        engage_cents, ordonnance_cents, paye_cents, recouvre_cents, exhausted, waiting, movements, chain,
        (select rules::text from rulesets r where r.envelope_id = e.id and r.valid_from <= $2
            order by valid_from desc limit 1) as rules
    from envelopes e where $1::text is null or id = $1 order by id"""
_MOVEMENTS: Final = """select number, voucher_id::text, from_account, to_account, amount_cents, at, cause_id::text,
        cause_index, hash
    from movements where envelope_id = $1 and number > $2 order by number limit $3"""
_ENVELOPE_OF: Final = """select siren, id::text as voucher_id, envelope_id from files
    where (siren, id) in (select * from unnest($1::text[], $2::uuid[]))"""
_HISTORY: Final = """select from_status, to_status, actor, reason, at from transitions
    where voucher_id = $1 order by at, cause_id, cause_index"""


async def read_envelopes(connection: "Connection", envelope_id: str | None, now: object) -> list[Mapping[str, Any]]:
    """One envelope, or all of them, with balances to the cent and the rules in force."""
    return [dict(row) for row in await connection.fetch(_ENVELOPES, envelope_id, now)]


async def read_movements(connection: "Connection", envelope_id: str, after: int, limit: int) -> list[Mapping[str, Any]]:
    """The ledger of an envelope after a number, in order."""
    return [dict(row) for row in await connection.fetch(_MOVEMENTS, envelope_id, after, limit)]


async def envelopes_of(connection: "Connection", files: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(SIREN, file) → envelope, for the files that exist; a file never changes envelope."""
    sirens, ids = [siren for siren, _ in files], [voucher_id for _, voucher_id in files]
    rows = await connection.fetch(_ENVELOPE_OF, sirens, ids)
    return {(row["siren"], row["voucher_id"]): row["envelope_id"] for row in rows}


async def read_history(connection: "Connection", voucher_id: str) -> list[Mapping[str, Any]]:
    """Every change of status of a file, in order."""
    return [dict(row) for row in await connection.fetch(_HISTORY, voucher_id)]
