"""When waiting messages leave: legal acts at once and alone, the others grouped, limited, never at night if so set.

Pure: the sender hands over what waits for one company, what it was sent lately and the time, and does what is planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from france.days import PARIS
from notifications.messages.model import notification_id
from notifications.messages.table import BY_TEMPLATE
from notifications.ruleset import Ruleset

WEEK = timedelta(days=7)


class Waiting(NamedTuple):
    """A message that waits; `mail_id` is set once it was put into a mail; `traceparent` if its chain is sampled."""

    siren: str
    cause: UUID
    template: str
    legal: bool
    fact: bytes
    region: str
    recorded_at: datetime
    ready_at: datetime
    attempts: int
    mail_id: UUID | None
    traceparent: str | None = None


class Contact(NamedTuple):
    """Whom a company is reached by, and what they want."""

    siren: str
    ref: UUID
    email: str
    name: str
    channels: Sequence[str]
    muted: Sequence[str]
    unsubscribed_at: datetime | None


class Mail(NamedTuple):
    """One mail to send: one legal act, or a digest of ordinary messages, oldest first."""

    mail_id: UUID
    contact: Contact
    messages: tuple[Waiting, ...]

    @property
    def legal(self) -> bool:
        """Whether this mail is a legal act."""
        return self.messages[0].legal

    @property
    def attempts(self) -> int:
        """How often the server refused it for now."""
        return self.messages[0].attempts


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the waiting messages of one company.

    Attributes:
        mails: to send now, in order.
        held: messages to look at again at `hold_until`.
        hold_until: next possible moment for `held`.
        dropped: ordinary messages that the contact does not want.
    """

    mails: tuple[Mail, ...]
    held: tuple[Waiting, ...] = ()
    hold_until: datetime | None = None
    dropped: tuple[Waiting, ...] = ()


def plan(
    ruleset: Ruleset, contact: Contact, waiting: Sequence[Waiting], recent: Sequence[datetime], now: datetime
) -> Plan:
    """Decide for one company.

    Args:
        ruleset: the figures.
        contact: whom to write to.
        waiting: its pending messages, oldest first: those ready, and the ordinary ones that gather.
        recent: when ordinary mails of the last 7 days were sent, or put together if still under way.
        now: aware UTC.
    """
    ordinary = [message for message in waiting if not message.legal]
    wanted = [message for message in ordinary if wants(contact, message.template)]
    dropped = tuple(message for message in ordinary if message not in wanted)
    mails = [Mail(mail_id(message.cause), contact, (message,)) for message in waiting if message.legal]
    mails += _begun(contact, wanted)
    fresh = tuple(message for message in wanted if message.mail_id is None)
    held, until = (), None
    if any(message.ready_at <= now - ruleset.gather for message in fresh):
        until = max(_after_week(ruleset, recent, now), _after_quiet(ruleset, now))
        if until <= now:
            mails.append(Mail(mail_id(fresh[0].cause), contact, fresh))
            until = None
        else:
            held = fresh
    mails.sort(key=lambda mail: mail.messages[0].recorded_at)
    return Plan(tuple(mails), held, until, dropped)


def mail_id(first_cause: UUID) -> UUID:
    """The id of a mail: that of its oldest message, which is in no other mail."""
    return notification_id(first_cause)


def wants(contact: Contact, template: str) -> bool:
    """Whether a contact wants ordinary messages of this kind."""
    reached = contact.unsubscribed_at is None and "email" in contact.channels
    return reached and BY_TEMPLATE[template][1].category not in contact.muted


def _begun(contact: Contact, wanted: Sequence[Waiting]) -> list[Mail]:
    """Mails put together before whose sending failed or whose sender died: the same messages, the same id."""
    begun: dict[UUID, list[Waiting]] = {}
    for message in wanted:
        if message.mail_id is not None:
            begun.setdefault(message.mail_id, []).append(message)
    return [Mail(mail, contact, tuple(messages)) for mail, messages in begun.items()]


def _after_week(ruleset: Ruleset, recent: Sequence[datetime], now: datetime) -> datetime:
    """The moment from which one more ordinary mail keeps the weekly limit; one that is past keeps it now."""
    if ruleset.per_week == 0 or len(recent) < ruleset.per_week:
        return now
    return sorted(recent)[-ruleset.per_week] + WEEK


def _after_quiet(ruleset: Ruleset, now: datetime) -> datetime:
    """The end of the quiet hours `now` falls into, or `now`."""
    if ruleset.quiet is None:
        return now
    start, end = ruleset.quiet
    local = now.astimezone(PARIS)
    at = local.time()
    inside = (start <= at < end) if start <= end else (at >= start or at < end)
    if not inside:
        return now
    day = local.date() + timedelta(days=1 if at >= end else 0)
    return datetime.combine(day, end, PARIS).astimezone(now.tzinfo)


def retry_pause(attempts: int, first: float, longest: float, luck: float) -> timedelta:
    """How long to wait after the `attempts`-th temporary refusal: doubling, capped, spread by `luck` (0–1)."""
    seconds = min(longest, first * 2 ** min(attempts - 1, 30))
    return timedelta(seconds=seconds * (0.5 + luck / 2))
