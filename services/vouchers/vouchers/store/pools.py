"""An envelope and its waiting list in their tables: one lock, one read and one write of an envelope a batch."""

from collections.abc import Mapping, Sequence
from typing import Final

from common.declare.errors import Conflict
from common.postgres.connections import Connection
from vouchers.ledger.accounts import Balances
from vouchers.ledger.envelope import Envelope, Mark
from vouchers.ruleset import read_rulesets
from vouchers.waiting.head import BOUND, Head, Waiting

_LOCK: Final = """select id, programme, opens_on, closes_on,
        disponible_cents, reserve_cents, engage_cents, ordonnance_cents, paye_cents, recouvre_cents,
        exhausted, waiting, places, movements, chain, offering, waited_at,
        (select json_agg(json_build_array(r.valid_from, r.rules))::text from rulesets r where r.envelope_id = e.id)
            as rulesets
    from envelopes e where id = any($1::text[]) order by id for update of e"""
# A statement of its own, after the lock: a sub-query of _LOCK would see the files as they were before it waited.
_SMALLEST_WAITING: Final = """select w.envelope_id, (select asked_cents from files f
        where f.envelope_id = w.envelope_id and f.status = 'liste_attente' order by asked_cents limit 1)
    from unnest($1::text[]) w (envelope_id)"""
_SAVE_ENVELOPE: Final = """update envelopes set disponible_cents = $2, reserve_cents = $3, engage_cents = $4,
        ordonnance_cents = $5, paye_cents = $6, recouvre_cents = $7, exhausted = $8, waiting = $9, places = $10,
        movements = $11, chain = $12, offering = $13, waited_at = $14
    where id = $1 and movements = $15"""

# The first files in order of deposit, then the first of all that fits alone, for when none of those does.
_HEAD: Final = """select w.siren, w.region, w.id::text, w.asked_cents from (
        (select * from files where envelope_id = $1 and status = 'liste_attente' order by place limit $2)
        union
        (select f.* from files f, envelopes e
            where e.id = $1 and f.envelope_id = e.id and f.status = 'liste_attente'
                and f.asked_cents <= e.disponible_cents
                and (select min(s.asked_cents) from files s where s.envelope_id = e.id and s.status = 'liste_attente')
                    <= e.disponible_cents
            order by f.place limit 1)) w
    order by w.place"""
_MARK: Final = "select movements, waiting, places from envelopes where id = $1"


class EnvelopeTable:
    """The pool of the envelopes, in the table `envelopes`."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, Envelope]:
        """Lock and read the envelopes of these ids, in order of id.

        Raises:
            Misconfigured: an envelope has no rule set, or a wrong one.
        """
        rows = await connection.fetch(_LOCK, keys)
        with_queue = [row["id"] for row in rows if row["waiting"]]
        smallest: dict[str, int | None] = {}
        if with_queue:
            smallest = {row[0]: row[1] for row in await connection.fetch(_SMALLEST_WAITING, with_queue)}
        return {
            row["id"]: Envelope(
                id=row["id"],
                programme=row["programme"],
                opens_on=row["opens_on"],
                closes_on=row["closes_on"],
                rulesets=read_rulesets(row["rulesets"] or "[]"),
                balances=Balances(*(row[f"{account}_cents"] for account in Balances.__struct_fields__)),
                exhausted=row["exhausted"],
                waiting=row["waiting"],
                places=row["places"],
                smallest_waiting_cents=smallest.get(row["id"]),
                movements=row["movements"],
                chain=row["chain"],
                offering=row["offering"],
                waited_at=row["waited_at"],
            )
            for row in rows
        }

    async def save(
        self, connection: Connection, before: Mapping[str, Envelope | None], after: Mapping[str, Envelope | None]
    ) -> None:
        """Write the envelopes that changed.

        Raises:
            Conflict: one is not as it was read.
        """
        for key, new in after.items():
            old = before[key]
            if old is None or new is None:
                raise Conflict(f"envelope {key} is opened and closed by an administrator, never by a rule")
            accounts = (getattr(new.balances, account) for account in Balances.__struct_fields__)
            stands = (new.exhausted, new.waiting, new.places, new.movements, new.chain, new.offering, new.waited_at)
            tag = await connection.execute(_SAVE_ENVELOPE, key, *accounts, *stands, old.movements)
            if tag != "UPDATE 1":
                raise Conflict(f"envelope {key} changed since it was locked")


class WaitingTable:
    """The pool of the heads of the waiting lists, read from `files` under the lock of their envelope."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, Head]:
        """Read the heads of the waiting lists of these envelopes, which are locked already."""
        heads: dict[str, Head] = {}
        for key in keys:
            mark = await connection.fetchrow(_MARK, key)
            if mark is not None:
                rows = await connection.fetch(_HEAD, key, BOUND)
                heads[key] = Head(Mark(*mark), tuple(Waiting(*row) for row in rows))
        return heads

    async def save(self, connection: Connection, before: Mapping[str, Head], after: Mapping[str, Head]) -> None:
        """Nothing is written: the list follows from the files."""
