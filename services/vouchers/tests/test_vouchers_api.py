"""The HTTP doors on a real database: good and bad input, idempotency, batches, reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from common.core.clock import new_id
from common.core.requests import apply_commands
from common.declare.message import Message
from common.process.context import Context
from common.process.main import doors_of
from common.testing.rules import message_of
from vouchers.app import APP
from vouchers.eligibility.facts import Measure
from vouchers.files import inputs

pytestmark = pytest.mark.stack

A, B, STRANGER, SUPPLIER = "443061841", "552100554", "542051180", "732829320"
COMPANY = inputs.Company("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application with two diagnosed companies."""
    now = datetime.now(UTC)
    messages: list[Message[object]] = []
    for siren in (A, B):
        item = inputs.DiagnosticCompleted(siren, "d", "complet", now, (Measure("m1", ()),), COMPANY)
        messages.append(message_of(item, siren, now, id=new_id()))
    await apply_commands(context.codec, context.begin, messages)
    doors = doors_of(APP, context)
    transport = httpx.ASGITransport(doors, raise_app_exceptions=False)
    hooks = held(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", event_hooks=hooks) as opened:
        yield opened


def body(siren: str = A, **changes: Any) -> dict[str, Any]:
    line = {"category": "cybersecurite", "supplier_siren": SUPPLIER, "amount_cents": 200_000, "measure_id": "m1"}
    declarations = {
        "taxes_up_to_date": True,
        "social_up_to_date": True,
        "no_recovery_order": True,
        "de_minimis_declared_cents": 0,
    }
    return {"siren": siren, "envelope_id": "cheque-2026", "lines": [line], "declarations": declarations, **changes}


def with_line(**changes: Any) -> dict[str, Any]:
    valid = body()
    return {**valid, "lines": [{**valid["lines"][0], **changes}]}


def with_declaration(**changes: Any) -> dict[str, Any]:
    valid = body()
    return {**valid, "declarations": {**valid["declarations"], **changes}}


async def by_hand(context: Context) -> None:
    await context.pool.execute("update rulesets set rules = (rules::jsonb || '{\"auto_decision\": false}')::json")


# --- applying --------------------------------------------------------------------------------------------------------


async def test_apply_then_read_everything(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/vouchers", json=body(siren="443 061 841"))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["state"], told["granted_cents"], told["rate_percent"]) == ("accorde", 100_000, 50)
    again = await client.post("/v1/vouchers", json=body())
    assert again.json() == told

    envelope = (await client.get("/v1/envelopes/cheque-2026")).json()
    assert envelope["accounts"] == {
        "disponible": 249_900_000,
        "reserve": 0,
        "engage": 100_000,
        "ordonnance": 0,
        "paye": 0,
        "recouvre": 0,
    }
    assert envelope["total_cents"] == sum(envelope["accounts"].values())
    assert envelope["rules"]["max_grant_cents"] == 1_500_000
    assert [item["id"] for item in (await client.get("/v1/envelopes")).json()["envelopes"]] == ["cheque-2026"]

    page = (await client.get("/v1/envelopes/cheque-2026/movements", params={"limit": 1})).json()
    assert [row["to_account"] for row in page["movements"]] == ["reserve"]
    page = (await client.get("/v1/envelopes/cheque-2026/movements", params={"cursor": page["next_cursor"]})).json()
    assert [row["to_account"] for row in page["movements"]] == ["engage"]
    assert page["next_cursor"] is None

    files = (await client.get(f"/v1/vouchers/{A}")).json()
    assert [file["voucher_id"] for file in files["vouchers"]] == [told["voucher_id"]]
    file = (await client.get(f"/v1/vouchers/{A}/{told['voucher_id']}")).json()
    assert [step["to_status"] for step in file["history"]] == ["depose", "accorde"]
    assert file["lines"][0]["amount_cents"] == 200_000


async def test_the_day_of_the_order_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/vouchers", json=with_line(ordered_on="2020-02-29"))
    assert [reason["code"] for reason in answer.json()["reasons"]] == ["depense_anterieure"]
    assert "29/02/2020" in answer.json()["reasons"][0]["sentence"]


async def test_a_refusal_is_an_answer_with_every_reason(client: httpx.AsyncClient) -> None:
    bad = with_line(category="materiel", supplier_siren=A)
    answer = await client.post("/v1/vouchers", json=bad)
    assert answer.status_code == 201
    assert answer.json()["state"] == "refuse"
    assert [reason["code"] for reason in answer.json()["reasons"]] == [
        "categorie_non_eligible",
        "fournisseur_interne",
    ]


async def test_the_idempotency_key_gives_the_same_answer_and_guards_the_content(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/vouchers", json=body(), headers=headers)
    second = await client.post("/v1/vouchers", json=body(), headers=headers)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    other = await client.post("/v1/vouchers", json=body(siren=B), headers=headers)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")


async def test_of_two_contents_under_one_key_at_once_one_is_told_that_the_key_is_used(
    client: httpx.AsyncClient, context: Context
) -> None:
    """Both look the key up before either commits; the second finds the first one's movements in the ledger."""
    headers = {"Idempotency-Key": "k2"}
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%envelopes%'"
    async with context.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute("select from envelopes for update")
            asked: list[asyncio.Task[httpx.Response]] = []
            for siren in (A, B):
                asked.append(asyncio.create_task(client.post("/v1/vouchers", json=body(siren), headers=headers)))
                while await context.pool.fetchval(waiting) < len(asked):
                    pass
        first, second = sorted(await asyncio.gather(*asked), key=lambda answer: answer.status_code)

    assert (first.status_code, first.json()["state"]) == (201, "accorde")
    assert (second.status_code, second.json()["field"]) == (422, "Idempotency-Key")
    assert second.json()["title"] == "Clé d'idempotence déjà utilisée"


async def test_a_second_application_is_a_conflict(client: httpx.AsyncClient) -> None:
    await client.post("/v1/vouchers", json=body())
    answer = await client.post("/v1/vouchers", json=with_line(amount_cents=400_000))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["allowed"] == ["withdraw"]
    assert answer.json()["type"] == "tag:croissanceconnectee.fr,2026:cheque_deja_en_cours"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (body(siren="443061842"), "siren"),
        (body(siren="000000000"), "siren"),
        ({**body(), "siren": 443061841}, "siren"),
        (body(lines=[]), "lines"),
        (body(lines="?"), "lines"),
        (body(colour="bleu"), "colour"),
        ({}, "siren"),
        (with_line(supplier_siren="123456789"), "lines[0].supplier_siren"),
        (with_line(amount_cents=0), "lines[0].amount_cents"),
        (with_line(amount_cents=-100), "lines[0].amount_cents"),
        (with_line(amount_cents=1_000_000_001), "lines[0].amount_cents"),
        (with_line(amount_cents=10**30), "lines[0].amount_cents"),
        (with_line(amount_cents=1000.5), "lines[0].amount_cents"),
        (with_line(amount_cents="1000"), "lines[0].amount_cents"),
        (with_line(amount_cents=True), "lines[0].amount_cents"),
        (with_line(ordered_on="hier"), "lines[0].ordered_on"),
        (with_line(ordered_on="2026-02-30"), "lines[0].ordered_on"),
        (with_line(ordered_on=20261123), "lines[0].ordered_on"),
        (with_line(category="a\x00b"), "lines[0].category"),
        (with_declaration(taxes_up_to_date="oui"), "declarations.taxes_up_to_date"),
        (with_declaration(de_minimis_declared_cents=-1), "declarations.de_minimis_declared_cents"),
        (with_declaration(other_public_aid_cents=None), "declarations.other_public_aid_cents"),
    ],
)
async def test_bad_content_names_the_field(client: httpx.AsyncClient, content: dict[str, Any], field: str) -> None:
    answer = await client.post("/v1/vouchers", json=content)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["field"] == field
    assert problem["detail"].startswith(field)


async def test_what_cannot_be_decided_leaves_no_trace(client: httpx.AsyncClient, context: Context) -> None:
    unknown = await client.post("/v1/vouchers", json=body(siren=STRANGER))
    assert (unknown.status_code, unknown.json()["field"]) == (409, "siren")
    nowhere = await client.post("/v1/vouchers", json=body(envelope_id="cheque-1999"))
    assert (nowhere.status_code, nowhere.json()["field"]) == (404, "envelope_id")
    for broken in (b"{", b"\xff\xfe", b""):
        answer = await client.post("/v1/vouchers", content=broken, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}
    huge = await client.post("/v1/vouchers", content=b"[" + b" " * 10_000_000 + b"]")
    assert huge.status_code == 413
    assert await context.pool.fetchval("select count(*) from files") == 0
    assert await context.pool.fetchval("select count(*) from outbox") == 0


async def test_a_batch_takes_each_item_for_itself(client: httpx.AsyncClient) -> None:
    items = [body(), body(siren="1"), body(siren=B), body(siren=STRANGER)]
    answer = await client.post("/v1/vouchers:batch", json=items)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (2, 2)
    assert [item.get("status") for item in told["results"]] == [None, 422, None, 409]
    assert told["results"][1]["field"] == "[1].siren"


# --- deciding --------------------------------------------------------------------------------------------------------


async def test_an_instructor_grants_and_the_company_gives_up(client: httpx.AsyncClient, context: Context) -> None:
    await by_hand(context)
    told = (await client.post("/v1/vouchers", json=with_line(amount_cents=1_000_000))).json()
    assert told["state"] == "depose"
    door = f"/v1/vouchers/{A}/{told['voucher_id']}"
    granted = await client.post(f"{door}:grant", json={"actor": "agent-7", "amount_cents": 400_000})
    assert (granted.status_code, granted.json()["granted_cents"]) == (200, 400_000)
    refused = await client.post(f"{door}:refuse", json={"actor": "agent-7", "reason": "Trop tard."})
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["withdraw"])
    given_up = await client.post(f"{door}:withdraw", json={"actor": "dirigeant"})
    assert given_up.json()["state"] == "renonce"
    envelope = (await client.get("/v1/envelopes/cheque-2026")).json()
    assert envelope["accounts"]["disponible"] == 250_000_000
    assert envelope["ledger"]["movements"] == 4


async def test_decisions_come_in_batches_too(client: httpx.AsyncClient, context: Context) -> None:
    await by_hand(context)
    ids = [(await client.post("/v1/vouchers", json=body(siren=siren))).json()["voucher_id"] for siren in (A, B)]
    items = [
        {"siren": A, "voucher_id": ids[0], "action": "grant", "actor": "agent"},
        {"siren": B, "voucher_id": ids[1], "action": "refuse", "actor": "agent"},
        {"siren": B, "voucher_id": ids[1], "action": "withdraw", "actor": "agent", "amount_cents": 5},
        {"siren": B, "voucher_id": ids[1], "action": "refuse", "actor": "agent", "reason": "Hors sujet."},
        {"siren": B, "voucher_id": ids[0], "action": "withdraw", "actor": "agent"},
    ]
    told = (await client.post("/v1/vouchers/decisions:batch", json=items)).json()
    assert [item.get("status") for item in told["results"]] == [None, 422, 422, None, 404]
    assert [item.get("state") for item in told["results"]] == ["accorde", None, None, "refuse", None]
    assert [item.get("field") for item in told["results"]] == [
        None,
        "[1].reason",
        "[2].amount_cents",
        None,
        "voucher_id",
    ]
    assert told["results"][4]["detail"] == f"Aucun dossier « {ids[0]} » pour le SIREN {B}."


async def test_decisions_on_unknown_files_and_bad_paths(client: httpx.AsyncClient) -> None:
    nobody = "00000000-0000-5000-8000-000000000000"
    answer = await client.post(f"/v1/vouchers/{A}/{nobody}:withdraw", json={"actor": "a"})
    assert (answer.status_code, answer.json()["field"]) == (404, "voucher_id")
    answer = await client.post(f"/v1/vouchers/{A}/abc:grant", json={"actor": "a"})
    assert (answer.status_code, answer.json()["field"]) == (422, "voucher_id")
    answer = await client.post(f"/v1/vouchers/12/{nobody}:grant", json={"actor": "a"})
    assert (answer.status_code, answer.json()["field"]) == (422, "siren")
    answer = await client.post(f"/v1/vouchers/{A}/{nobody}:refuse", json={"actor": "a"})
    assert (answer.status_code, answer.json()["field"]) == (422, "reason")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/vouchers/12", 422),
        (f"/v1/vouchers/{STRANGER}", 404),
        (f"/v1/vouchers/{A}/00000000-0000-5000-8000-000000000000", 404),
        (f"/v1/vouchers/{STRANGER}/00000000-0000-5000-8000-000000000000", 404),
        ("/v1/envelopes/nope", 404),
        ("/v1/envelopes/a%00b", 422),
        ("/v1/envelopes/cheque-2026/movements?cursor=-1", 422),
        ("/v1/envelopes/cheque-2026/movements?limit=5000", 422),
    ],
)
async def test_reads_of_what_is_not_there(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_position_is_counted_when_it_is_read(context: Context, client: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    third = inputs.DiagnosticCompleted(STRANGER, "d", "complet", now, (Measure("m1", ()),), COMPANY)
    await apply_commands(context.codec, context.begin, [message_of(third, STRANGER, now, id=new_id())])
    await context.pool.execute("update envelopes set total_cents = 100000, disponible_cents = 100000")
    first, second, last = [(await client.post("/v1/vouchers", json=body(siren))).json() for siren in (A, B, STRANGER)]
    assert [told["state"] for told in (first, second, last)] == ["accorde", "liste_attente", "liste_attente"]
    assert (first["position"], second["position"], last["position"]) == (None, 1, 2)
    assert last["reply_by"] is None
    gone = await client.post(f"/v1/vouchers/{B}/{second['voucher_id']}:withdraw", json={"actor": "dirigeant"})
    assert gone.status_code == 200
    one = (await client.get(f"/v1/vouchers/{STRANGER}/{last['voucher_id']}")).json()
    assert (one["position"], one["history"][0]["at"]) == (1, one["submitted_at"])
    assert (await client.get(f"/v1/vouchers/{STRANGER}")).json()["vouchers"][0]["position"] == 1
    assert (await client.post("/v1/vouchers", json=body(STRANGER))).json()["position"] is None
    assert (await client.get(f"/v1/vouchers/{B}")).json()["vouchers"][0]["position"] is None
