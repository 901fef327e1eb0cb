"""The SQL of the service: contacts, messages to send, and what the sender claims and puts back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from common.core import clock
from common.core.unit_of_work import Changes
from common.declare.errors import Unstorable
from common.postgres.connections import Connection
from common.postgres.rows import affected, columns
from notifications.contacts.model import ContactErased, ContactSaved, ContactUnsubscribed
from notifications.messages.model import MessageToSend, Settled, pending_key
from notifications.messages.planning import WEEK, Contact, Mail, Waiting, plan
from notifications.ruleset import Ruleset

Row = TypeVar("Row")

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode

# --- the unit of work ------------------------------------------------------------------------------------------------


async def project(connection: Connection, changes: Changes) -> None:
    """Write the rows of a batch, kind by kind; contacts first, so that a new message finds its contact."""
    rows = changes.rows
    await _save_contacts(connection, rows)
    if messages := _of(MessageToSend, rows):
        await _add_messages(connection, messages)


def _of(kind: type[Row], rows: Iterable[object]) -> list[Row]:
    return [row for row in rows if isinstance(row, kind)]


ADD_MESSAGES: Final = """insert into messages_to_send
        (siren, cause, template, legal, fact, deadline, region, traceparent, recorded_at, ready_at, status)
    select m.siren, m.cause, m.template, m.legal, m.fact, m.deadline, m.region, m.traceparent,
        $9::timestamptz + m.place * interval '1 microsecond', $9,
        case when exists (select from contacts c where c.siren = m.siren) then 'pending' else 'no_contact' end
    from unnest($1::text[], $2::uuid[], $3::text[], $4::boolean[], $5::bytea[], $6::date[], $7::text[],
        $8::text[]) with ordinality m (siren, cause, template, legal, fact, deadline, region, traceparent, place)
    on conflict do nothing"""
OTHER_FACT: Final = """select m.siren, m.cause, m.template, u.template as told
    from unnest($1::text[], $2::uuid[], $3::text[], $4::bytea[]) u (siren, cause, template, fact)
        join messages_to_send m using (siren, cause)
    where m.template <> u.template or m.fact <> u.fact limit 1"""


async def _add_messages(connection: Connection, messages: Sequence[MessageToSend]) -> None:
    """Insert a batch in one statement; microseconds keep the order in which the facts were decided.

    A fact that has its message already is left out, if it is the same one, as far as it is still kept.

    Raises:
        Unstorable: another fact of the company has the same cause: its message would be lost without a word.
    """
    encode = _encode
    shared: dict[bytes, bytes] = {}
    rows: list[tuple[object, ...]] = []
    for siren, cause, template, legal, fact, deadline, region, common, trace in messages:
        told = encode(fact)
        if common:
            digest = sha256(told).digest()
            shared[digest] = told
            told = digest
        rows.append((siren, cause, template, legal, told, deadline, region, trace))
    if shared:
        await _add_shared(connection, shared)
    if affected(await connection.execute(ADD_MESSAGES, *columns(rows), clock.now())) != len(rows):
        compared = [(siren, cause, template, told) for siren, cause, template, _, told, *_ in rows]
        other = await connection.fetchrow(OTHER_FACT, *columns(compared))
        if other is not None:
            siren, cause, template, told = other
            raise Unstorable(f"{cause} is the cause of the message {template} of {siren}: not of this one, {told}")


KNOWN_FACTS: Final = "select digest from shared_facts where digest = any($1::bytea[])"
ADD_FACTS: Final = """insert into shared_facts (digest, fact)
    select * from unnest($1::bytea[], $2::bytea[]) on conflict do nothing"""


async def _add_shared(connection: Connection, facts: Mapping[bytes, bytes]) -> None:
    """Keep the shared facts of a batch that no batch before it brought, in order: two processes may bring the same."""
    known = {row[0] for row in await connection.fetch(KNOWN_FACTS, list(facts))}
    if new := sorted((digest, fact) for digest, fact in facts.items() if digest not in known):
        await connection.execute(ADD_FACTS, *columns(new))


# --- the messages that deliveries settle -----------------------------------------------------------------------------

LOCK_PENDING: Final = """select siren, cause, template from messages_to_send
    where (siren, cause) in (select * from unnest($1::text[], $2::uuid[])) and status = 'pending'
    order by siren, cause for update"""
SETTLE: Final = """update messages_to_send m set status = u.status, reason = u.reason, settled_at = u.at,
        fact = case when u.status = 'sent' then null else m.fact end
    from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) u (siren, cause, status, reason, at)
    where m.siren = u.siren and m.cause = u.cause and m.status = 'pending'"""


class PendingMessages:
    """The table of `PENDING`: the messages that the deliveries of a batch would settle."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, str]:
        """Lock those that still wait."""
        rows = await connection.fetch(LOCK_PENDING, *columns([key.split("/") for key in keys]))
        return {pending_key(siren, str(cause)): template for siren, cause, template in rows}

    async def save(
        self,
        connection: Connection,
        before: Mapping[str, object],  # noqa: ARG002  being locked, they are as they were read
        after: Mapping[str, object],
    ) -> None:
        """Settle them, in order of key."""
        ended = [(*key.split("/"), end) for key, end in sorted(after.items()) if isinstance(end, Settled)]
        rows = [(siren, cause, end.status, end.reason, end.at) for siren, cause, end in ended]
        await connection.execute(SETTLE, *columns(rows))


# --- contacts --------------------------------------------------------------------------------------------------------

SAVE_CONTACTS: Final = """insert into contacts
        (siren, ref, email, name, language, channels, muted, created_at, updated_at)
    select siren, ref, email, name, language, string_to_array(channels, ','), string_to_array(muted, ','), at, at
    from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
        c (siren, ref, email, name, language, channels, muted, at)
    on conflict (siren) do update set
        ref = case when contacts.email = excluded.email then contacts.ref else excluded.ref end,
        unsubscribed_at = case when contacts.email = excluded.email then contacts.unsubscribed_at end,
        email = excluded.email, name = excluded.name, language = excluded.language, channels = excluded.channels,
        muted = excluded.muted, updated_at = excluded.updated_at"""
SUBSCRIBE: Final = """update contacts c
    set unsubscribed_at = case when u.subscribed then null else coalesce(c.unsubscribed_at, u.at) end
    from unnest($1::text[], $2::boolean[], $3::timestamptz[]) u (siren, subscribed, at) where c.siren = u.siren"""
UNSUBSCRIBE: Final = """update contacts c set unsubscribed_at = coalesce(c.unsubscribed_at, u.at)
    from unnest($1::text[], $2::uuid[], $3::timestamptz[]) u (siren, ref, at)
    where c.siren = u.siren and c.ref = u.ref"""
ERASE_CONTACTS: Final = "delete from contacts where siren = any($1::text[])"
FORGET_MESSAGES: Final = """update messages_to_send
    set fact = null, status = case when status = 'pending' then 'no_contact' else status end
    where siren = any($1::text[]) and fact is not null"""
CONTACT: Final = """select email, name, language, channels, muted, unsubscribed_at, created_at, updated_at
    from contacts where siren = $1"""
SIREN_OF_REF: Final = "select siren from contacts where ref = $1"


async def _save_contacts(connection: Connection, rows: Sequence[object]) -> None:
    """Insert, replace, erase: the last command of a company in the batch wins."""
    last = {row.siren: row for row in rows if isinstance(row, ContactSaved | ContactErased)}
    saved = sorted((row for row in last.values() if isinstance(row, ContactSaved)), key=lambda row: row.siren)
    erased = sorted(row.siren for row in last.values() if isinstance(row, ContactErased))
    if saved:
        values = [
            (r.siren, r.ref, r.email, r.name, r.language, ",".join(r.channels), ",".join(r.muted), r.at) for r in saved
        ]
        await connection.execute(SAVE_CONTACTS, *columns(values))
        wishes = [(row.siren, row.subscribed, row.at) for row in saved if row.subscribed is not None]
        if wishes:
            await connection.execute(SUBSCRIBE, *columns(wishes))
    if erased:
        await connection.execute(ERASE_CONTACTS, erased)
        await connection.execute(FORGET_MESSAGES, erased)
    if unsubscribed := _of(ContactUnsubscribed, rows):
        await connection.execute(UNSUBSCRIBE, *columns(sorted(set(unsubscribed))))


# --- what the sender does --------------------------------------------------------------------------------------------

CANDIDATES: Final = """(select siren from messages_to_send where status = 'pending' and legal and ready_at <= $1
        order by ready_at limit $3)
    union all (select siren from messages_to_send where status = 'pending' and not legal and ready_at <= $2
        order by ready_at limit $3)"""
LOCK_CONTACTS: Final = """select siren, ref, email, name, channels, muted, unsubscribed_at from contacts
    where siren = any($1::text[]) order by siren for no key update skip locked"""
WITHOUT_CONTACT: Final = """update messages_to_send m set status = 'no_contact', mail_id = null
    where siren = any($1::text[]) and status = 'pending'
        and not exists (select from contacts c where c.siren = m.siren)"""
WAITING: Final = """select siren, cause, template, legal,
        coalesce((select s.fact from shared_facts s where s.digest = m.fact), m.fact),
        region, recorded_at, ready_at, attempts, mail_id, traceparent
    from messages_to_send m where siren = any($1::text[]) and status = 'pending' and fact is not null
        and (ready_at <= $2 or (mail_id is null and not legal))
    order by siren, recorded_at, cause for update"""
RECENT: Final = """select siren, coalesce(max(settled_at), $2) from messages_to_send
    where siren = any($1::text[]) and not legal and mail_id is not null
        and (status = 'pending' or status = 'sent' and settled_at > $3)
    group by siren, mail_id"""
CLAIM: Final = """update messages_to_send m set mail_id = u.mail_id, ready_at = $4
    from unnest($1::text[], $2::uuid[], $3::uuid[]) u (siren, cause, mail_id)
    where m.siren = u.siren and m.cause = u.cause"""
HOLD: Final = """update messages_to_send m set ready_at = u.until
    from unnest($1::text[], $2::uuid[], $3::timestamptz[]) u (siren, cause, until)
    where m.siren = u.siren and m.cause = u.cause"""
DROP: Final = """update messages_to_send m set status = 'dropped', settled_at = $3, fact = null
    from unnest($1::text[], $2::uuid[]) u (siren, cause) where m.siren = u.siren and m.cause = u.cause"""
POSTPONE: Final = """update messages_to_send m set ready_at = u.until, attempts = m.attempts + u.refusals
    from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::int[]) u (siren, cause, until, refusals)
    where m.siren = u.siren and m.cause = u.cause and m.status = 'pending'"""
REVIVE: Final = """update messages_to_send m set status = 'pending', ready_at = $1
    from contacts c where c.updated_at > $2 and m.siren = c.siren and m.status = 'no_contact'
        and m.recorded_at > $3 and m.fact is not null"""


ADOPT: Final = """with told as (
        select id, key, (data->>'cause')::uuid as cause, type, coalesce(data->>'reason', '') as reason, at
        from recovered
        where status = 'open' and type in ('NotificationSent', 'NotificationFailed') and data is not null),
    settled as (
        update messages_to_send m
        set status = case t.type when 'NotificationSent' then 'sent' else 'failed' end, reason = t.reason,
            settled_at = t.at, fact = null
        from told t where m.siren = t.key and m.cause = t.cause and m.status in ('pending', 'no_contact')
        returning t.id)
    update recovered r set status = 'adopted', settled_at = now() from settled s where r.id = s.id returning r.id"""


async def adopt(connection: Connection) -> int:
    """Settle what our own topic says was settled before the database went back in time; returns how many messages.

    Guarantee: what it settles is neither sent nor told again.
    """
    return len(await connection.fetch(ADOPT))


async def claim(connection: Connection, ruleset: Ruleset, limit: int, now: datetime) -> list[Mail]:
    """Take the mails to send now, of up to about `limit` companies, and mark them ours for the length of the lease.

    A company's contact row is locked while its messages are looked at, so two senders never serve one company at once;
    companies that another sender holds are skipped. Run inside a transaction.
    """
    found = await connection.fetch(CANDIDATES, now, now - ruleset.gather, limit)
    sirens = list(dict.fromkeys(row[0] for row in found))
    if not sirens:
        return []
    contacts = {row[0]: Contact(*row) for row in await connection.fetch(LOCK_CONTACTS, sirens)}
    if len(contacts) < len(sirens):
        await connection.execute(WITHOUT_CONTACT, [siren for siren in sirens if siren not in contacts])
    ours = list(contacts)
    waiting: dict[str, list[Waiting]] = {}
    for row in await connection.fetch(WAITING, ours, now):
        waiting.setdefault(row[0], []).append(Waiting(*row))
    recent: dict[str, list[datetime]] = {}
    for siren, moment in await connection.fetch(RECENT, ours, now, now - WEEK):
        recent.setdefault(siren, []).append(moment)
    plans = [plan(ruleset, contacts[s], messages, recent.get(s, ()), now) for s, messages in waiting.items()]
    mails = [mail for each in plans for mail in each.mails]
    if mails:
        claimed = [(m.siren, m.cause, mail.mail_id) for mail in mails for m in mail.messages]
        await connection.execute(CLAIM, *columns(claimed), now + ruleset.lease)
    if held := [(m.siren, m.cause, each.hold_until) for each in plans for m in each.held]:
        await connection.execute(HOLD, *columns(held))
    if dropped := [(m.siren, m.cause) for each in plans for m in each.dropped]:
        await connection.execute(DROP, *columns(dropped), now)
    return mails


async def postpone(connection: Connection, mails: Sequence[tuple[Mail, datetime]], *, refused: bool) -> None:
    """Put mails back until a moment; `refused` counts a temporary refusal, else the server was not even reached."""
    rows = [(m.siren, m.cause, until, int(refused)) for mail, until in mails for m in mail.messages]
    if rows:
        await connection.execute(POSTPONE, *columns(sorted(rows)))


async def revive(connection: Connection, now: datetime, since: datetime, recorded_after: datetime) -> int:
    """Make messages wait again whose contact was recorded after `since`; returns how many."""
    return affected(await connection.execute(REVIVE, now, since, recorded_after))


# --- reads -----------------------------------------------------------------------------------------------------------

HISTORY: Final = """select cause, template, legal, deadline, status, recorded_at, settled_at, reason
    from messages_to_send where siren = $1 order by recorded_at desc, cause limit $2"""
SIGNING_KEYS: Final = "select key from signing_keys order by id"


async def signing_keys(connection: Connection) -> list[str]:
    """The keys of unsubscribe links, oldest first; the last one signs."""
    return [row[0] for row in await connection.fetch(SIGNING_KEYS)]


async def siren_of(connection: Connection, ref: UUID) -> str | None:
    """The company whose contact a link names; None once it is erased or changed."""
    return await connection.fetchval(SIREN_OF_REF, ref)
