"""What the HTTP doors read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from common.postgres.connections import Connection

_ENVELOPES: Final = """select id, programme, title, total_cents, opens_on, closes_on, disponible_cents, reserve_cents,
        engage_cents, ordonnance_cents, paye_cents, recouvre_cents, exhausted, waiting, movements, chain,
        (select rules::text from rulesets r where r.envelope_id = e.id and r.valid_from <= $2
            order by valid_from desc limit 1) as rules
    from envelopes e where $1::text is null or id = $1 order by id"""
_MOVEMENTS: Final = """select number, voucher_id::text, from_account, to_account, amount_cents, at, cause_id::text,
        cause_index, hash
    from movements where envelope_id = $1 and number > $2 order by number limit $3"""
_HISTORY: Final = """select from_status, to_status, actor, reason, at from transitions
    where voucher_id = $1 order by at, cause_id, cause_index"""

_POSITIONS: Final = """select f.id::text, (select count(*) from files w where w.envelope_id = f.envelope_id
            and w.status = 'liste_attente' and w.place <= f.place)
    from files f where f.id = any($1::uuid[]) and f.status = 'liste_attente'"""


async def read_envelopes(connection: Connection, envelope_id: str | None, now: object) -> list[Mapping[str, Any]]:
    """One envelope, or all of them, with balances to the cent and the rules in force."""
    return [dict(row) for row in await connection.fetch(_ENVELOPES, envelope_id, now)]


async def read_movements(connection: Connection, envelope_id: str, after: int, limit: int) -> list[Mapping[str, Any]]:
    """The ledger of an envelope after a number, in order."""
    return [dict(row) for row in await connection.fetch(_MOVEMENTS, envelope_id, after, limit)]


async def positions_of(connection: Connection, voucher_ids: Sequence[str]) -> dict[str, int]:
    """The ranks, from 1, of those of these files that wait, as the waiting lists of their envelopes stand now."""
    if not voucher_ids:
        return {}
    return {row[0]: row[1] for row in await connection.fetch(_POSITIONS, voucher_ids)}


async def read_history(connection: Connection, voucher_id: str) -> list[Mapping[str, Any]]:
    """Every change of status of a file, in order."""
    return [dict(row) for row in await connection.fetch(_HISTORY, voucher_id)]
