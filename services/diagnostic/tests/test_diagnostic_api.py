"""The HTTP doors on a real database: good and bad input, idempotency, batches, reads."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.core.clock import new_id, now
from common.core.codec import partition_of
from common.core.requests import apply_commands
from common.declare.message import Message
from common.process.context import Context
from common.process.main import doors_of
from common.testing.database import published
from diagnostic.app import APP
from diagnostic.diagnostics.inputs import CompanyRegistered
from diagnostic.events import Company
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.sheet import write

pytestmark = pytest.mark.stack

A, STRANGER = "732829320", "542051180"
PEERS = ["443061841", "552100554", "130025265", "217500016", "356000000", "383474814", "428785042", "542065479"]
B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"
ANSWERS: dict[str, Any] = write(COMPLET, B)
COMPANY = Company("", "EXEMPLE", "62.01Z", "NAFRev2", "", "12", "", "", "84", None, active=True, sme_category="petite")


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application with a few registered companies."""
    messages: list[Message[Any]] = []
    for siren in (A, *PEERS):
        cause = new_id()
        item = CompanyRegistered(siren, COMPANY)
        messages.append(Message(item, siren, partition_of(siren), cause, now(), cause))
    await apply_commands(context.codec, context.begin, messages)
    doors = doors_of(APP, context)
    transport = httpx.ASGITransport(doors, raise_app_exceptions=False)
    hooks = held(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", event_hooks=hooks) as opened:
        yield opened


def whole(siren: str = A, **changes: Any) -> dict[str, Any]:
    return {"siren": siren, "answers": ANSWERS, **changes}


async def events(context: Context) -> list[str]:
    return [event.type for event in await published(context.pool)]


# --- questionnaire ---------------------------------------------------------------------------------------------------


async def test_the_questionnaire_is_served_with_its_schema_and_an_etag(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/questionnaire")
    shown = answer.json()
    assert answer.status_code == 200
    assert [question["id"] for question in shown["questions"]][-4:] == ["E1", "E2", "E3", "E4"]
    assert shown["questions"][0]["label"].startswith("Où avez-vous investi")
    again = await client.get("/v1/questionnaire", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    schema = (await client.get(shown["answers_schema"])).json()
    assert schema["required"][0] == "Q1"
    assert len((await client.get("/v1/questionnaire?kind=express")).json()["questions"][0]["items"]) == 12
    assert (await client.get("/v1/questionnaire?kind=rapide")).status_code == 422


# --- from draft to result --------------------------------------------------------------------------------------------


async def test_a_director_starts_answers_bit_by_bit_submits_and_reads(
    client: httpx.AsyncClient, context: Context
) -> None:
    started = await client.post("/v1/diagnostics", json={"siren": "732 829 320"})
    assert started.status_code == 201
    path = f"/v1/diagnostics/{A}/{started.json()['diagnostic_id']}"
    for name, value in ANSWERS.items():
        saved = await client.put(f"{path}/answers", json={"answers": {name: value}})
        assert saved.status_code == 200
        assert saved.json()["complete"] is (name == "E4")
    assert (await client.get(path)).json()["answers"] == ANSWERS
    submitted = await client.post(f"{path}:submit")
    assert submitted.status_code == 201
    told = submitted.json()
    assert (told["stage"], told["global_score"], told["band"]) == ("T0", 43.8, "intermediaire")
    assert (await client.post(f"{path}:submit", json={})).json() == told
    history = (await client.get(f"/v1/diagnostics/{A}")).json()
    (seen,) = history["diagnostics"]
    assert seen["band"] == {"id": "intermediaire", "label": "Intermédiaire"}
    assert [step["id"] for step in seen["plan"]] == [step["id"] for step in told["plan"]]
    assert history["remeasures"][0]["stage"] == "T1"
    detail = (await client.get(path)).json()
    assert (detail["answers"], detail["questions"]["Q2"]) == (ANSWERS, 5)
    assert len(detail["measures"]) > 30
    assert await events(context) == ["DiagnosticStarted", "DiagnosticCompleted"]


async def test_a_whole_diagnosis_in_one_go_and_again(client: httpx.AsyncClient, context: Context) -> None:
    body = whole(diagnostic_id=str(uuid4()))
    first = await client.post("/v1/diagnostics:submit", json=body)
    assert first.status_code == 201
    assert (await client.post("/v1/diagnostics:submit", json=body)).json() == first.json()
    other = await client.post("/v1/diagnostics:submit", json=body | {"answers": ANSWERS | {"E4": ["mentor"]}})
    assert other.status_code == 409
    assert await events(context) == ["DiagnosticCompleted"]


async def test_an_idempotency_key_answers_the_same_and_refuses_another_body(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/diagnostics:submit", json=whole(), headers=key)
    assert (await client.post("/v1/diagnostics:submit", json=whole(), headers=key)).content == first.content
    other = await client.post("/v1/diagnostics:submit", json=whole(PEERS[0]), headers=key)
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")


async def test_an_express_form(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/questionnaire?kind=express")).json()
    told = {"DII": {item["id"]: "oui" for item in shown["questions"][0]["items"]}}
    answer = await client.post("/v1/diagnostics:submit", json=whole(kind="express", answers=told))
    assert (answer.json()["points"], answer.json()["band"]) == (12, "tres_eleve")
    assert (await client.get(f"/v1/diagnostics/{A}")).json()["express"][0]["band"]["label"] == "Très élevée"
    found = await client.get(f"/v1/diagnostics/{A}/{answer.json()['diagnostic_id']}")
    assert found.json()["answers"] == told


async def test_a_batch_takes_each_item_by_itself(client: httpx.AsyncClient, context: Context) -> None:
    items = [
        whole(),
        whole("732829321"),
        whole(STRANGER),
        whole(PEERS[0], answers=ANSWERS | {"Q3": ["fax"]}),
        whole(PEERS[1]),
        {"siren": A},
        whole(),
    ]
    answer = await client.post("/v1/diagnostics:batch", json=items)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (3, 4)
    assert [result.get("status") for result in told["results"]] == [None, 422, 404, 422, None, 422, None]
    assert told["results"][1]["field"] == "[1].siren"
    assert told["results"][3]["field"] == "answers.Q3[0]"
    assert told["results"][6] == told["results"][0]
    assert await events(context) == ["DiagnosticCompleted"] * 2


async def test_a_batch_answers_no_more_than_the_problems_where_that_is_preferred(client: httpx.AsyncClient) -> None:
    little = {"Prefer": "respond-async, return=minimal"}
    answer = await client.post("/v1/diagnostics:batch", json=[whole(), whole(STRANGER)], headers=little)
    assert answer.headers["Preference-Applied"] == "return=minimal"
    told = answer.json()
    assert (told["accepted"], told["rejected"], told["results"][0]) == (1, 1, {})
    assert told["results"][1]["status"] == 404


# --- bad input -------------------------------------------------------------------------------------------------------


NESTED = b'{"Q1":' * 20_000 + b"1" + b"}" * 20_000


@pytest.mark.parametrize("body", [b"[" * 20_000 + b"]" * 20_000, NESTED, b"\x1f\x8b\x08"])
@pytest.mark.parametrize("door", ["/v1/diagnostics:submit", "/v1/diagnostics:batch"])
async def test_a_body_that_no_parser_reads_is_refused_in_french(
    client: httpx.AsyncClient, door: str, body: bytes
) -> None:
    answer = await client.post(door, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["title"]) == (400, "JSON invalide")
    assert "error" not in answer.json()["detail"]


@pytest.mark.parametrize("preference", ["return=minimalist", "return=representation", 'wait=1;x="return=minimal"'])
async def test_other_preferences_change_nothing(client: httpx.AsyncClient, preference: str) -> None:
    answer = await client.post("/v1/diagnostics:batch", json=[whole()], headers={"Prefer": preference})
    assert "Preference-Applied" not in answer.headers
    assert answer.json()["results"][0]["diagnostic_id"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (whole("732829321"), 422, "siren"),
        (whole("12345"), 422, "siren"),
        (whole("000000000"), 422, "siren"),
        (whole() | {"siren": 7}, 422, "siren"),
        (whole(STRANGER), 404, "siren"),
        (whole(kind="rapide"), 422, "kind"),
        (whole(diagnostic_id="abc"), 422, "diagnostic_id"),
        (whole(answers=[]), 422, "answers"),
        (whole(answers={}), 422, "answers"),
        (whole(answers={"Q99": []}), 422, "answers.Q99"),
        (whole(answers=ANSWERS | {"Q9": ANSWERS["Q9"] | {"voix": 6}}), 422, "answers.Q9.voix"),
        (whole(note="x"), 422, "note"),
        ({"siren": A}, 422, "answers"),
    ],
)
async def test_bad_bodies_are_problems_that_name_the_field(
    client: httpx.AsyncClient, context: Context, body: dict[str, Any], status: int, field: str
) -> None:
    answer = await client.post("/v1/diagnostics:submit", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["title"]
    assert problem["detail"]
    assert await events(context) == []


async def test_a_body_that_is_no_json_or_too_large_is_refused(client: httpx.AsyncClient, context: Context) -> None:
    headers = {"content-type": "application/json"}
    for content, statuses in ((b"{", {400, 422}), (b'{"siren": "\xff"}', {400, 422}), (b" " * 10_000_000, {413})):
        for door in ("/v1/diagnostics:submit", "/v1/diagnostics:batch"):
            answer = await client.post(door, content=content, headers=headers)
            assert answer.status_code in statuses
            assert answer.headers["content-type"] == "application/problem+json"
    assert await events(context) == []


async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/v1/diagnostics/{STRANGER}")).status_code == 404
    assert (await client.get(f"/v1/diagnostics/{A}/{uuid4()}")).status_code == 404
    assert (await client.post(f"/v1/diagnostics/{A}/{uuid4()}:submit")).status_code == 404
    missing = await client.put(f"/v1/diagnostics/{A}/{uuid4()}/answers", json={"answers": {"Q3": []}})
    assert (missing.status_code, missing.json()["field"]) == (404, "diagnostic_id")
    assert (await client.get("/v1/diagnostics/123")).status_code == 422


# --- benchmarks ------------------------------------------------------------------------------------------------------


async def test_a_benchmark_shows_nothing_under_ten_companies_then_widens(
    client: httpx.AsyncClient, context: Context
) -> None:
    await client.post("/v1/diagnostics:batch", json=[whole(siren) for siren in (A, *PEERS)])
    asked = {"region": "84", "section": "J", "taille": "petite", "score": 50}
    hidden = (await client.get("/v1/benchmarks", params=asked)).json()
    assert (hidden["n"], hidden["shown"]) == (None, None)
    await context.pool.execute("insert into benchmark_cells values ('petite', 'J', '11', 60, 1, 60000)")
    shown = (await client.get("/v1/benchmarks", params=asked)).json()
    assert shown["asked"] == {"taille": "petite", "section": "J", "region": "84"}
    assert shown["shown"] == {"taille": "petite", "section": "J", "region": None}
    assert (shown["n"], shown["mean"], shown["percentile"]) == (10, 45.4, 90)
    assert len(shown["quartiles"]) == 3
    assert (await client.get("/v1/benchmarks")).json()["n"] == 10


@pytest.mark.parametrize("query", ["region=xx", "section=Z", "taille=immense", "score=101"])
async def test_a_benchmark_of_nothing_known_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/v1/benchmarks?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["field"]
