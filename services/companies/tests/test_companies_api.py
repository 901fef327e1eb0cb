"""The doors and the store on a real database: registering, batches, reading, listing, bad input."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.process.context import Context
from common.process.main import doors_of
from common.testing.database import published
from companies import store
from companies.app import APP
from croissance.sirene import Company, Found, read_sirene, to_batch_body, to_body

pytestmark = pytest.mark.stack

SIRET = "73282932000074"
BODY: dict[str, Any] = {
    "siret": "732 829 320 00074",
    "name": "Exemple",
    "naf": "6201Z",
    "legal_form": "5710",
    "headcount_code": "11",
    "commune": "75102",
}


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[httpx.AsyncClient]:
    doors = doors_of(APP, context)
    transport = httpx.ASGITransport(doors, raise_app_exceptions=False)
    headers = {"content-type": "application/json"}
    address, hooks = "http://127.0.0.1", held(doors)
    async with httpx.AsyncClient(transport=transport, base_url=address, headers=headers, event_hooks=hooks) as opened:
        yield opened


async def counted(context: Context) -> Counter[str]:
    return Counter(event.type for event in await published(context.pool))


def sample(samples: Path) -> list[Company]:
    files = samples / "StockUniteLegale_sample.csv", samples / "StockEtablissement_sample.csv"
    return [found.company for found in read_sirene(*files) if isinstance(found, Found)]


async def test_every_statement_fits_the_schema(context: Context) -> None:
    async with context.reading() as connection:
        for statement in (store.LIST, store.PAGE, store.ADOPT):
            await connection.prepare(statement)
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch("explain " + store.PAGE, ["11"], ["micro"], "", 10)
    lines = "\n".join(row[0] for row in plan)
    assert "register_by_region_and_class" in lines
    assert re.search(r"Index Cond: .*kind = 'register'.*key = ", lines)


async def test_register_read_change_and_repeat(client: httpx.AsyncClient, context: Context) -> None:
    told = (await client.post("/v1/companies", json=BODY)).json()
    assert told == {
        "siren": "732829320",
        "siret": SIRET,
        "outcome": "nouvelle",
        "version": 1,
        "sme_category": "petite",
        "sme_reasons": [
            "Chiffre d'affaires et bilan inconnus: présumée PME d'après son effectif, à confirmer par une déclaration."
        ],
        "region": "11",
    }
    read = (await client.get("/v1/companies/732829320")).json()
    assert (read["name"], read["naf"], read["naf_section"]) == ("Exemple", "62.01Z", "J")
    assert (read["vat_number"], read["sme_ruleset"]) == ("FR44732829320", "PME-2026.1")
    assert [source["source"] for source in read["sources"]] == ["declaratif"]

    figures = {"headcount": 12, "turnover_cents": 90_000_000, "balance_sheet_cents": 80_000_000}
    changed = (await client.post("/v1/companies", json=BODY | {"figures": figures})).json()
    assert (changed["outcome"], changed["version"], changed["sme_category"]) == ("modifiee", 2, "petite")
    assert await counted(context) == {
        "CompanyRegistered": 1,
        "CompanyProfileUpdated": 1,
    }


async def test_an_idempotency_key_gives_the_same_answer_again(client: httpx.AsyncClient, context: Context) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/companies", json=BODY, headers=headers)
    assert (await client.post("/v1/companies", json=BODY, headers=headers)).json() == first.json()
    other = await client.post("/v1/companies", json=BODY | {"name": "Autre"}, headers=headers)
    assert other.status_code == 422
    assert await counted(context) == {"CompanyRegistered": 1}


async def test_the_sample_files_through_the_batch_door_twice(
    client: httpx.AsyncClient, context: Context, samples: Path
) -> None:
    commands = sample(samples)
    for outcome in ("nouvelle", "inchangee"):
        answer = (await client.post("/v1/companies:batch", content=to_batch_body(commands))).json()
        assert (answer["accepted"], answer["rejected"]) == (34, 0)
        assert Counter(result["outcome"] for result in answer["results"]) == {outcome: 34}
        assert Counter(result["sme_category"] for result in answer["results"]) == {"hors_pme": 25, "micro": 9}
        assert [result["siren"] for result in answer["results"]] == [command.siren for command in commands]
    assert await counted(context) == {"CompanyRegistered": 34}
    regions = {event.region for event in await published(context.pool)}
    assert sorted(regions) == ["04", "11", "52", "75", "76", "84", "93"]
    read = (await client.get("/v1/companies/999901614")).json()
    assert read["sme_reasons"][0].startswith("Classée grande entreprise")
    one = await client.post("/v1/companies", content=to_body(commands[0]), headers={"content-type": "application/json"})
    assert one.json()["outcome"] == "inchangee"


async def test_listing_by_region_and_class_page_by_page(client: httpx.AsyncClient, samples: Path) -> None:
    commands = sample(samples)
    await client.post("/v1/companies:batch", content=to_batch_body(commands))

    async def listed(**query: Any) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            answer = (await client.get("/v1/companies", params={**query, "cursor": cursor})).json()
            found += [item["siren"] for item in answer["items"]]
            if answer["next_cursor"] is None:
                return found
            cursor = answer["next_cursor"]

    everything = sorted(command.siren for command in commands)
    assert await listed() == everything
    assert await listed(limit=7) == everything
    assert await listed(limit=34) == everything
    paris = sorted(
        command.siren for command in commands if (command.commune or command.postal_code)[:2] in {"75", "91", "95"}
    )
    assert await listed(region="11", limit=3) == paris
    micro = await listed(sme_category="micro", limit=4)
    assert len(micro) == 9
    assert await listed(region="11", sme_category="micro") == sorted(set(paris) & set(micro))
    assert await listed(region="06") == []


async def test_a_company_that_moves_is_listed_in_its_new_place_only(client: httpx.AsyncClient) -> None:
    await client.post("/v1/companies", json=BODY)
    await client.post("/v1/companies", json=BODY | {"commune": "69381"})
    counts = [
        len((await client.get("/v1/companies", params={"region": region})).json()["items"]) for region in ("11", "84")
    ]
    assert counts == [0, 1]


@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"siret": "73282932000075"}, "siret", "clé de contrôle du SIRET fausse"),
        ({"siret": "00000000000000"}, "siret", "zéros"),
        ({"siret": ""}, "siret", "SIRET absent"),
        ({"siren": "356000000"}, "siret", "n'appartient pas au SIREN 356000000"),
        ({"siren": "123456789"}, "siren", "clé de contrôle"),
        ({"naf": "62"}, "naf", "code NAF attendu"),
        ({"naf": "99.99Z"}, "naf", "code NAF attendu"),
        ({"naf_nomenclature": "NAF2025"}, "naf_nomenclature", "NAFRev2 ou NAF2025"),
        ({"headcount_code": "99"}, "headcount_code", "valeurs possibles: NN"),
        ({"commune": "00000"}, "commune", "code commune Insee attendu"),
        ({"commune": "", "postal_code": "96000"}, "postal_code", "code postal français attendu"),
        ({"commune": "", "departement": "99Z"}, "departement", "code de département attendu"),
        ({"legal_form": "9999"}, "legal_form", "liste Insee"),
        ({"created_on": "9999-12-31"}, "created_on", "invraisemblable"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at", "avant 1970"),
        ({"legal_form": "SARL"}, "legal_form", "4 chiffres"),
        ({"insee_category": "TPE"}, "insee_category", "PME, ETI, GE"),
        ({"source": "rumeur"}, "source", "valeurs possibles"),
        ({"inconnu": 1}, "inconnu", "champ inconnu"),
        ({"figures": {"headcount": -1}}, "figures.headcount", "doit être au moins 0"),
        ({"created_on": "hier"}, "created_on", ""),
        ({"observed_at": "2026-01-01T00:00:00"}, "observed_at", ""),
        ({"active": None}, "active", "vrai ou faux"),
    ],
)
async def test_bad_input_names_the_field(
    client: httpx.AsyncClient, context: Context, changes: dict[str, Any], field: str, detail: str
) -> None:
    answer = await client.post("/v1/companies", json=BODY | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["field"] == field
    assert detail in problem["detail"]
    batch = (await client.post("/v1/companies:batch", json=[BODY | changes, BODY])).json()
    assert (batch["accepted"], batch["rejected"]) == (1, 1)
    assert batch["results"][0]["status"] == 422
    assert await counted(context) == {"CompanyRegistered": 1}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"3", 422),
        (b"[3]", 200),
        (json.dumps([BODY] * 1001).encode(), 413),
        (b" " * 9_000_000, 413),
    ],
)
async def test_bodies_of_no_use(client: httpx.AsyncClient, context: Context, content: bytes, status: int) -> None:
    assert (await client.post("/v1/companies:batch", content=content)).status_code == status
    assert await counted(context) == {}


async def test_refusals_have_a_type_that_programs_can_rely_on(client: httpx.AsyncClient) -> None:
    answers = {
        "entreprise_refusee": await client.post("/v1/companies", json=BODY | {"commune": "00000"}),
        "contenu_invalide": await client.post("/v1/companies", json=BODY | {"inconnu": 1}),
        "entreprise_inconnue": await client.get("/v1/companies/732829320"),
        "siren_invalide": await client.get("/v1/companies/123456789"),
        "region_inconnue": await client.get("/v1/companies", params={"region": "99"}),
    }
    for code, answer in answers.items():
        assert answer.json()["type"] == f"tag:croissanceconnectee.fr,2026:{code}"


async def test_a_name_with_control_characters_is_stored_clean(client: httpx.AsyncClient) -> None:
    await client.post("/v1/companies", json=BODY | {"name": " A\u0007B\u00a0 C\n"})
    assert (await client.get("/v1/companies/732829320")).json()["name"] == "A B C"


async def test_reading_what_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/companies/732829320")).status_code == 404
    wrong = await client.get("/v1/companies/123456789")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "siren")
    region = await client.get("/v1/companies", params={"region": "99"})
    assert (region.status_code, "11" in region.json()["allowed"]) == (422, True)
    for query in ({"sme_category": "grande"}, {"cursor": "x"}, {"limit": 0}):
        assert (await client.get("/v1/companies", params=query)).status_code == 422


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("732 829 320", {"valid": True, "kind": "siren", "value": "732829320"}),
        ("356 000 000 49837", {"valid": True, "kind": "siret", "siren": "356000000"}),
        ("73282932000075", {"valid": False, "kind": "siret", "reason": "clé de contrôle du SIRET fausse"}),
        ("", {"valid": False, "kind": "siren", "reason": "SIREN absent"}),
    ],
)
async def test_checking_an_identifier(client: httpx.AsyncClient, identifier: str, told: dict[str, Any]) -> None:
    answer = (await client.post("/v1/companies:check", json={"identifier": identifier})).json()
    assert answer.items() >= told.items()


FORGOTTEN = """insert into recovered (id, topic, partition, sequence, key, type, cause, data, mark)
    values ($1, 't', 0, $2, $3, $4, 'c', $5, '')"""


async def test_after_a_recovery_versions_go_on_from_those_that_our_own_topic_carries(
    client: httpx.AsyncClient, context: Context
) -> None:
    other = BODY | {"siret": "55208131766522"}
    await client.post("/v1/companies", json=BODY)
    for number, (siren, name, data) in enumerate(
        [
            ("732829320", "CompanyProfileUpdated", '{"version": 4}'),
            ("732829320", "CompanyProfileUpdated", '{"version": 3}'),
            ("552081317", "CompanyRegistered", "{}"),
        ]
    ):
        await context.pool.execute(FORGOTTEN, f"id-{number}", number, siren, name, data)
    for _ in range(2):
        async with context.reading() as connection, connection.transaction():
            await store.adopt(connection)

    assert (await client.get("/v1/companies/552081317")).status_code == 404, "what was observed is not known any more"
    again = (await client.post("/v1/companies", json=other)).json()
    assert (again["outcome"], again["version"]) == ("modifiee", 2)
    changed = (await client.post("/v1/companies", json=BODY | {"name": "Autre"})).json()
    assert (changed["outcome"], changed["version"]) == ("modifiee", 5)
    assert await counted(context) == {"CompanyRegistered": 1, "CompanyProfileUpdated": 2}
    listed = (await client.get("/v1/companies")).json()
    assert len(listed["items"]) == 2
