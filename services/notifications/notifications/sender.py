"""The loop that sends what waits: claim, write, hand over by SMTP, record. Start at `send_mails`.

A mail is handed over at least once, with the same Message-ID each time; its outcome is recorded, and its events are
published, exactly once, in one transaction of the core.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from common.core import clock
from common.core.commands import Ask
from common.declare.errors import Transient
from common.process.context import Context
from common.process.tracing import mail_span
from notifications import store
from notifications.mail.letters import Letter, Letterhead
from notifications.mail.rendering import RenderingError, Site, render
from notifications.mail.smtp import Answer, Mailer, greeting, read_url
from notifications.mail.unsubscribe import UnsubscribeLinks
from notifications.messages.inputs import RecordDelivery
from notifications.messages.planning import Mail, retry_pause
from notifications.settings import MailSettings, settings_of

SWEEP: Final = timedelta(seconds=10)
"""How often messages of contacts recorded after the fact are looked for."""

SENDER_REFUSALS: Final = 2
"""Mails in a row whose sender the server refuses before a connection asks no more in its turn."""

OVERLAP: Final = timedelta(seconds=30)
"""A sweep looks this much further back than the last one: longer than any transaction may last."""


async def send_mails(context: Context) -> None:
    """Send what waits until cancelled; what is under way then is recorded first."""
    settings = settings_of(context.settings).notifications
    if not settings.sending:
        context.log.info("this process sends no mail")
        return
    async with context.reading() as connection:
        keys = await store.signing_keys(connection)
    site = settings.site(context.settings.public_url)
    links = UnsubscribeLinks(keys, site.public_url)
    sender = Sender(context, settings, Letterhead(settings.sender, settings.reply_to), site, links)
    try:
        while True:  # noqa: ASYNC110  the turn is the work, the pause is its answer
            await asyncio.sleep(await sender.turn())
    finally:
        await sender.close()


class Result(NamedTuple):
    """A mail and what became of it; `traceparent` of the span of its sending, "" unless a chain is sampled."""

    mail: Mail
    answer: Answer
    traceparent: str = ""


@dataclass(slots=True)
class Sender:
    """Takes turns at what waits; connections stay open between turns."""

    context: Context
    settings: MailSettings
    letterhead: Letterhead
    site: Site
    links: UnsubscribeLinks
    mailers: list[Mailer] = field(default_factory=list[Mailer])
    failures: int = 0
    swept_at: datetime | None = None

    def __post_init__(self) -> None:
        smtp = settings_of(self.context.settings).smtp
        server, name = read_url(smtp.url.get_secret_value()), greeting(smtp.greeting, self.letterhead.domain)
        self.mailers = [
            Mailer(server, self.letterhead.address, self.settings.timeout_seconds, name)
            for _ in range(self.settings.connections)
        ]

    async def turn(self) -> float:
        """Send one batch; returns how many seconds to wait before the next turn."""
        loop = asyncio.get_running_loop()
        began, now = loop.time(), clock.now()
        await self._revive(now)
        recovering = self.context.guard.recovering
        self.context.guard.check()
        async with self.context.pool.acquire() as connection, connection.transaction():
            if recovering:
                await store.adopt(connection)
            mails = await store.claim(connection, self.settings.ruleset, self.settings.batch_mails, now)
            if recovering and await store.adopt(connection):
                raise Transient("a message that was sent before the database went back in time came meanwhile")
        if not mails:
            return self.settings.poll_seconds
        results = await self.deliver(mails)
        unreachable = [result for result in results if result.answer.outcome == "unreachable"]
        if unreachable:
            self.failures += 1
            pause = self._pause(self.failures, 1.0, 60.0).total_seconds()
            self.context.log.warning("mail server away", reason=unreachable[0].answer.reason, mails=len(unreachable))
            return pause
        self.failures = 0
        rate = self.settings.mails_per_second
        return max(0.0, len(mails) / rate - (loop.time() - began)) if rate else 0.0

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(mailer.close() for mailer in self.mailers))

    # --- sending

    async def deliver(self, mails: Sequence[Mail]) -> list[Result]:
        """Hand mails over on all connections, those of one company in order on one of them.

        Whatever interrupts, the answers received are recorded and the rest is put back.
        """
        companies = (list(group) for _, group in groupby(mails, key=lambda mail: mail.contact.siren))
        results: list[Result] = []

        async def work(mailer: Mailer) -> None:
            refused = 0
            for company in companies:
                for mail in company:
                    answered = await self.send(mailer, mail)
                    results.extend(answered)
                    outcome = answered[-1].answer.outcome
                    refused = refused + 1 if outcome == "sender_refused" else 0
                    if outcome == "unreachable" or refused > SENDER_REFUSALS:
                        return

        try:
            async with asyncio.TaskGroup() as group:
                for mailer in self.mailers[: len(mails)]:
                    group.create_task(work(mailer))
        finally:
            told = {result.mail.mail_id for result in results}
            results = _judged(results)
            results += [Result(mail, Answer("unreachable")) for mail in mails if mail.mail_id not in told]
            await self._settle(results)
        return results

    async def send(self, mailer: Mailer, mail: Mail) -> list[Result]:
        """Write one mail and hand it over; what cannot be written is refused for good, the rest of a digest leaves."""
        try:
            letter = self._write(mail)
        except (RenderingError, ValueError) as error:
            self.context.log.exception("a message cannot be written", siren=mail.contact.siren, reason=str(error))
            broken = [each for each in _alone(mail) if not self._can_write(each)] or [mail]
            told = {message.cause for each in broken for message in each.messages}
            good = tuple(message for message in mail.messages if message.cause not in told)
            rest = await self.send(mailer, mail._replace(messages=good)) if good else []
            return [*(Result(each, Answer("refused", "le message n’a pas pu être rédigé")) for each in broken), *rest]
        traces = (message.traceparent for message in mail.messages)
        with mail_span(self.context.tracer, mail.mail_id, traces, mailer.server.host) as traceparent:
            return [Result(mail, await mailer.send(letter), traceparent)]

    def _can_write(self, mail: Mail) -> bool:
        try:
            self._write(mail)
        except (RenderingError, ValueError):
            return False
        return True

    def _write(self, mail: Mail) -> Letter:
        link = "" if mail.legal else self.links.make(mail.contact.ref)
        rendered = render(self.site, mail, link)
        to = (mail.contact.name, mail.contact.email)
        return self.letterhead.write(mail.mail_id, to, rendered, clock.now(), link)

    # --- recording

    async def _settle(self, results: Sequence[Result]) -> None:
        """Record what was sent or refused for good, put the rest back; tried until the database takes it."""
        now = clock.now()
        asks: list[Ask] = []
        later: list[tuple[Mail, datetime]] = []
        again: list[tuple[Mail, datetime]] = []
        for mail, answer, trace in results:
            match answer.outcome:
                case "sent":
                    asks.append(_record(mail, RecordDelivery(_causes(mail), "sent"), trace))
                case "unreachable":
                    again.append((mail, now + self._pause(self.failures + 1, 1.0, 60.0)))
                case "later" if mail.attempts + 1 < self.settings.max_attempts:
                    pause = self._pause(mail.attempts + 1, self.settings.retry_seconds, self.settings.retry_max_seconds)
                    later.append((mail, now + pause))
                case _:
                    reason = f"{answer.reason} ({mail.attempts + 1} tentatives)" if mail.attempts else answer.reason
                    asks.append(_record(mail, RecordDelivery(_causes(mail), "failed", reason), trace))
        await self._recorded(asks)
        if later or again:
            async with self.context.pool.acquire() as connection, connection.transaction():
                await store.postpone(connection, later, refused=True)
                await store.postpone(connection, again, refused=False)

    async def _recorded(self, asks: Sequence[Ask]) -> None:
        """Mails that left must be recorded: a database that is away for a moment is waited for."""
        attempt = 0
        while asks:
            try:
                await self.context.execute_all(asks)
            except Transient as error:
                attempt += 1
                self.context.log.warning("deliveries will be recorded again", reason=str(error), mails=len(asks))
                await asyncio.sleep(self._pause(attempt, 0.1, 5.0).total_seconds())
            else:
                return

    async def _revive(self, now: datetime) -> None:
        """Every few seconds, let messages wait again whose contact was recorded after them."""
        late = timedelta(days=self.settings.late_contact_days)
        if not late or (self.swept_at is not None and now - self.swept_at < SWEEP):
            return
        since = now - late if self.swept_at is None else self.swept_at - OVERLAP
        async with self.context.pool.acquire() as connection:
            await store.revive(connection, now, since, now - late)
        self.swept_at = now

    @staticmethod
    def _pause(attempt: int, first: float, longest: float) -> timedelta:
        return retry_pause(attempt, first, longest, random.random())  # noqa: S311  jitter, not a secret


def _judged(results: Sequence[Result]) -> list[Result]:
    """Whose fault a refused sender is: where the server took another mail of ours, this mail's; else it takes none."""
    takes_ours = any(result.answer.outcome == "sent" for result in results)
    return [
        result._replace(answer=Answer("later" if takes_ours else "unreachable", result.answer.reason))
        if result.answer.outcome == "sender_refused"
        else result
        for result in results
    ]


def _alone(mail: Mail) -> list[Mail]:
    """The messages of a mail, each in a mail of its own."""
    return [mail._replace(messages=(message,)) for message in mail.messages]


def _causes(mail: Mail) -> tuple[str, ...]:
    return tuple(str(message.cause) for message in mail.messages)


def _record(mail: Mail, delivery: RecordDelivery, trace: str) -> Ask:
    return Ask(delivery, mail.contact.siren, mail.messages[0].region, trace)
