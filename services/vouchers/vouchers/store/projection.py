"""What a batch adds to the ledger and to the files, each table in one statement."""

from collections.abc import Sequence
from typing import Final

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from vouchers.files.model import Transition
from vouchers.ledger.accounts import Entry

_SAVE_FILES: Final = """insert into files as f (id, siren, region, envelope_id, programme, status, asked_cents,
        held_cents, place, ruleset, submitted_at, changed_at)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[], $12::timestamptz[])
    on conflict (id) do update set region = excluded.region, status = excluded.status,
        asked_cents = excluded.asked_cents, held_cents = excluded.held_cents, place = excluded.place,
        changed_at = excluded.changed_at"""

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


async def project(connection: Connection, changes: Changes) -> None:
    """Write the files that changed, their transitions and the entries of the ledger."""
    transitions = [row for row in changes.rows if isinstance(row, Transition)]
    entries = [row for row in changes.rows if isinstance(row, Entry)]
    if transitions:
        await _save_files(connection, transitions)
        await _save_transitions(connection, transitions)
    if entries:
        await _save_entries(connection, entries)


async def _save_files(connection: Connection, transitions: Sequence[Transition]) -> None:
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


async def _save_transitions(connection: Connection, transitions: Sequence[Transition]) -> None:
    records = [
        (row.file.id, row.from_status, row.to_status, row.actor, row.reason, row.at, row.cause, row.index)
        for row in transitions
    ]
    await connection.copy_records_to_table("transitions", records=records, columns=_TRANSITION_COLUMNS)


async def _save_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    records = [
        (
            row.envelope_id,
            entry.number,
            row.voucher_id,
            row.from_account,
            row.to_account,
            row.amount_cents,
            row.at,
            row.cause,
            row.index,
            entry.hash,
        )
        for entry in entries
        for row in (entry.movement,)
    ]
    await connection.copy_records_to_table("movements", records=records, columns=_MOVEMENT_COLUMNS)
