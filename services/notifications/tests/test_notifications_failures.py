"""What goes wrong between the database and the mail server: nothing is lost, nothing is recorded twice."""

import asyncio
from datetime import timedelta

import pytest

from common.core import clock
from common.core.commands import Ask
from common.process.context import Context
from notifications import store
from notifications.messages.inputs import RecordDelivery
from notifications.messages.model import DeliveryAnswer
from notifications.messages.planning import mail_id
from notifications.sender import Sender
from notifications.settings import MailSettings

from .conftest import Inbox
from .driving import EMAIL, OTHER, contact, happen, make_due, run, sender_of, statuses, told
from .samples import SIREN

pytestmark = pytest.mark.stack


async def test_a_refusal_for_now_is_tried_again_with_the_same_id(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    (cause,) = await happen(context, "label_granted")
    inbox.replies[EMAIL] = ["450 4.2.1 busy", "451 4.3.0 plus tard"]
    await sender.turn()
    row = await context.pool.fetchrow("select status, attempts, ready_at, mail_id from messages_to_send")
    assert row is not None
    assert (row["status"], row["attempts"], row["mail_id"]) == ("pending", 1, mail_id(cause))
    assert timedelta(seconds=25) < row["ready_at"] - clock.now() <= timedelta(seconds=60)
    assert not await told(context)
    assert await sender.turn() > 0
    await make_due(context)
    await sender.turn()
    await make_due(context)
    await sender.turn()
    assert [mail["Message-ID"] for mail in inbox.mails] == [f"<{mail_id(cause).hex}@croissance-connectee.example>"]
    assert [kind for kind, _ in await told(context)] == ["NotificationSent"]


async def test_a_digest_tried_again_holds_the_same_messages(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    first, _ = await happen(context, "diagnostic_completed", "connector_matched")
    inbox.replies[EMAIL] = ["450 no"]
    await sender.turn()
    await happen(context, "aids_recommended")
    await make_due(context)
    await sender.turn()
    subjects = {str(mail["Message-ID"])[1:33]: str(mail["Subject"]) for mail in inbox.mails}
    assert subjects[mail_id(first).hex] == "Résultats de votre diagnostic – Vos connecteurs du numérique"
    assert len(subjects) == 2


async def test_too_many_refusals_for_now_end_it(context: Context, inbox: Inbox) -> None:
    sender = await sender_of(context, MailSettings(gather_seconds=0, max_attempts=3))
    await run(context, contact())
    await happen(context, "label_granted")
    inbox.replies[EMAIL] = ["450 4.2.2 pleine"] * 3
    for _ in range(3):
        await sender.turn()
        await make_due(context)
    await sender.close()
    (event,) = await told(context)
    assert event[0] == "NotificationFailed"
    assert event[1]["reason"] == "450 4.2.2 (3 tentatives)"
    assert await statuses(context) == {"label_granted": "failed"}


async def test_a_refusal_for_good_is_published_without_the_address(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await run(context, contact("b@exemple.fr"), siren=OTHER)
    await happen(context, "label_granted", "diagnostic_completed")
    await happen(context, "label_granted", siren=OTHER)
    inbox.replies[EMAIL] = [f"550 5.1.1 <{EMAIL}>: unknown", f"550 {EMAIL} unknown"]
    await sender.turn()
    events = await told(context)
    failed = [event for kind, event in events if kind == "NotificationFailed"]
    assert {event["reason"] for event in failed} == {"550 5.1.1", "550"}
    assert EMAIL not in str(events)
    assert await statuses(context, OTHER) == {"label_granted": "sent"}


async def test_a_server_that_is_away_loses_nothing(context: Context, mail_settings: MailSettings, inbox: Inbox) -> None:
    sender = await sender_of(context, mail_settings)
    port = inbox.port
    await run(context, contact())
    await happen(context, "label_granted")
    for mailer in sender.mailers:
        mailer.server = mailer.server.__class__("127.0.0.1", 1, tls=False, start_tls=None, username=None, password=None)
    assert await sender.turn() > 0
    row = await context.pool.fetchrow("select status, attempts from messages_to_send")
    assert row is not None
    assert tuple(row) == ("pending", 0)
    for mailer in sender.mailers:
        mailer.server = mailer.server.__class__(
            "127.0.0.1", port, tls=False, start_tls=None, username=None, password=None
        )
    await make_due(context)
    await sender.turn()
    await sender.close()
    assert len(inbox.mails) == 1


async def test_a_server_that_wants_none_of_our_mail_costs_no_message(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    inbox.refuses_us = True
    assert await sender.turn() > 0
    assert await statuses(context) == {"label_granted": "pending"}
    inbox.refuses_us = False
    await make_due(context)
    await sender.turn()
    assert await statuses(context) == {"label_granted": "sent"}


async def test_a_connection_cut_after_the_mail_was_taken_sends_the_same_id_again(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted", "voucher_granted")
    inbox.closing.add(EMAIL)
    for _ in range(3):
        await sender.turn()
        await make_due(context)
    ids = [str(mail["Message-ID"]) for mail in inbox.mails]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert [kind for kind, _ in await told(context)] == ["NotificationSent"] * 2


async def test_a_crash_between_sending_and_recording_repeats_the_id_and_records_once(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "diagnostic_completed", "connector_matched")
    now = clock.now()
    async with context.pool.acquire() as connection, connection.transaction():
        (mail,) = await store.claim(connection, sender.settings.ruleset, 10, now)
    (result,) = await sender.send(sender.mailers[0], mail)
    assert result.answer.outcome == "sent"
    await happen(context, "aids_recommended")
    await sender.turn()
    await make_due(context)
    await sender.turn()
    ids = [str(each["Message-ID"]) for each in inbox.mails]
    assert len(ids) == 3
    assert ids.count(f"<{mail.mail_id.hex}@croissance-connectee.example>") == 2
    assert len(await told(context)) == 3


async def test_a_mail_too_large_for_the_server_holds_no_other(context: Context, sender: Sender, inbox: Inbox) -> None:
    """A 552 at MAIL FROM, where the size is announced, says nothing of the sender."""
    await run(context, contact())
    await run(context, contact("other@exemple.fr"), siren=OTHER)
    await happen(context, "label_granted")
    await happen(context, "diagnostic_completed", siren=OTHER)
    inbox.most_bytes = 6_000
    assert await sender.turn() == 0
    sizes = await context.pool.fetch("select siren, status, reason from messages_to_send order by template")
    assert [(row["siren"], row["status"]) for row in sizes] == [(OTHER, "failed"), (SIREN, "sent")]
    assert sizes[0]["reason"] == "message trop volumineux : 552 5.3.4"


@pytest.mark.parametrize("reply", ["550 5.7.1 content suspected", "451 4.3.0 later"])
async def test_a_sender_refused_for_one_mail_only_is_that_mails_fault(
    context: Context, inbox: Inbox, reply: str
) -> None:
    sender = await sender_of(context, MailSettings(gather_seconds=0, connections=1))
    await run(context, contact())
    await happen(context, "label_granted", "label_refused")
    inbox.senders = [reply]
    assert await sender.turn() == 0
    rows = await context.pool.fetch("select status, attempts from messages_to_send order by status")
    assert [tuple(row) for row in rows] == [("pending", 1), ("sent", 0)]
    await make_due(context)
    await sender.turn()
    assert set((await statuses(context)).values()) == {"sent"}
    await sender.close()


async def test_a_server_that_refuses_every_sender_is_not_asked_for_every_mail(context: Context, inbox: Inbox) -> None:
    sender = await sender_of(context, MailSettings(gather_seconds=0, connections=1))
    await run(context, contact())
    await happen(context, "label_applied", "label_granted", "label_refused", "label_waitlisted", "label_expired")
    inbox.senders = ["530 5.7.0 no"] * 5
    assert await sender.turn() > 0
    assert len(inbox.senders) == 2
    rows = await context.pool.fetch("select status, attempts from messages_to_send")
    assert {tuple(row) for row in rows} == {("pending", 0)}
    await sender.close()


async def test_a_message_that_cannot_be_written_holds_no_other(context: Context, sender: Sender, inbox: Inbox) -> None:
    """Neither the other messages of its digest nor the mails of others."""
    await run(context, contact())
    await run(context, contact("other@exemple.fr"), siren=OTHER)
    await happen(context, "diagnostic_completed", "match_accepted")
    await happen(context, "label_granted", siren=OTHER)
    endless = b'{"round":1,"subject":"x","expires_at":"0001-01-01T00:00:00Z","proposals":[]}'
    broken = "update messages_to_send set template = 'connector_matched', fact = $1 where template = 'match_accepted'"
    await context.pool.execute(broken, endless)
    await sender.turn()
    assert await statuses(context) == {"diagnostic_completed": "sent", "connector_matched": "failed"}
    assert await statuses(context, OTHER) == {"label_granted": "sent"}
    assert len(inbox.to(EMAIL)) == 1


async def test_a_digest_of_messages_that_cannot_be_written_fails_whole(context: Context, sender: Sender) -> None:
    await run(context, contact())
    await happen(context, "diagnostic_completed", "match_accepted")
    await context.pool.execute("update messages_to_send set fact = '{}'")
    await sender.turn()
    assert set((await statuses(context)).values()) == {"failed"}


async def test_an_address_that_smtp_does_not_admit_holds_no_other(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await run(context, contact(), siren=OTHER)
    await happen(context, "label_granted")
    await happen(context, "label_granted", siren=OTHER)
    await context.pool.execute("update contacts set email = 'a b@exemple.fr>' where siren = $1", SIREN)
    await sender.turn()
    assert (await statuses(context), await statuses(context, OTHER)) == (
        {"label_granted": "failed"}, {"label_granted": "sent"},
    )  # fmt: skip


async def test_recording_twice_publishes_once(context: Context) -> None:
    await run(context, contact())
    (cause,) = await happen(context, "label_granted")
    record = RecordDelivery((str(cause),), "sent")
    answers = await asyncio.gather(*(context.execute_all([Ask(record, SIREN), Ask(record, SIREN)]) for _ in range(4)))
    settled = [answer.settled for pair in answers for answer in pair if isinstance(answer, DeliveryAnswer)]
    assert sorted(settled) == [0] * 7 + [1]
    assert len(await told(context)) == 1


async def test_two_senders_share_the_work_and_never_a_company(
    context: Context, mail_settings: MailSettings, inbox: Inbox
) -> None:
    senders = [await sender_of(context, mail_settings) for _ in range(2)]
    sirens = [f"{number:09d}" for number in range(200, 240)]
    for siren in sirens:
        await run(context, contact(f"c{siren}@exemple.fr"), siren=siren)
        await happen(context, "label_granted", "diagnostic_completed", siren=siren)
    for _ in range(2):
        await asyncio.gather(*(sender.turn() for sender in senders))
    await asyncio.gather(*(sender.close() for sender in senders))
    ids = [str(mail["Message-ID"]) for mail in inbox.mails]
    assert len(ids) == len(set(ids)) == 80
    assert len(await told(context)) == 80


async def test_a_server_that_closes_the_line_gets_a_new_one(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await sender.turn()
    inbox.replies[EMAIL] = ["421 4.7.0 too many messages on this line"]
    await happen(context, "voucher_granted")
    await sender.turn()
    assert len(inbox.mails) == 2
    assert inbox.connections == 2


async def test_a_database_away_for_a_moment_delays_the_record_only(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    async with context.pool.acquire() as connection, connection.transaction():
        mails = await store.claim(connection, sender.settings.ruleset, 10, clock.now())
    async with context.reading() as blocker, context.reading() as watcher:
        async with blocker.transaction():
            await blocker.execute("lock table messages_to_send")
            delivering = asyncio.create_task(sender.deliver(mails))
            async with asyncio.timeout(20):
                while not await watcher.fetchval(CANCEL_WAITING, context.codec.schema):  # noqa: ASYNC110  as above
                    await asyncio.sleep(0.02)
        await delivering
    assert await statuses(context) == {"label_granted": "sent"}
    assert len(inbox.mails) == 1
    assert len(await told(context)) == 1


CANCEL_WAITING = """select count(pg_cancel_backend(pid)) from pg_stat_activity
    where application_name = 'croissance-' || $1 and wait_event_type = 'Lock' and query like '%messages_to_send%'"""


async def test_a_message_that_cannot_be_written_fails_alone(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted", "voucher_granted")
    await context.pool.execute("update messages_to_send set fact = '{}' where template = 'label_granted'")
    await sender.turn()
    assert await statuses(context) == {"label_granted": "failed", "voucher_granted": "sent"}
    assert len(inbox.mails) == 1
