"""The HTTP doors on a real database: good and bad input, idempotency, batches, public reads."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from msgspec.structs import replace

from common.core import clock
from common.core.codec import partition_of
from common.core.deadlines import apply_due
from common.core.requests import apply_commands
from common.declare.message import Message
from common.process.context import Context
from common.testing.database import published

from .builders import COMPANY, NOW, SIREN, VECTOR_B, diagnosed, move_clock, sirens

pytestmark = pytest.mark.stack


async def know(context: Context, companies: list[str], **changes: Any) -> None:
    """Companies with a full diagnosis."""
    messages: list[Message[Any]] = []
    for siren in companies:
        cause = clock.new_id()
        messages.append(Message(diagnosed(**changes), siren, partition_of(siren), cause, NOW, cause))
    await apply_commands(context.codec, context.begin, messages)


async def served(context: Context) -> int:
    """Decide what follows from what was committed; returns how many decisions that took."""
    count = 0
    while taken := (await apply_due(context.codec, context.begin, clock.now() + timedelta(seconds=2))).count:
        count += taken
    return count


def body(siren: str = SIREN, **changes: Any) -> dict[str, Any]:
    """A complete application."""
    return {
        "siren": siren,
        "charter_version": "2026.1",
        "signature": {"signed": True, "signed_on": "2026-11-10"},
        "commitments": [
            {"number": n, "engaged": True, "proofs": [f"https://exemple.fr/preuve-{n}"] if n < 7 else []}
            for n in range(1, 13)
        ],
        "declarations": {"no_insolvency": True, "no_clawback_debt": True},
        **changes,
    }


def with_commitment(**changes: Any) -> dict[str, Any]:
    valid = body()
    return {**valid, "commitments": [{**valid["commitments"][0], **changes}, *valid["commitments"][1:]]}


# --- applications ----------------------------------------------------------------------------------------------------


async def test_apply_then_read_everything(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    answer = await client.post("/v1/applications", json=body("732 829 320"))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["siren"], told["state"], told["score"], told["cohort_year"]) == (SIREN, "attribue", 30, 2026)
    assert (await client.get(f"/v1/applications/{SIREN}")).json() == told
    public = (await client.get(told["label"]["verification_path"])).json()
    assert public == {
        "label_id": told["label"]["label_id"],
        "siren": SIREN,
        "name": "Ateliers Lumière",
        "region": "84",
        "naf": "62.01Z",
        "granted_at": told["label"]["granted_at"],
        "expires_at": "2028-11-12T23:00:00Z",
        "valid_until": "2028-11-12",
        "status": "actif",
        "verification_url": f"https://croissance-connectee.example/v1/labels/{told['label']['label_id']}",
        "valid": True,
    }
    counts = {"year": 2026, "cap": 500, "granted": 1, "free": 499, "waiting": 0}
    assert (await client.get("/v1/cohorts/2026")).json() == counts


async def test_golden_vector_b_is_refused_over_http(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN], scores=VECTOR_B)
    answer = await client.post("/v1/applications", json=body())
    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["codes"]) == ("refuse", ["score_global"])
    assert "43,8 sur 100" in answer.json()["reasons"][0]


async def test_a_second_application_is_a_conflict_that_names_the_state(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    first = await client.post("/v1/applications", json=body())
    assert (await client.post("/v1/applications", json=body())).json() == first.json()
    other = await client.post("/v1/applications", json=with_commitment(proofs=["https://autre.fr"]))
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert "valable jusqu'au 12/11/2028" in other.json()["detail"]
    assert len(await published(context.pool)) == 2


async def test_an_idempotency_key_answers_again(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    headers = {"Idempotency-Key": "demande-1"}
    first = await client.post("/v1/applications", json=body(), headers=headers)
    again = await client.post("/v1/applications", json=body(), headers=headers)
    assert first.content == again.content
    other = await client.post("/v1/applications", json=with_commitment(proofs=["https://autre.fr"]), headers=headers)
    assert other.status_code == 422


SIGNED = {"signed": True, "signed_on": "2026-11-10"}


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (body("732829321"), "siren", "SIREN invalide"),
        (body("７３２８２９３２０"), "siren", "SIREN invalide"),
        (body("73282932"), "siren", "SIREN invalide"),
        (body("000000000"), "siren", "SIREN invalide"),
        (body(732829320), "siren", "texte attendu"),  # pyright: ignore[reportArgumentType]
        (body(charter_version="1999.1"), "charter_version", "n'existe pas"),
        (body(signature={"signed": "yes"}), "signature.signed", ""),
        (body(signature={"signed": True}), "signature", "jour de la signature"),
        (body(signature={**SIGNED, "signed_on": "hier"}), "signature.signed_on", ""),
        (body(signature={**SIGNED, "name": "Jeanne"}), "signature.name", "champ inconnu"),
        (body(declarations={"no_insolvency": True}), "declarations.no_clawback_debt", "champ obligatoire absent"),
        (body(commitments=None), "commitments", ""),
        (with_commitment(number=13), "commitments[0].number", "n'a pas d'engagement n° 13"),
        (with_commitment(number=0), "commitments[0].number", ""),
        (with_commitment(number=2), "commitments[0].number", "plusieurs fois"),
        (with_commitment(engaged=1), "commitments[0].engaged", ""),
        (with_commitment(proofs=[""]), "commitments[0].proofs[0]", "au moins 1"),
        (with_commitment(proofs=["x" * 501]), "commitments[0].proofs[0]", "au plus 500"),
        (with_commitment(proofs=["ftp://exemple.fr"]), "commitments[0].proofs[0]", "http://"),
        (with_commitment(proofs=["https://"]), "commitments[0].proofs[0]", "nomme un site"),
        (with_commitment(proofs=["https://[x"]), "commitments[0].proofs[0]", "nomme un site"),
        (with_commitment(proofs=["a\nb"]), "commitments[0].proofs[0]", "sur une ligne"),
        (with_commitment(proofs=["a\u0000b"]), "commitments[0].proofs[0]", "octet nul"),
        (with_commitment(proofs=["jeanne@exemple.fr"]), "commitments[0].proofs[0]", "donnée personnelle"),
        (with_commitment(proofs=["x"] * 11), "commitments[0].proofs", "au plus 10"),
    ],
)
async def test_wrong_content_is_named(client: AsyncClient, wrong: dict[str, Any], field: str, said: str) -> None:
    answer = await client.post("/v1/applications", json=wrong)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert said in answer.json()["detail"]


async def test_a_body_that_is_not_json_or_too_large(context: Context, client: AsyncClient) -> None:
    for content in (b"{", b"\xff\xfe{", b"[]", b"null", b'"x"'):
        assert (await client.post("/v1/applications", content=content)).status_code in {400, 422}
        assert (await client.post("/v1/applications:batch", content=content)).status_code in {200, 400, 422}
    assert (await client.post("/v1/applications", content=b" " * 10_000_000)).status_code == 413
    assert await context.pool.fetchval("select count(*) from states") == 0


async def test_a_batch_decides_each_item_by_itself(context: Context, client: AsyncClient) -> None:
    companies = sirens(4)
    await know(context, companies[:3])
    await client.put("/v1/cohorts/2026", json={"cap": 2})
    items = [*(body(siren) for siren in companies), body("123"), body(companies[0])]
    answer = (await client.post("/v1/applications:batch", json=items)).json()
    assert (answer["accepted"], answer["rejected"]) == (4, 2)
    states = [result.get("state") for result in answer["results"]]
    assert states == ["attribue", "attribue", "liste_attente", None, None, "attribue"]
    assert (answer["results"][3]["status"], answer["results"][3]["title"]) == (409, "Entreprise inconnue")
    assert answer["results"][4]["field"] == "[4].siren"
    assert answer["results"][5] == answer["results"][0]


async def test_the_state_of_an_unknown_application(client: AsyncClient) -> None:
    assert (await client.get(f"/v1/applications/{SIREN}")).status_code == 404
    assert (await client.get("/v1/applications/123")).status_code == 422


# --- cohorts ---------------------------------------------------------------------------------------------------------


async def test_a_raised_cap_serves_the_first_of_the_list_by_itself(context: Context, client: AsyncClient) -> None:
    companies = sirens(5)
    await know(context, companies)
    assert (await client.put("/v1/cohorts/2026", json={"cap": 1})).json()["free"] == 1
    await client.post("/v1/applications:batch", json=[body(siren) for siren in companies])
    assert (await client.get(f"/v1/applications/{companies[4]}")).json()["position"] == 4
    raised = (await client.put("/v1/cohorts/2026", json={"cap": 3})).json()
    assert raised == {"year": 2026, "cap": 3, "granted": 1, "free": 2, "waiting": 4}
    assert await served(context) > 0
    states = [(await client.get(f"/v1/applications/{siren}")).json()["state"] for siren in companies]
    assert states == ["attribue"] * 3 + ["liste_attente"] * 2
    assert (await client.get(f"/v1/applications/{companies[4]}")).json()["position"] == 2
    await client.put("/v1/cohorts/2026", json={"cap": 3})
    assert await served(context) == 0
    counts = {"year": 2026, "cap": 3, "granted": 3, "free": 0, "waiting": 2}
    assert (await client.get("/v1/cohorts/2026")).json() == counts


async def test_wrong_caps_and_years(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    await client.post("/v1/applications", json=body())
    assert (await client.put("/v1/cohorts/2026", json={"cap": 0})).status_code == 409
    for wrong in ({"cap": -1}, {"cap": "3"}, {"cap": 1.5}, {}, {"cap": 10**9}):
        assert (await client.put("/v1/cohorts/2026", json=wrong)).status_code == 422
    assert (await client.put("/v1/cohorts/2025", json={"cap": 5})).status_code == 404
    assert (await client.get("/v1/cohorts/2025")).status_code == 404
    assert (await client.get("/v1/cohorts/1")).status_code == 422
    assert (await client.get("/v1/cohorts/2028")).json()["cap"] == 2000
    types = {
        (await client.put("/v1/cohorts/2026", json={"cap": 0})).json()["type"],
        (await client.get("/v1/cohorts/2025")).json()["type"],
    }
    assert types == {f"tag:croissanceconnectee.fr,2026:{code}" for code in ("plafond_trop_bas", "annee_inconnue")}


# --- public reads ----------------------------------------------------------------------------------------------------


async def test_the_register_is_read_page_by_page(context: Context, client: AsyncClient) -> None:
    companies = sirens(7)
    for index, siren in enumerate(companies):
        region, naf = "11" if index % 2 else "84", "56.10A" if index < 2 else "62.01Z"
        await know(context, [siren], company=replace(COMPANY, region=region, naf=naf))
        move_clock(NOW + timedelta(minutes=index))
        await client.post("/v1/applications", json=body(siren))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await client.get("/v1/labels", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["siren"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == companies[::-1]
    one = (await client.get("/v1/labels", params={"region": "11"})).json()["items"]
    assert [item["siren"] for item in one] == companies[5::-2]
    two = (await client.get("/v1/labels", params={"naf": "56"})).json()["items"]
    assert [item["siren"] for item in two] == companies[1::-1]
    three = (await client.get("/v1/labels", params={"siren": companies[3]})).json()["items"]
    assert [item["siren"] for item in three] == [companies[3]]
    assert (await client.get("/v1/labels", params={"region": "53"})).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "query",
    [{"region": "Bretagne"}, {"naf": "xx"}, {"siren": "1"}, {"cursor": "%%%"}, {"cursor": "é"}, {"cursor": "YQ"},
     {"limit": "0"}, {"limit": "201"}],
)  # fmt: skip
async def test_wrong_questions_to_the_register(client: AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get("/v1/labels", params=query)
    assert answer.status_code == 422
    assert answer.json()["field"].endswith(next(iter(query)))


async def test_verification_of_labels(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    path = (await client.post("/v1/applications", json=body())).json()["label"]["verification_path"]
    move_clock(datetime(2028, 11, 12, 22, 59, tzinfo=UTC))
    assert (await client.get(path)).json()["valid"] is True
    move_clock(datetime(2028, 11, 12, 23, 0, tzinfo=UTC))
    late = (await client.get(path)).json()
    assert (late["status"], late["valid"]) == ("expire", False)
    assert (await client.get(f"/v1/labels/{uuid4()}")).status_code == 404
    assert (await client.get("/v1/labels/1234")).status_code == 422


async def test_the_charter_is_public(client: AsyncClient) -> None:
    charter = (await client.get("/v1/charter")).json()
    assert charter["version"] == "2026.1"
    assert [c["number"] for c in charter["commitments"] if c["compulsory"]] == [1, 2, 3, 4, 5, 6]
    assert (await client.get("/v1/charter", params={"version": "2026.1"})).json() == charter
    unknown = await client.get("/v1/charter", params={"version": "1"})
    assert (unknown.status_code, unknown.json()["allowed"]) == (404, ["2026.1"])


async def test_no_door_shows_more_than_it_should(context: Context, client: AsyncClient) -> None:
    await know(context, [SIREN])
    await client.post("/v1/applications", json=body())
    (item,) = (await client.get("/v1/labels")).json()["items"]
    assert set(item) == {
        "label_id",
        "siren",
        "name",
        "region",
        "naf",
        "granted_at",
        "expires_at",
        "valid_until",
        "status",
        "verification_url",
    }
