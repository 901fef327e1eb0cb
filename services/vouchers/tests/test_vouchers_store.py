"""The store on a real PostgreSQL: the ledger to the cent under many writers, the waiting list, the locks."""

import asyncio
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from common.core.clock import new_id
from common.core.commands import Ask
from common.core.deadlines import apply_due
from common.core.requests import apply_commands
from common.declare.decision import Refusal
from common.declare.errors import Unstorable
from common.declare.inputs import Command
from common.declare.message import Message
from common.process.context import Context
from common.testing.database import published
from common.testing.rules import message_of
from vouchers.eligibility.facts import Declarations, Line, Measure
from vouchers.files import inputs
from vouchers.files.model import VoucherAnswer
from vouchers.ledger.accounts import Balances, Movement, chained, replay
from vouchers.ruleset import Ruleset, read_rulesets
from vouchers.store import pools, projection, reads
from vouchers.waiting.head import BOUND

pytestmark = pytest.mark.stack

SUPPLIER = "732829320"
FINE = Declarations(taxes_up_to_date=True, social_up_to_date=True, no_recovery_order=True)
COMPANY = inputs.Company("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def sirens(number: int) -> list[str]:
    return [f"{100_000_000 + index}" for index in range(number)]


def application(amount: int = 3_000_000) -> inputs.ApplyForVoucher:
    return inputs.ApplyForVoucher("cheque-2026", (Line("site_ecommerce", SUPPLIER, amount, "m1"),), FINE)


async def diagnose(context: Context, companies: list[str]) -> None:
    """What the events of the diagnosis do, in one batch."""
    messages: list[Message[object]] = []
    for siren in companies:
        item = inputs.DiagnosticCompleted(siren, "d", "complet", NOW, (Measure("m1", ()),), COMPANY)
        messages.append(message_of(item, siren, NOW, id=new_id()))
    await apply_commands(context.codec, context.begin, messages)


async def run(context: Context, siren: str, command: Command) -> VoucherAnswer:
    (answer,) = await context.execute_all([Ask(command, siren)])
    assert isinstance(answer, VoucherAnswer), answer
    return answer


async def set_total(context: Context, cents: int) -> None:
    await context.pool.execute("update envelopes set total_cents = $1, disponible_cents = $1", cents)


async def audit(context: Context) -> Balances:
    """The ledger alone gives the balances; files agree with accounts; the chain of hashes is whole."""
    (row,) = await context.pool.fetch("select * from envelopes")
    rows = await context.pool.fetch("select * from movements order by number")
    assert [line["number"] for line in rows] == list(range(1, row["movements"] + 1))
    movements: list[Movement] = []
    chain = ""
    for line in rows:
        movement = Movement(
            line["envelope_id"],
            str(line["voucher_id"]),
            line["from_account"],
            line["to_account"],
            line["amount_cents"],
            line["at"],
            UUID(str(line["cause_id"])),
            line["cause_index"],
        )
        chain = chained(chain, movement)
        assert line["hash"] == chain
        movements.append(movement)
    assert row["chain"] == chain
    balances = Balances(*(row[f"{account}_cents"] for account in Balances.__struct_fields__))
    assert replay(row["total_cents"], movements) == balances
    held = await context.pool.fetch("select status, sum(held_cents)::bigint as cents from files group by status")
    sums: dict[str, int] = {row["status"]: row["cents"] for row in held}
    assert sums.get("depose", 0) == balances.reserve
    assert sums.get("accorde", 0) == balances.engage
    assert row["waiting"] == await context.pool.fetchval("select count(*) from files where status = 'liste_attente'")
    return balances


async def told(context: Context, kind: str) -> int:
    return sum(event.type == kind for event in await published(context.pool))


# --- the schema ------------------------------------------------------------------------------------------------------


async def test_every_statement_fits_the_schema(context: Context) -> None:
    statements = [
        text
        for module in (pools, projection, reads)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and text.split(maxsplit=1)[0] in {"select", "insert", "update"}
    ]
    assert len(statements) == 10
    async with context.reading() as connection:
        for text in statements:
            await connection.prepare(text)


async def test_the_programme_is_there_with_the_default_figures(context: Context) -> None:
    async with context.reading() as connection:
        (row,) = await reads.read_envelopes(connection, "cheque-2026", NOW)
    assert (row["total_cents"], row["disponible_cents"]) == (250_000_000, 250_000_000)
    document = await context.pool.fetchval("select json_agg(json_build_array(valid_from, rules))::text from rulesets")
    ((_, rules),) = read_rulesets(document)
    assert asdict(rules) == asdict(Ruleset())


async def test_the_database_itself_refuses_what_must_never_be(context: Context) -> None:
    with pytest.raises(Unstorable, match="the_total_never_changes"):
        await context.pool.execute("update envelopes set reserve_cents = 1")
    with pytest.raises(Unstorable, match="disponible_cents"):
        await context.pool.execute("update envelopes set disponible_cents = -1, reserve_cents = 250000001")
    add = """insert into files values (gen_random_uuid(), '732829320', '', 'cheque-2026', 'cheque-2026', $1, 0, 0, 0,
        '', now(), now())"""
    await context.pool.execute(add, "refuse")
    await context.pool.execute(add, "accorde")
    with pytest.raises(Unstorable, match="one_active_file_per_company"):
        await context.pool.execute(add, "depose")


# --- one file --------------------------------------------------------------------------------------------------------


async def test_a_grant_is_on_the_books_with_its_history(context: Context) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    answer = await run(context, siren, application(200_000))
    assert (answer.state, answer.granted_cents) == ("accorde", 100_000)
    assert await audit(context) == Balances(249_900_000, 0, 100_000)
    async with context.reading() as connection:
        history = await reads.read_history(connection, answer.voucher_id)
        rows = await reads.read_movements(connection, "cheque-2026", 0, 10)
    assert [(row["from_status"], row["to_status"]) for row in history] == [(None, "depose"), ("depose", "accorde")]
    assert [row["to_account"] for row in rows] == ["reserve", "engage"]
    again = await run(context, siren, application(200_000))
    assert again == answer
    assert len(await context.pool.fetch("select * from movements")) == 2


async def test_by_hand_the_deadline_is_kept_and_withdrawn(context: Context) -> None:
    await context.pool.execute("update rulesets set rules = (rules::jsonb || '{\"auto_decision\": false}')::json")
    first, second = sirens(2)
    await diagnose(context, [first, second])
    kept, decided = [await run(context, siren, application()) for siren in (first, second)]
    await run(context, second, inputs.GrantVoucher(decided.voucher_id, "agent", "", 1_000_000))
    rows = await context.pool.fetch("select key, name, type from deadlines")
    assert [tuple(row) for row in rows] == [(first, f"reservation:{kept.voucher_id}", "ReservationDue")]
    assert await audit(context) == Balances(247_500_000, 1_500_000, 1_000_000)
    taken = await apply_due(context.codec, context.begin, datetime.now(UTC) + timedelta(days=29))
    assert (taken.count, taken.failures) == (0, ())
    taken = await apply_due(context.codec, context.begin, datetime.now(UTC) + timedelta(days=32))
    assert (taken.count, list(taken.failures)) == (1, [])
    assert await audit(context) == Balances(249_000_000, 0, 1_000_000)
    assert await told(context, "VoucherExpired") == 1


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_never_one_cent_over_with_many_writers(context: Context) -> None:
    """240 companies, 12 writers, an envelope for 70 full grants and €7,500: exactly that is given, in order."""
    await set_total(context, 70 * 1_500_000 + 750_000)
    companies = sirens(240)
    await diagnose(context, companies)
    queue = count()

    async def writer() -> None:
        while (start := next(queue) * 5) < len(companies):
            commands = [Ask(application(), siren) for siren in companies[start : start + 5]]
            answers = await context.execute_all(commands)
            assert not [answer for answer in answers if isinstance(answer, Refusal)]

    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(writer())
    balances = await audit(context)
    assert balances == Balances(750_000, 0, 70 * 1_500_000)
    assert await told(context, "VoucherGranted") == 70
    assert await told(context, "VoucherWaitlisted") == 170
    assert await told(context, "EnvelopeExhausted") == 0
    places = await context.pool.fetch("select place from files where status = 'liste_attente' order by place")
    assert [row["place"] for row in places] == list(range(1, 171))
    heads = await context.pool.fetch("select sequence from outbox_heads where sequence > 0")
    assert sum(row["sequence"] for row in heads) == 240 + 170 + 70 * 2
    small = sirens(241)[-1]
    await diagnose(context, [small])
    answer = await run(context, small, application(1_400_000))
    assert (answer.state, (await audit(context)).disponible) == ("accorde", 50_000)
    assert await told(context, "EnvelopeExhausted") == 1


async def test_one_company_sending_twice_at_once_has_one_file(context: Context) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    answers = await asyncio.gather(*(run(context, siren, application()) for _ in range(8)))
    assert len({answer.voucher_id for answer in answers}) == 1
    assert (await audit(context)).engage == 1_500_000


async def test_events_never_wait_for_the_envelope(context: Context) -> None:
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("select * from envelopes for update")
        await asyncio.wait_for(diagnose(context, sirens(3)), 5)
    assert await context.pool.fetchval("select count(*) from states") == 3


# --- the waiting list ------------------------------------------------------------------------------------------------


async def rounds(context: Context) -> list[int]:
    """How many follow-ups each transaction decided, until none is left."""
    counts: list[int] = []
    while (taken := await apply_due(context.codec, context.begin, datetime.now(UTC))).count:
        assert not taken.failures
        counts.append(taken.count)
    return counts


async def test_released_money_goes_to_those_who_wait_in_order(context: Context) -> None:
    await set_total(context, 3_000_000)
    companies = sirens(6)
    await diagnose(context, companies)
    answers = [await run(context, siren, application()) for siren in companies]
    assert [answer.state for answer in answers] == ["accorde"] * 2 + ["liste_attente"] * 4
    assert [answer.position for answer in answers[2:]] == [1, 2, 3, 4]
    assert await rounds(context) == []
    for siren, answer in zip(companies[:2], answers, strict=False):
        await run(context, siren, inputs.WithdrawVoucher(answer.voucher_id, "dirigeant"))
    assert [row["type"] for row in await context.pool.fetch("select type from deadlines")] == ["ServeWaiting"]
    assert await rounds(context) == [1, 2, 1], "the envelope, both files, and a look whether more fits"
    rows = await context.pool.fetch("select siren, status from files order by siren")
    assert [row["status"] for row in rows] == ["renonce"] * 2 + ["accorde"] * 2 + ["liste_attente"] * 2
    assert await audit(context) == Balances(0, 0, 3_000_000)
    assert await told(context, "BudgetReleased") == 2
    assert not await context.pool.fetchval("select offering from envelopes")


async def test_a_release_wakes_the_timers_of_its_process(context: Context) -> None:
    await set_total(context, 1_500_000)
    first, second = sirens(2)
    await diagnose(context, [first, second])
    granted = await run(context, first, application())
    await run(context, second, application())
    assert not context.due.is_set()
    await run(context, first, inputs.WithdrawVoucher(granted.voucher_id, "dirigeant"))
    assert context.due.is_set()


async def test_the_first_that_fits_is_served_when_the_first_asks_too_much(context: Context) -> None:
    await set_total(context, 2_000_000)
    first, second, large, small = sirens(4)
    await diagnose(context, [first, second, large, small])
    answers = [await run(context, siren, application(2_000_000)) for siren in (first, second)]
    await run(context, large, application())
    await run(context, small, application(1_600_000))
    await run(context, first, inputs.WithdrawVoucher(answers[0].voucher_id, "dirigeant"))
    assert await rounds(context) == [1, 1]
    rows = await context.pool.fetch("select siren, status from files")
    statuses: dict[str, str] = {row["siren"]: row["status"] for row in rows}
    assert statuses == {first: "renonce", second: "accorde", large: "liste_attente", small: "accorde"}
    assert await audit(context) == Balances(200_000, 0, 1_800_000)


async def test_whoever_fits_is_found_behind_the_bound(context: Context) -> None:
    await set_total(context, 2_000_000)
    companies = sirens(BOUND + 12)
    await diagnose(context, companies)
    answers = [await run(context, siren, application(1_000_000)) for siren in companies[:4]]
    await context.execute_all([Ask(application(), siren) for siren in companies[4:-2]])
    await context.execute_all([Ask(application(1_000_000), siren) for siren in companies[-2:]])
    await run(context, companies[0], inputs.WithdrawVoucher(answers[0].voucher_id, "dirigeant"))
    assert await rounds(context) == [1, 1]
    served = await context.pool.fetch("select siren from files where status = 'accorde' order by siren")
    assert [row["siren"] for row in served] == [*companies[1:4], companies[-2]]
    assert await audit(context) == Balances(0, 0, 2_000_000)


async def test_nobody_waits_for_money_that_is_there_however_it_comes_and_goes(context: Context) -> None:
    """Eight writers apply and give up while two processes decide what follows: in the end what is left fits nobody."""
    await set_total(context, 9_000_000)
    companies = sirens(48)
    await diagnose(context, companies)
    stop = asyncio.Event()

    async def timers() -> None:
        while not stop.is_set():
            await apply_due(context.codec, context.begin, datetime.now(UTC), 3)

    async def writer(own: list[str]) -> None:
        for turn in range(3):
            files = [await run(context, siren, application(400_000 * (1 + turn + at))) for at, siren in enumerate(own)]
            for siren, file in zip(own, files, strict=True):
                if turn < 2:
                    await run(context, siren, inputs.WithdrawVoucher(file.voucher_id, "dirigeant"))

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(timers())
        async with asyncio.TaskGroup() as writers:
            for start in range(8):
                writers.create_task(writer(companies[start::8]))
        stop.set()
    await rounds(context)
    balances = await audit(context)
    smallest = await context.pool.fetchval("select min(asked_cents) from files where status = 'liste_attente'")
    assert smallest is not None
    assert smallest > balances.disponible
    assert not await context.pool.fetchval("select offering from envelopes")
