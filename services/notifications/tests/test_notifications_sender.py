"""The sender on a real database and a real SMTP server: grouping, contacts, erasure, the loop."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.core import clock
from common.core.requests import apply_commands
from common.declare.errors import Transient
from common.process.context import Context
from common.testing.rules import message_of
from notifications.contacts.inputs import EraseContact, Unsubscribe
from notifications.messages.model import notification_id
from notifications.messages.planning import mail_id
from notifications.sender import Sender, send_mails
from notifications.settings import MailSettings

from .conftest import Inbox
from .driving import BASE, EMAIL, OTHER, contact, happen, make_due, run, sender_of, statuses, told
from .samples import ROOT, SIREN, fact

pytestmark = pytest.mark.stack

# --- the good way ----------------------------------------------------------------------------------------------------


async def test_a_wave_becomes_one_mail_and_each_legal_act_its_own(
    context: Context, sender: Sender, inbox: Inbox
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
    context: Context, sender: Sender, inbox: Inbox
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
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    acts = ["label_applied", "label_granted", "voucher_requested", "voucher_granted", "label_expired"]
    causes = await happen(context, *acts)
    await sender.turn()
    assert [str(mail["Message-ID"])[1:33] for mail in inbox.mails] == [mail_id(cause).hex for cause in causes]


async def test_what_is_sent_is_kept_as_history_without_its_content(context: Context, sender: Sender) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await sender.turn()
    row = await context.pool.fetchrow("select fact, deadline, status, region from messages_to_send")
    assert row is not None
    assert (row["fact"], row["status"], row["region"]) == (None, "sent", "84")
    assert str(row["deadline"]) == "2028-11-23"


async def test_the_same_cause_is_told_once(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    event = message_of(fact("label_granted"), SIREN, clock.now(), id=clock.new_id())
    for _ in range(2):
        await apply_commands(context.codec, context.begin, [event])
    await sender.turn()
    await apply_commands(context.codec, context.begin, [event])
    await sender.turn()
    assert len(inbox.mails) == 1


async def test_many_companies_over_a_few_connections(context: Context, sender: Sender, inbox: Inbox) -> None:
    sirens = [f"{number:09d}" for number in range(100, 160)]
    for siren in sirens:
        await run(context, contact(f"c{siren}@exemple.fr"), siren=siren)
        await happen(context, "label_granted", siren=siren)
    await sender.turn()
    assert len(inbox.mails) == 60
    assert inbox.connections <= 4  # an EHLO each, at most twice where TLS is looked for


# --- contacts --------------------------------------------------------------------------------------------------------


async def test_without_a_contact_nothing_is_sent_and_nothing_published(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await happen(context, "label_granted")
    await sender.turn()
    assert await statuses(context) == {"label_granted": "no_contact"}
    assert not inbox.mails
    assert not await told(context)


async def test_a_contact_recorded_late_gets_what_waited(context: Context, sender: Sender, inbox: Inbox) -> None:
    await happen(context, "diagnostic_completed", "label_granted")
    await sender.turn()
    await run(context, contact())
    sender.swept_at = clock.now() - timedelta(minutes=1)
    await sender.turn()
    assert len(inbox.mails) == 2
    assert set((await statuses(context)).values()) == {"sent"}


async def test_an_erased_contact_gets_nothing_and_leaves_no_trace(
    context: Context, sender: Sender, inbox: Inbox
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


async def test_a_contact_erased_after_the_message_was_taken_in(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    await context.pool.execute("delete from contacts")
    await sender.turn()
    assert not inbox.mails
    assert await statuses(context) == {"label_granted": "no_contact"}


async def test_unsubscribing_keeps_legal_acts(context: Context, sender: Sender, inbox: Inbox) -> None:
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


async def test_a_new_address_has_a_new_reference(context: Context) -> None:
    await run(context, contact())
    ref = await context.pool.fetchval("select ref from contacts")
    await run(context, contact(name="Camille M."))
    assert await context.pool.fetchval("select ref from contacts") == ref
    await run(context, contact("autre@exemple.fr"))
    assert await context.pool.fetchval("select ref from contacts") != ref
    await run(context, Unsubscribe(str(ref)))
    assert await context.pool.fetchval("select unsubscribed_at from contacts") is None


# --- the weekly limit ------------------------------------------------------------------------------------------------


async def test_a_third_mail_in_a_week_waits_for_its_day(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    for template in ("diagnostic_completed", "aids_recommended", "need_unserved", "match_accepted"):
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
    assert str(inbox.mails[-1]["Subject"]) == "Votre demande d’accompagnement – Un connecteur vous accompagne"


# --- the loop --------------------------------------------------------------------------------------------------------


async def test_the_loop_sends_and_stops(context: Context, inbox: Inbox) -> None:
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


async def test_a_process_told_not_to_send_only_records(context: Context, inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "label_granted")
    settings = context.settings.model_copy(update={"notifications": MailSettings(sending=False)})
    await send_mails(replace(context, settings=settings))
    assert await statuses(context) == {"label_granted": "pending"}
    assert not inbox.mails


async def test_a_rate_paces_the_turns(context: Context, inbox: Inbox) -> None:
    sender = await sender_of(context, MailSettings(gather_seconds=0, mails_per_second=2))
    await run(context, contact())
    await happen(context, "label_granted", "voucher_granted")
    assert 0.3 < await sender.turn() <= 1
    await sender.close()


# --- after the database went back in time ----------------------------------------------------------------------------

FORGOTTEN = """insert into recovered (id, topic, partition, sequence, key, type, cause, data, mark)
    values ($1, 't', 0, 1, $2, $3, 'c', $4, '')"""


async def test_what_our_own_topic_says_was_settled_is_neither_sent_nor_told_again(
    context: Context, sender: Sender, inbox: Inbox
) -> None:
    await run(context, contact())
    sent, refused = await happen(context, "voucher_granted", "label_granted")
    for name, cause, data in (
        ("NotificationSent", sent, f'{{"cause": "{sent}"}}'),
        ("NotificationFailed", refused, f'{{"cause": "{refused}", "reason": "550"}}'),
        ("NotificationSent", ROOT, f'{{"cause": "{ROOT}"}}'),
    ):
        await context.pool.execute(FORGOTTEN, f"fact of {cause}", SIREN, name, data)
    context.guard.recovering = True
    assert await sender.turn() > 0
    assert (inbox.mails, await told(context)) == ([], [])
    assert await statuses(context) == {"voucher_granted": "sent", "label_granted": "failed"}
    rows = await context.pool.fetch("select id, status from recovered")
    assert {row["id"].removeprefix("fact of "): row["status"] for row in rows} == {
        str(sent): "adopted",
        str(refused): "adopted",
        str(ROOT): "open",
    }
    await happen(context, "label_refused")
    assert await sender.turn() == 0
    assert len(inbox.mails) == 1


async def test_nothing_is_sent_while_the_database_is_behind(context: Context, sender: Sender, inbox: Inbox) -> None:
    await run(context, contact())
    await happen(context, "voucher_granted")
    context.guard.close()
    with pytest.raises(Transient):
        await sender.turn()
    assert inbox.mails == []
