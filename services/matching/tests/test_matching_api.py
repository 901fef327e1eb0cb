"""The HTTP doors on a real database: the directory, answers of connecteurs, needs explained, aids, bad input."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from common.core import clock
from common.core.requests import apply_commands
from common.process.context import Context
from common.process.main import doors_of
from common.testing.rules import message_of
from matching.app import APP
from matching.needs.table import NEEDS

pytestmark = pytest.mark.stack

SIREN = "732829320"


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[httpx.AsyncClient]:
    doors = doors_of(APP, context)
    transport = httpx.ASGITransport(doors, raise_app_exceptions=False)
    hooks = held(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", event_hooks=hooks) as opened:
        yield opened


def body(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"cci-{number}",
        "name": f"CCI {number}",
        "type": "cci",
        "tier": "professionnel",
        "institution_id": f"cci-{number}",
        "sujets": ["cybersecurite"],
        "zones": [{"type": "departement", "code": "69"}],
        **changes,
    }


async def diagnosed(context: Context, make: Any, **changes: Any) -> dict[str, Any]:
    event = make.diagnosis(**changes)
    await apply_commands(context.codec, context.begin, [message_of(event, SIREN, clock.now(), id=clock.new_id())])
    state = await context.state(NEEDS, SIREN)
    assert state is not None
    return {match.connector_id: match.match_id for match in state.needs[-1].matches}


# --- the directory ---------------------------------------------------------------------------------------------------


async def test_a_connecteur_is_put_read_and_listed(client: httpx.AsyncClient) -> None:
    created = await client.put("/v1/connecteurs/cci-1", json=body())
    again = await client.put("/v1/connecteurs/cci-1", json=body())
    one = (await client.get("/v1/connecteurs/cci-1")).json()
    assert (created.status_code, created.json()) == (200, {"id": "cci-1", "state": "active", "changed": True})
    assert again.json()["changed"] is False
    assert one["capacity_30d"] == one["free_capacity"] == 10
    assert one["type_label"] == "Chambre de commerce et d'industrie"
    assert one["institution"] == "CCI 1"
    assert (await client.get("/v1/connecteurs/nobody")).status_code == 404


async def test_the_directory_is_listed_by_region_subject_and_type_in_pages(client: httpx.AsyncClient) -> None:
    await client.post(
        "/v1/connecteurs:batch",
        json=[
            body(1),
            body(2, sujets=["donnees"]),
            body(3, zones=[{"type": "region", "code": "11"}]),
            body(4, zones=[{"type": "national"}], type="cyber"),
            body(5, zones=[{"type": "epci", "code": "200046977"}]),
            body(6, status="suspended"),
        ],
    )

    async def ids(**params: Any) -> list[str]:
        found = (await client.get("/v1/connecteurs", params=params)).json()
        return [item["id"] for item in found["items"]]

    assert await ids(region="84") == ["cci-1", "cci-2", "cci-4", "cci-5"]
    assert await ids(region="11") == ["cci-3", "cci-4"]
    assert await ids(region="84", sujet="donnees") == ["cci-2"]
    assert await ids(type="cyber") == ["cci-4"]
    assert await ids(status="suspended") == ["cci-6"]
    first = (await client.get("/v1/connecteurs", params={"limit": 2})).json()
    assert first["next"] == "cci-2"
    assert await ids(limit=10, after=first["next"]) == ["cci-3", "cci-4", "cci-5"]


async def test_a_batch_takes_good_lines_and_names_the_faults_of_others(client: httpx.AsyncClient) -> None:
    bad = [
        body(2, type="magicien"),
        body(3, sujets=["alchimie"]),
        body(4, zones=[{"type": "departement", "code": "20"}]),
        body(5, filters={"effectif_min": 50, "effectif_max": 10}),
        body(6, capacity_30d=-1),
        body(7, surprise=1),
        "text",
    ]
    answer = (await client.post("/v1/connecteurs:batch", json=[body(1), *bad])).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 7)
    assert answer["results"][0] == {"id": "cci-1", "state": "active", "changed": True}
    faults = [(result["status"], result["field"], result["detail"]) for result in answer["results"][1:]]
    assert [status for status, _, _ in faults] == [422] * 7
    assert [field for _, field, _ in faults] == [
        "[1].type",
        "[2].sujets",
        "[3].zones[0]",
        "[4].filters",
        "[5].capacity_30d",
        "[6].surprise",
        "[7]",
    ]
    assert "valeurs possibles" in faults[0][2]
    assert "territoire inconnu : departement 20" in faults[2][2]
    assert "effectif_min dépasse effectif_max" in faults[3][2]


async def test_a_bad_line_alone_is_a_problem_that_names_the_field(client: httpx.AsyncClient) -> None:
    wrong = await client.put("/v1/connecteurs/cci-1", json=body(tier="grand"))
    other = await client.put("/v1/connecteurs/cci-2", json=body())
    assert (wrong.status_code, wrong.json()["field"]) == (422, "tier")
    assert wrong.headers["content-type"] == "application/problem+json"
    assert (other.status_code, other.json()["field"]) == (422, "id")
    json = {"content-type": "application/json"}
    assert (await client.put("/v1/connecteurs/cci-1", content=b"\xff{", headers=json)).status_code == 400
    assert (await client.put("/v1/connecteurs/cci-1", content=b"{}")).status_code == 415
    assert (await client.get("/v1/connecteurs", params={"sujet": "alchimie"})).json()["field"] == "sujet"
    assert (await client.get("/v1/connecteurs/cci-1")).status_code == 404


# --- needs and answers -----------------------------------------------------------------------------------------------


async def test_a_need_is_read_explained_and_answered(client: httpx.AsyncClient, context: Context, make: Any) -> None:
    lines = [body(number) for number in range(1, 5)]
    await client.post("/v1/connecteurs:batch", json=[*lines, body(9, zones=[{"type": "region", "code": "11"}])])
    offers = await diagnosed(context, make)
    chosen, match_id = next(iter(offers.items()))

    need = (await client.get(f"/v1/needs/{SIREN}")).json()["needs"][0]
    assert need["status_label"] == "Proposé à des connecteurs"
    assert need["subjects"] == [{"code": "cybersecurite", "label": "Cybersécurité"}]
    assert {match["connector_id"] for match in need["matches"]} == set(offers)
    assert need["matches"][0]["institution"].startswith("CCI")
    assert 0 < len(need["aids"]) <= 10

    explained = (await client.get(f"/v1/needs/{SIREN}/explain", params={"connecteur": "cci-9"})).json()
    assert explained["directory_size"] == 5
    assert {item["code"]: item["count"] for item in explained["excluded"]} == {"institution": 3, "territoire": 1}
    assert explained["eligible"] == len(explained["next_candidates"]) == 1
    assert explained["next_candidates"][0]["reasons"][0] == "Intervient dans votre département (20 points)."
    refused = [criterion for criterion in explained["connector"]["criteria"] if criterion["verdict"] == "non"]
    assert refused == [
        {
            "code": "territoire",
            "verdict": "non",
            "sentence": "N'intervient pas sur le territoire de l'entreprise.",
        }
    ]

    accepted = await client.post(f"/v1/matches/{SIREN}/{match_id}:accept")
    again = await client.post(f"/v1/matches/{SIREN}/{match_id}:accept")
    assert accepted.status_code == again.status_code == 200
    assert accepted.json() == again.json()
    assert accepted.json()["state"] == "accepte"
    assert accepted.json()["connector_id"] == chosen
    other = next(offer for connector_id, offer in offers.items() if connector_id != chosen)
    late = await client.post(f"/v1/matches/{SIREN}/{other}:decline", json={"reason": "autre"})
    assert (late.status_code, late.json()["field"]) == (409, "match_id")
    loads = {row[0]: row[1] for row in await context.pool.fetch("select connector_id, load from loads where load > 0")}
    assert loads == {chosen: 1}
    deadlines = [row[0] for row in await context.pool.fetch("select type from deadlines")]
    assert deadlines == ["CapacityFreed"]


async def test_answers_come_in_batches_too(client: httpx.AsyncClient, context: Context, make: Any) -> None:
    await client.post("/v1/connecteurs:batch", json=[body(number) for number in range(1, 4)])
    first, second, _ = (await diagnosed(context, make)).values()
    answers = [
        {"siren": SIREN, "match_id": first, "answer": "decline", "reason": "indisponible"},
        {"siren": SIREN, "match_id": second, "answer": "accept"},
        {"siren": SIREN, "match_id": first, "answer": "decline"},
    ]
    outcome = (await client.post("/v1/matches:batch", json=answers)).json()
    assert [result.get("state") for result in outcome["results"]] == ["refuse", "accepte", None]
    assert "motif" in outcome["results"][2]["detail"]


async def test_unknown_companies_needs_and_offers_are_told_in_french(client: httpx.AsyncClient) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for path in (f"/v1/needs/{SIREN}", f"/v1/needs/{SIREN}/explain", f"/v1/aides?siren={SIREN}"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["title"]) == (404, "Entreprise inconnue")
        assert answer.json()["type"] == "tag:croissanceconnectee.fr,2026:entreprise_inconnue"
    offer = await client.post(f"/v1/matches/{SIREN}/{unknown}:accept")
    assert (offer.status_code, offer.json()["title"]) == (404, "Proposition inconnue")
    assert (await client.post(f"/v1/matches/{SIREN}/nope:accept")).status_code == 422
    assert (await client.post(f"/v1/matches/12/{unknown}:accept")).status_code == 422
    reason = await client.post(f"/v1/matches/{SIREN}/{unknown}:decline", json={"reason": "bof"})
    assert (reason.status_code, reason.json()["field"]) == (422, "reason")


# --- aids ------------------------------------------------------------------------------------------------------------


async def test_aids_are_listed_with_a_verdict_for_a_described_company(client: httpx.AsyncClient) -> None:
    query = {"sujet": "gestion_erp_crm", "region": "52", "effectif": "03", "nature": "subvention"}
    found = (await client.get("/v1/aides", params={**query, "creee_le": "2020-01-01"})).json()
    unsure = (await client.get("/v1/aides", params=query)).json()
    every = (await client.get("/v1/aides", params={**query, "toutes": True, "limit": 100})).json()
    (aid,) = found["items"]
    assert (aid["id"], aid["verdict"]) == ("pdl-investissement-numerique", "partiel")
    assert unsure["items"][0]["verdict"] == "inconnu"
    assert unsure["items"][0]["missing"] == ["Date de création non renseignée : ancienneté à confirmer."]
    assert every["total"] > found["total"]
    assert {item["verdict"] for item in every["items"]} == {"inconnu", "non_eligible"}
    ended = (await client.get("/v1/aides", params={"nature": "fiscal", "toutes": True, "limit": 50})).json()
    assert "termine" in {item["verdict"] for item in ended["items"]}


async def test_aids_of_a_known_company_answer_its_need(client: httpx.AsyncClient, context: Context, make: Any) -> None:
    await diagnosed(context, make)
    answer = (await client.get("/v1/aides", params={"siren": SIREN, "limit": 3})).json()
    assert len(answer["items"]) == 3 < answer["total"]
    assert all("cybersecurite" in item["sujets"] for item in answer["items"])
    rest = (await client.get("/v1/aides", params={"siren": SIREN, "offset": 3})).json()
    assert {item["id"] for item in rest["items"]}.isdisjoint(item["id"] for item in answer["items"])
    assert (await client.get("/v1/aides", params={"naf": "programmation"})).status_code == 422
