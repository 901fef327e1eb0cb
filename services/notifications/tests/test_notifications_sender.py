"""The sender on a real database and a real SMTP server: grouping, refusals, crashes, erasure; recorded once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from common import clock
from common.codec import partition_of
from common.commands import Command
from common.message import Message
from common.processor import apply_commands
from common.runtime import Context
from common.testing.database import published
from notifications import store
from notifications.decide import notification_id
from notifications.inputs import EraseContact, RecordDelivery, SaveContact, Unsubscribe
from notifications.letters import Letterhead
from notifications.model import DeliveryAnswer
from notifications.rendering import Site
from notifications.rules.planning import mail_id
from notifications.sender import Sender, send_mails
from notifications.settings import MailSettings
from notifications.unsubscribe import UnsubscribeLinks

from .conftest import Inbox
from .samples import SIREN, fact

pytestmark = pytest.mark.stack

OTHER = "552100554"
EMAIL = "camille@exemple.fr"
BASE = "https://croissance-connectee.example"


def contact(email: str = EMAIL, **changes: Any) -> SaveContact:
    fields: dict[str, Any] = {
        "email": email, "name": "Camille Martin", "language": "fr", "channels": ("email",), "muted": (),
        "subscribed": None,
    }  # fmt: skip
    return SaveContact(**(fields | changes))


async def run(context: Context[Any, Any], *inputs: object, siren: str = SIREN) -> None:
    await context.execute_all([Command(item, siren, "84") for item in inputs])


async def happen(context: Context[Any, Any], *templates: str, siren: str = SIREN) -> list[UUID]:
    """Events of these kinds arrive in one batch; returns their ids."""
    now = clock.now()
    messages: list[Message[object]] = [
        Message(fact(template), siren, partition_of(siren), clock.new_id(), now, clock.new_id(), "84")
        for template in templates
    ]
    outcome = await apply_commands(context.codec, context.begin, messages)
    assert not outcome.failures
    return [message.id for message in messages]


async def sender_of(context: Context[Any, Any], settings: MailSettings) -> Sender:
    async with context.reading() as connection:
        keys = await store.signing_keys(connection)
    return Sender(
        context, settings, Letterhead(settings.sender, settings.reply_to), Site(BASE, 12), UnsubscribeLinks(keys, BASE)
    )


@pytest.fixture
async def sender(context: Context[Any, Any], mail_settings: MailSettings) -> Any:
    made = await sender_of(context, mail_settings)
    yield made
    await made.close()


async def statuses(context: Context[Any, Any], siren: str = SIREN) -> dict[str, str]:
    rows = await context.pool.fetch("select template, status from messages_to_send where siren = $1", siren)
    return {row["template"]: row["status"] for row in rows}


async def told(context: Context[Any, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, msgspec.json.decode(event.value)) for event in await published(context.pool)]


async def make_due(context: Context[Any, Any]) -> None:
    """Time passes: whatever waits for a moment has reached it."""
    await context.pool.execute("update messages_to_send set ready_at = ready_at - interval '10 days'")


# --- the good way ----------------------------------------------------------------------------------------------------


async def test_a_wave_becomes_one_mail_and_each_legal_act_its_own(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    wave = await happen(context, "diagnostic_completed", "connector_matched", "aids_recommended", "voucher_granted")
    assert await sender.turn() == 0
    assert len(inbox.mails) == 2
    digest = next(mail for mail in inbox.mails if "Résultats" in str(mail["Subject"]))
    act = next(mail for mail in inbox.mails if "accordé" in str(mail["Subject"]))
    assert digest["Message-ID"] == f"<{mail_id(wave[0]).hex}@croissance-connectee.example>"
    assert str(digest["To"]) == f"Camille Martin <{EMAIL}>"
    assert digest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(digest["List-Unsubscribe"]).startswith(f"<{BASE}/v1/unsubscribe?token=")
    assert act["List-Unsubscribe"] is None
    assert act["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in digest.iter_parts()] == ["text/plain", "text/html"]
    text = digest.get_body(("plain",))
    assert text is not None
    assert "43,8 sur 100" in text.get_content()
    assert set((await statuses(context)).values()) == {"sent"}
    events = await told(context)
    assert {kind for kind, _ in events} == {"NotificationSent"}
    assert {event["cause"] for _, event in events} == {str(cause) for cause in wave}
    assert {event["notification_id"] for _, event in events} == {str(notification_id(cause)) for cause in wave}
    assert EMAIL not in str(events)
    assert await sender.turn() > 0
    assert len(inbox.mails) == 2


async def test_what_many_companies_are_told_in_the_same_words_is_kept_once(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    for siren, email in ((SIREN, EMAIL), (OTHER, "sacha@exemple.fr")):
        await run(context, contact(email), siren=siren)
        await happen(context, "aids_recommended", siren=siren)
        await happen(context, "aids_recommended", siren=siren)
    assert await context.pool.fetchval("select count(*) from shared_facts") == 1
    assert await context.pool.fetchval("select max(length(fact)) from messages_to_send") == 32
    await sender.turn()
    for email in (EMAIL, "sacha@exemple.fr"):
        (digest,) = inbox.to(email)
        text = digest.get_body(("plain",))
        assert text is not None
        assert text.get_content().count(fact("aids_recommended").programmes[0].name) == 2


async def test_the_mails_of_a_company_arrive_in_the_order_of_the_facts(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    acts = ["label_applied", "label_granted", "voucher_requested", "voucher_granted", "label_expired"]
    causes = await happen(context, *acts)
    await sender.turn()
    assert [str(mail["Message-ID"])[1:33] for mail in inbox.mails] == [mail_id(cause).hex for cause in causes]


async def test_what_is_sent_is_kept_as_history_without_its_content(context: Context[Any, Any], sender: Sender) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await sender.turn()
    row = await context.pool.fetchrow("select fact, deadline, status, region from messages_to_send")
    assert row is not None
    assert (row["fact"], row["status"], row["region"]) == (None, "sent", "84")
    assert str(row["deadline"]) == "2028-11-23"


async def test_the_same_cause_is_told_once(context: Context[Any, Any], sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    now = clock.now()
    event: Message[object] = Message(fact("label_granted"), SIREN, 0, clock.new_id(), now, clock.new_id())
    for _ in range(2):
        await apply_commands(context.codec, context.begin, [event])
    await sender.turn()
    await apply_commands(context.codec, context.begin, [event])
    await sender.turn()
    assert len(inbox.mails) == 1


async def test_many_companies_over_a_few_connections(context: Context[Any, Any], sender: Sender, inbox: Inbox) -> None:
    sirens = [f"{number:09d}" for number in range(100, 160)]
    for siren in sirens:
        await run(context, contact(f"c{siren}@exemple.fr"), siren=siren)
        await happen(context, "label_granted", siren=siren)
    await sender.turn()
    assert len(inbox.mails) == 60
    assert inbox.connections <= 4  # an EHLO each, at most twice where TLS is looked for


# --- contacts --------------------------------------------------------------------------------------------------------


async def test_without_a_contact_nothing_is_sent_and_nothing_published(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await happen(context, "label_granted")
    await sender.turn()
    assert await statuses(context) == {"label_granted": "no_contact"}
    assert not inbox.mails
    assert not await told(context)


async def test_a_contact_recorded_late_gets_what_waited(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await happen(context, "diagnostic_completed", "label_granted")
    await sender.turn()
    await run(context, contact())
    sender.swept_at = clock.now() - timedelta(minutes=1)
    await sender.turn()
    assert len(inbox.mails) == 2
    assert set((await statuses(context)).values()) == {"sent"}


async def test_an_erased_contact_gets_nothing_and_leaves_no_trace(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "diagnostic_completed", "label_granted")
    await run(context, EraseContact())
    await sender.turn()
    assert not inbox.mails
    assert set((await statuses(context)).values()) == {"no_contact"}
    dump = str(await context.pool.fetch("select * from messages_to_send")) + str(
        await context.pool.fetch("select * from states")
    )
    assert EMAIL not in dump
    assert await context.pool.fetchval("select count(*) from contacts") == 0
    assert await context.pool.fetchval("select count(*) from messages_to_send where fact is not null") == 0
    await run(context, contact("autre@exemple.fr"))
    sender.swept_at = None
    await sender.turn()
    assert not inbox.mails


async def test_a_contact_erased_after_the_message_was_taken_in(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await context.pool.execute("delete from contacts")
    await sender.turn()
    assert not inbox.mails
    assert await statuses(context) == {"label_granted": "no_contact"}


async def test_unsubscribing_keeps_legal_acts(context: Context[Any, Any], sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    ref = await context.pool.fetchval("select ref from contacts")
    await run(context, Unsubscribe(str(ref)))
    await happen(context, "diagnostic_completed", "label_granted")
    await sender.turn()
    assert [str(mail["Subject"])[:12] for mail in inbox.mails] == ["Félicitation"]
    assert await statuses(context) == {"diagnostic_completed": "dropped", "label_granted": "sent"}
    await run(context, contact())
    assert await context.pool.fetchval("select unsubscribed_at from contacts") is not None
    await run(context, contact(subscribed=True))
    assert await context.pool.fetchval("select unsubscribed_at from contacts") is None


async def test_a_new_address_has_a_new_reference(context: Context[Any, Any]) -> None:
    await run(context, contact())
    ref = await context.pool.fetchval("select ref from contacts")
    await run(context, contact(name="Camille M."))
    assert await context.pool.fetchval("select ref from contacts") == ref
    await run(context, contact("autre@exemple.fr"))
    assert await context.pool.fetchval("select ref from contacts") != ref
    await run(context, Unsubscribe(str(ref)))
    assert await context.pool.fetchval("select unsubscribed_at from contacts") is None


# --- the weekly limit ------------------------------------------------------------------------------------------------


async def test_a_third_mail_in_a_week_waits_for_its_day(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    for template in ("diagnostic_completed", "aids_recommended", "label_waitlisted", "voucher_waitlisted"):
        await happen(context, template)
        await sender.turn()
    await happen(context, "label_granted")
    await sender.turn()
    assert len(inbox.mails) == 3
    held = await context.pool.fetch("select ready_at from messages_to_send where status = 'pending'")
    assert len(held) == 2
    assert all(timedelta(days=6.9) < row["ready_at"] - clock.now() < timedelta(days=7.1) for row in held)
    await context.pool.execute("update messages_to_send set settled_at = settled_at - interval '8 days'")
    await make_due(context)
    await sender.turn()
    assert len(inbox.mails) == 4
    assert str(inbox.mails[-1]["Subject"]) == "Label : liste d’attente – Chèque : liste d’attente"


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_a_refusal_for_now_is_tried_again_with_the_same_id(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
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


async def test_a_digest_tried_again_holds_the_same_messages(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
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


async def test_too_many_refusals_for_now_end_it(context: Context[Any, Any], inbox: Inbox) -> None:
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
    context: Context[Any, Any], sender: Sender, inbox: Inbox
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


async def test_a_server_that_is_away_loses_nothing(
    context: Context[Any, Any], mail_settings: MailSettings, inbox: Inbox
) -> None:
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
    context: Context[Any, Any], sender: Sender, inbox: Inbox
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
    context: Context[Any, Any], sender: Sender, inbox: Inbox
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
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "diagnostic_completed", "connector_matched")
    now = clock.now()
    async with context.pool.acquire() as connection, connection.transaction():
        (mail,) = await store.claim(connection, sender.settings.policy, 10, now)
    answer = await sender.send(sender.mailers[0], mail)
    assert answer.outcome == "sent"
    await happen(context, "aids_recommended")
    await sender.turn()
    await make_due(context)
    await sender.turn()
    ids = [str(each["Message-ID"]) for each in inbox.mails]
    assert len(ids) == 3
    assert ids.count(f"<{mail.mail_id.hex}@croissance-connectee.example>") == 2
    assert len(await told(context)) == 3


async def test_recording_twice_publishes_once(context: Context[Any, Any]) -> None:
    await run(context, contact())
    (cause,) = await happen(context, "label_granted")
    record = RecordDelivery((str(cause),), "sent")
    answers = await asyncio.gather(
        *(context.execute_all([Command(record, SIREN), Command(record, SIREN)]) for _ in range(4))
    )
    settled = [answer.settled for pair in answers for answer in pair if isinstance(answer, DeliveryAnswer)]
    assert sorted(settled) == [0] * 7 + [1]
    assert len(await told(context)) == 1


async def test_two_senders_share_the_work_and_never_a_company(
    context: Context[Any, Any], mail_settings: MailSettings, inbox: Inbox
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


async def test_a_server_that_closes_the_line_gets_a_new_one(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await sender.turn()
    inbox.replies[EMAIL] = ["421 4.7.0 too many messages on this line"]
    await happen(context, "voucher_granted")
    await sender.turn()
    assert len(inbox.mails) == 2
    assert inbox.connections == 2


async def test_a_database_away_for_a_moment_delays_the_record_only(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    async with context.pool.acquire() as connection, connection.transaction():
        mails = await store.claim(connection, sender.settings.policy, 10, clock.now())
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


async def test_a_message_that_cannot_be_written_fails_alone(
    context: Context[Any, Any], sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    await happen(context, "label_granted", "voucher_granted")
    await context.pool.execute("update messages_to_send set fact = '{}' where template = 'label_granted'")
    await sender.turn()
    assert await statuses(context) == {"label_granted": "failed", "voucher_granted": "sent"}
    assert len(inbox.mails) == 1


# --- the loop --------------------------------------------------------------------------------------------------------


async def test_the_loop_sends_and_stops(context: Context[Any, Any], inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    loop = asyncio.create_task(send_mails(context))
    async with asyncio.timeout(20):
        while not await told(context):  # noqa: ASYNC110  another connection commits
            await asyncio.sleep(0.02)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert len(inbox.mails) == 1


async def test_a_process_told_not_to_send_only_records(context: Context[Any, Any], inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    settings = context.settings.model_copy(update={"notifications": MailSettings(sending=False)})
    await send_mails(replace(context, settings=settings))
    assert await statuses(context) == {"label_granted": "pending"}
    assert not inbox.mails


async def test_a_rate_paces_the_turns(context: Context[Any, Any], inbox: Inbox) -> None:
    sender = await sender_of(context, MailSettings(gather_seconds=0, mails_per_second=2))
    await run(context, contact())
    await happen(context, "label_granted", "voucher_granted")
    assert 0.3 < await sender.turn() <= 1
    await sender.close()


# --- the statements --------------------------------------------------------------------------------------------------


async def test_every_statement_fits_the_schema(context: Context[Any, Any]) -> None:
    statements = {name: text for name, text in vars(store).items() if name.isupper() and isinstance(text, str)}
    assert len(statements) > 15
    async with context.reading() as connection:
        for name, text in statements.items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


async def test_the_hot_reads_use_their_indexes(context: Context[Any, Any]) -> None:
    async with context.reading() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        await connection.execute("set local enable_sort = off")
        now = clock.now()
        text = await plan_of(connection, store.CANDIDATES, now, now, 100)
        assert "messages_legal_ready" in text
        assert "messages_ordinary_ready" in text
        assert "Sort" not in text
        assert "messages_to_send_pkey" in await plan_of(connection, store.HISTORY, SIREN, 10)


async def plan_of(connection: Any, statement: str, *arguments: Any) -> str:
    rows: Sequence[Any] = await connection.fetch(f"explain {statement}", *arguments)
    return "\n".join(row[0] for row in rows)
