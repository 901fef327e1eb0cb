"""The waiting list and the public register: read models, written in the transaction that changes the files."""

from collections.abc import Mapping, Sequence
from typing import Final

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from labels.applications.model import LabelFile
from labels.applications.table import APPLICATIONS
from labels.places.waiting import Queued, Unqueued

_LEAVE: Final = "delete from waiting_list where siren = any($1::text[])"
_ENTER: Final = """insert into waiting_list (siren, ticket, region, cohort_year, since)
    select * from unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::timestamptz[])"""
_REGISTER: Final = """insert into register as r
        (label_id, siren, name, region, naf, cohort_year, rank, granted_at, expires_at, status)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[],
        $8::timestamptz[], $9::timestamptz[], $10::text[])
    on conflict (label_id) do update set status = excluded.status where r.status <> excluded.status"""
_REFRESH: Final = """update register r set name = u.name, region = u.region, naf = u.naf
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) u (siren, name, region, naf)
    where r.siren = u.siren and (r.name, r.region, r.naf) is distinct from (u.name, u.region, u.naf)"""


async def project(connection: Connection, changes: Changes) -> None:
    """Write the waiting list and the register, each in one statement or two."""
    moves = {row.siren: row for row in changes.rows if isinstance(row, Queued | Unqueued)}
    if moves:
        await _save_queue(connection, moves)
    files: Sequence[LabelFile] = tuple(changes.states_of(APPLICATIONS.kind).values())
    labelled = [file for file in files if file.label is not None]
    if labelled:
        await _save_register(connection, labelled)


async def _save_queue(connection: Connection, moves: Mapping[str, Queued | Unqueued]) -> None:
    """Where each file that moved stands at the end of the batch: in the list, or not."""
    await connection.execute(_LEAVE, list(moves))
    entered = [move for move in moves.values() if isinstance(move, Queued)]
    if entered:
        await connection.execute(
            _ENTER,
            [move.siren for move in entered],
            [move.ticket for move in entered],
            [move.region for move in entered],
            [move.cohort_year for move in entered],
            [move.since for move in entered],
        )


async def _save_register(connection: Connection, files: Sequence[LabelFile]) -> None:
    """Public rows of the labels whose file changed, and the company's public fields on its older labels too."""
    pairs = [(file, file.label, file.company) for file in files]
    rows = [(file.siren, label, company) for file, label, company in pairs if label is not None and company is not None]
    public = (
        [siren for siren, _, _ in rows],
        [company.name for _, _, company in rows],
        [company.region for _, _, company in rows],
        [company.naf for _, _, company in rows],
    )
    await connection.execute(
        _REGISTER,
        [label.label_id for _, label, _ in rows],
        *public,
        [label.cohort_year for _, label, _ in rows],
        [label.rank for _, label, _ in rows],
        [label.granted_at for _, label, _ in rows],
        [label.expires_at for _, label, _ in rows],
        [label.status for _, label, _ in rows],
    )
    await connection.execute(_REFRESH, *public)
