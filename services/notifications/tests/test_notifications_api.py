"""The HTTP doors on a real database: contacts, bad input, history, one-click unsubscription."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from common.process.context import Context
from common.process.main import doors_of
from notifications import store
from notifications.app import APP
from notifications.mail.unsubscribe import UnsubscribeLinks

from .driving import happen
from .samples import SIREN

pytestmark = pytest.mark.stack

OTHER = "552100554"


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[httpx.AsyncClient]:
    doors = doors_of(APP, context)
    transport = httpx.ASGITransport(doors, raise_app_exceptions=False)
    hooks = held(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", event_hooks=hooks) as opened:
        yield opened


async def test_a_contact_is_recorded_read_replaced_and_erased(client: httpx.AsyncClient) -> None:
    url = f"/v1/contacts/{SIREN}"
    answer = await client.put(
        url, json={"email": " Camille@EXEMPLE.fr ", "name": "Camille", "muted": ["aides", "aides"]}
    )
    assert (answer.status_code, answer.json()) == (200, {"siren": SIREN, "contact": "recorded"})
    read = (await client.get(url)).json()
    assert read["email"] == "Camille@exemple.fr"
    assert (read["name"], read["muted"], read["channels"], read["language"]) == ("Camille", ["aides"], ["email"], "fr")
    assert (await client.put(url, json={"email": "autre@exemple.fr", "channels": []})).status_code == 200
    read = (await client.get("/v1/contacts/732 829 320")).json()
    assert (read["email"], read["name"], read["muted"], read["channels"]) == ("autre@exemple.fr", "", [], [])
    erased = await client.delete(url)
    assert (erased.status_code, erased.json()) == (200, {"siren": SIREN, "contact": "erased"})
    assert (await client.delete(url)).json() == erased.json()
    gone = await client.get(url)
    assert (gone.status_code, gone.json()["title"]) == (404, "Contact inconnu")
    assert gone.json()["type"] == "tag:croissanceconnectee.fr,2026:contact_inconnu"


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({}, "email", "champ obligatoire absent"),
        ({"email": "camille"}, "email", "il manque l’arobase"),
        ({"email": "@exemple.fr"}, "email", "avant l’arobase"),
        ({"email": "camille@"}, "email", "après l’arobase"),
        ({"email": "camille@exemple"}, "email", "un point"),
        ({"email": "ca..mille@exemple.fr"}, "email", "non valide"),
        ({"email": "camille@exemple.invalid"}, "email", "réservé"),
        ({"email": "émile@exemple.fr"}, "email", "accentuées"),
        ({"email": "a b@exemple.fr"}, "email", "non valide"),
        ({"email": "a@exemple.fr\r\nBcc: b@exemple.fr"}, "email", "non valide"),
        ({"email": f"{'a' * 250}@exemple.fr"}, "email", "254"),
        ({"email": "a@exemple.fr", "name": "x\ny"}, "name", "contrôle"),
        ({"email": "a@exemple.fr", "language": "en"}, "language", "'fr'"),
        ({"email": "a@exemple.fr", "muted": ["tout"]}, "muted[0]", "'aides'"),
        ({"email": "a@exemple.fr", "channels": ["sms"]}, "channels[0]", "'email'"),
        ({"email": "a@exemple.fr", "telephone": "01"}, "telephone", "champ inconnu"),
    ],
)
async def test_bad_contacts_are_refused_by_field(
    client: httpx.AsyncClient, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = await client.put(f"/v1/contacts/{SIREN}", json=body)
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["field"] == field
    assert detail in problem["detail"]
    assert (await client.get(f"/v1/contacts/{SIREN}")).status_code == 404


async def test_an_accented_domain_is_kept_as_mail_servers_want_it(client: httpx.AsyncClient) -> None:
    await client.put(f"/v1/contacts/{SIREN}", json={"email": "contact@épicerie.fr"})
    assert (await client.get(f"/v1/contacts/{SIREN}")).json()["email"] == "contact@xn--picerie-9xa.fr"


@pytest.mark.parametrize("siren", ["123456789", "12345", "000000000", "73282932A", "732829320000"])
async def test_a_wrong_siren_is_refused_everywhere(client: httpx.AsyncClient, siren: str) -> None:
    for method, path in (("PUT", "contacts"), ("GET", "contacts"), ("DELETE", "contacts"), ("GET", "notifications")):
        content = {"email": "a@exemple.fr"} if method == "PUT" else None
        answer = await client.request(method, f"/v1/{path}/{siren}", json=content)
        assert (answer.status_code, answer.json()["field"]) == (422, "siren")
        assert answer.json()["type"] == "tag:croissanceconnectee.fr,2026:siren_invalide"


async def test_a_batch_takes_the_good_and_names_the_bad(client: httpx.AsyncClient) -> None:
    items = [
        {"siren": SIREN, "email": "a@exemple.fr"},
        {"siren": "123456789", "email": "b@exemple.fr"},
        {"siren": OTHER, "email": "pas une adresse"},
        {"siren": OTHER, "email": "c@exemple.fr"},
        {"siren": OTHER, "email": "d@exemple.fr"},
    ]
    body = (await client.post("/v1/contacts:batch", json=items)).json()
    assert (body["accepted"], body["rejected"]) == (3, 2)
    assert [result.get("status") for result in body["results"]] == [None, 422, 422, None, None]
    assert body["results"][1]["field"] == "[1].siren"
    assert body["results"][2]["field"] == "[2].email"
    assert (await client.get(f"/v1/contacts/{OTHER}")).json()["email"] == "d@exemple.fr"


async def test_the_same_key_gets_the_same_answer_and_no_address_is_kept(
    client: httpx.AsyncClient, context: Context
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.put(f"/v1/contacts/{SIREN}", json={"email": "a@exemple.fr"}, headers=headers)
    again = await client.put(f"/v1/contacts/{SIREN}", json={"email": "a@exemple.fr"}, headers=headers)
    assert first.json() == again.json()
    other = await client.put(f"/v1/contacts/{SIREN}", json={"email": "b@exemple.fr"}, headers=headers)
    assert other.status_code == 422
    await client.delete(f"/v1/contacts/{SIREN}")
    kept = str(await context.pool.fetch("select * from idempotency, signing_keys"))
    assert "exemple.fr" not in kept


async def test_history_tells_what_and_when_but_no_address(client: httpx.AsyncClient, context: Context) -> None:
    await client.put(f"/v1/contacts/{SIREN}", json={"email": "a@exemple.fr"})
    (cause,) = await happen(context, "voucher_granted")
    await happen(context, "aids_recommended")
    answer = await client.get(f"/v1/notifications/{SIREN}")
    entries = answer.json()["notifications"]
    assert [entry["template"] for entry in entries] == ["aids_recommended", "voucher_granted"]
    entry = entries[1]
    assert (entry["title"], entry["status"], entry["legal"]) == ("Chèque accordé", "pending", True)
    assert (entry["deadline"], entry["cause"]) == ("2027-05-01", str(cause))
    assert "exemple.fr" not in answer.text
    short = await client.get(f"/v1/notifications/{SIREN}?limit=1")
    assert len(short.json()["notifications"]) == 1
    assert (await client.get(f"/v1/notifications/{SIREN}?limit=0")).status_code == 422
    assert (await client.get(f"/v1/notifications/{OTHER}")).json()["notifications"] == []


async def test_unsubscribing_in_one_click(client: httpx.AsyncClient, context: Context) -> None:
    await client.put(f"/v1/contacts/{SIREN}", json={"email": "a@exemple.fr"})
    async with context.reading() as connection:
        links = UnsubscribeLinks(await store.signing_keys(connection), "")
    link = links.make(await context.pool.fetchval("select ref from contacts"))
    page = await client.get(link)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert '<form method="post"' in page.text
    assert "exemple.fr" not in page.text + link
    assert (await client.get(f"/v1/contacts/{SIREN}")).json()["unsubscribed_at"] is None
    clicked = await client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert clicked.status_code == 200
    assert (await client.get(f"/v1/contacts/{SIREN}")).json()["unsubscribed_at"] is not None
    assert (await client.post(link)).status_code == 200
    await client.delete(f"/v1/contacts/{SIREN}")
    assert (await client.post(link)).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "IjAi.abc", "%22%3E%3Cscript%3E"])
async def test_a_forged_link_is_refused(client: httpx.AsyncClient, token: str) -> None:
    for method in ("GET", "POST"):
        answer = await client.request(method, f"/v1/unsubscribe?token={token}")
        assert (answer.status_code, answer.json()["field"]) == (400, "token")
        assert answer.json()["type"] == "tag:croissanceconnectee.fr,2026:lien_de_desabonnement_invalide"
        assert "<script>" not in answer.text
    assert (await client.get("/v1/unsubscribe")).status_code == 422


async def test_a_rotated_key_still_verifies(context: Context) -> None:
    async with context.reading() as connection:
        old = await store.signing_keys(connection)
        ref = await connection.fetchval("select gen_random_uuid()")
        link = UnsubscribeLinks(old, "").make(ref)
        await connection.execute("insert into signing_keys default values")
        new = UnsubscribeLinks(await store.signing_keys(connection), "")
    assert new.read(link.partition("token=")[2]) == ref
    assert new.make(ref) != link
