"""The whole system as its users meet it: demo twice, bad input at every door, real companies, a reader from outside."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from common.process.app import installed_services
from croissance.main import app
from croissance.sirene.rows import OFFICES, UNITS
from embedded.state import state_of

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # that is what detached means
]
RUNNER = CliRunner()


def environment() -> dict[str, str | None]:
    """A system of our own: the session's addresses must not reach it."""
    return {name: None for name in os.environ if name.startswith("CROISSANCE_") and "CACHE" not in name}


def croissance(*arguments: str, code: int = 0) -> Result:
    """A command, as it came out: in this process, so that what the tests reach of it is measured."""
    done = RUNNER.invoke(app, arguments, env=environment())
    assert done.exit_code == code, (done.stderr[-3000:], done.exception)
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running system, stopped at the end."""
    folder = tmp_path_factory.mktemp("system")
    croissance("up", "--detach", "--data", str(folder))
    yield folder
    croissance("down", "--data", str(folder))


@pytest.fixture(scope="module")
def doors(data: Path) -> dict[str, str]:
    """Service → address of its first process."""
    state = state_of(data)
    assert state is not None
    return {name: service["instances"][0]["http_url"] for name, service in state["services"].items()}


@pytest.fixture(scope="module")
def first(data: Path) -> dict[str, Any]:
    """The document of a demonstration."""
    return json.loads(croissance("demo", "--data", str(data), "--companies", "150", "--json").stdout)


def audited(data: Path) -> dict[str, Any]:
    return json.loads(croissance("audit", "--data", str(data), "--json").stdout)


def test_the_demo_twice_doubles_nothing(data: Path, first: dict[str, Any]) -> None:
    second = croissance("demo", "--data", str(data), "--companies", "150")

    assert first["audit"]["ok"], first["audit"]
    assert first["events"]["DiagnosticCompleted"] == 150
    assert first["events"]["ConnectorMatched"] + first["events"].get("NeedUnserved", 0) == 150
    assert first["events"]["LabelGranted"] > 0
    assert first["events"]["VoucherGranted"] > 0
    assert first["steps"]["vouchers"]["count"] == sum(first["steps"]["vouchers"]["outcomes"].values())
    assert "150 de ces entreprises étaient déjà là: les mêmes demandes n’ont rien doublé." in second.stdout
    assert "Audit ✔ 0 perdu, 0 doublé, 0 désordonné" in second.stdout
    assert audited(data)["events"] == first["audit"]["events"]


def tailed(data: Path, *options: str) -> list[dict[str, Any]]:
    """What `events tail` shows."""
    shown = croissance("events", "tail", "--data", str(data), *options, "--json").stdout
    return [json.loads(line) for line in shown.splitlines()]


def test_the_story_of_a_company_is_read_from_outside(data: Path, first: dict[str, Any]) -> None:
    siren = first["timeline"]["siren"]

    story = tailed(data, "--siren", siren, "--from", "beginning", "--limit", "40")

    assert [event["type"] for event in story] == [event["event"] for event in first["timeline"]["events"]]
    assert story[0]["type"] == "CompanyRegistered"
    assert {event["key"] for event in story} == {siren}
    labels = tailed(data, "--type", "LabelGranted", "--from", "beginning", "--limit", "1000")
    assert len(labels) == first["events"]["LabelGranted"]
    since = tailed(data, "--type", "LabelGranted", "--from", labels[0]["headers"]["ce_time"], "--limit", "1")
    assert [event["type"] for event in since] == ["LabelGranted"]
    assert tailed(data, "--from", "2100-01-01", "--region", "84", "--siren", siren, "--limit", "1") == []
    assert (
        " NeedOpened "
        in croissance(
            *("events", "tail", "--data", str(data), "--from", "beginning", "--type", "NeedOpened", "--limit", "2")
        ).stdout
    )


BAD = [
    ("companies", "/v1/companies", b'{"siret": "73282932000075"}', 422, "siret"),
    ("companies", "/v1/companies", b"{", 400, ""),
    ("companies", "/v1/companies", b'{"siret": "\xff\xfe"}', 422, "siret"),
    ("companies", "/v1/companies", b'{"siret": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400, ""),
    ("companies", "/v1/companies:batch", b"[" * 100_000 + b"]" * 100_000, 400, ""),
    ("companies", "/v1/companies:batch", b'{"items": 3}', 422, "items"),
    ("diagnostic", "/v1/diagnostics:submit", b'{"siren": "123456789", "answers": {"Q1": {}}}', 422, "siren"),
    ("diagnostic", "/v1/diagnostics:submit", b'{"siren": "732829320", "answers": {"Q99": []}}', 404, ""),
    ("labels", "/v1/applications", b'{"siren": "732829320"}', 422, "charter_version"),
    ("vouchers", "/v1/vouchers", b'{"siren": "732829320", "envelope_id": "cheque-2026", "lines": []}', 422, "lines"),
    ("notifications", "/v1/contacts:batch", b'[{"siren": "732829320", "email": "nobody"}]', 200, ""),
]


@pytest.mark.parametrize(("service", "path", "body", "status", "field"), BAD)
def test_bad_input_names_the_field(
    doors: dict[str, str], service: str, path: str, body: bytes, status: int, field: str
) -> None:
    answer = httpx.post(doors[service] + path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in answer.json().get("field", "")
        assert answer.json()["detail"]
    else:
        assert answer.json()["rejected"] == 1


@pytest.mark.parametrize("service", installed_services())
def test_ten_megabytes_are_refused_and_the_process_lives(doors: dict[str, str], service: str) -> None:
    described = httpx.get(doors[service] + "/openapi.json").json()["paths"]
    path = next(path for path, methods in sorted(described.items()) if "post" in methods)
    answer = httpx.post(doors[service] + path, content=b"x" * 10 * 2**20)

    assert answer.status_code == 413
    assert httpx.get(doors[service] + "/health/ready").status_code == 200


def lines(path: Path, *records: dict[str, str]) -> Path:
    """A stock file of INSEE."""
    names = list(records[0])
    path.write_text("\n".join(",".join(row) for row in (names, *(r.values() for r in records))) + "\n", "utf-8")
    return path


UNIT = dict.fromkeys((*UNITS.required, *UNITS.optional), "") | {
    "siren": "732829320",
    "statutDiffusionUniteLegale": "O",
    "etatAdministratifUniteLegale": "A",
    "denominationUniteLegale": "EXEMPLE",
    "categorieJuridiqueUniteLegale": "5710",
    "activitePrincipaleUniteLegale": "62.01Z",
    "nomenclatureActivitePrincipaleUniteLegale": "NAFRev2",
    "trancheEffectifsUniteLegale": "11",
    "categorieEntreprise": "PME",
    "dateCreationUniteLegale": "2010-05-01",
    "nicSiegeUniteLegale": "00074",
    "dateDernierTraitementUniteLegale": "2025-12-06T10:36:42",
}
OFFICE = dict.fromkeys((*OFFICES.required, *OFFICES.optional), "") | {
    "siret": "73282932000074",
    "etablissementSiege": "true",
    "etatAdministratifEtablissement": "A",
    "statutDiffusionEtablissement": "O",
    "codeCommuneEtablissement": "69123",
    "dateDernierTraitementEtablissement": "2025-12-07T10:36:42",
}


def test_companies_of_a_stock_file_are_registered_and_the_others_refused_with_reasons(
    data: Path, tmp_path: Path
) -> None:
    units = lines(tmp_path / "u.csv", UNIT, UNIT | {"siren": "123456789"})
    offices, report = lines(tmp_path / "e.csv", OFFICE), tmp_path / "refus.csv"
    command = ("import", "sirene", str(units), "--etablissements", str(offices), "--data", str(data))

    told = json.loads(croissance(*command, "--report", str(report), "--json").stdout)

    assert (told["read"], told["imported"], told["refused"]) == (2, 1, 1)
    (company,) = told["companies"]
    assert (company["siren"], company["name"], bool(company["sme_reasons"])) == ("732829320", "EXEMPLE", True)
    assert "123456789" in report.read_text("utf-8")
    again = croissance(*command)
    assert "2 lignes lues" in again.stdout
    assert "EXEMPLE" in again.stdout
    assert "(123456789): siren" in again.stdout


def test_a_saved_answer_is_registered_too(data: Path, tmp_path: Path) -> None:
    saved, report = tmp_path / "recherche.json", tmp_path / "refus.jsonl"
    result = {
        "siren": "732829320",
        "siege": {"siret": "73282932000074", "commune": "69123"},
        "etat_administratif": "A",
        "statut_diffusion": "O",
        "nom_raison_sociale": "EXEMPLE",
        "activite_principale": "62.01Z",
        "date_mise_a_jour_insee": "2026-01-06T10:36:42",
    }
    saved.write_text(json.dumps({"results": [result, result | {"siege": {}}]}), "utf-8")
    command = ("import", "api", str(saved), "--data", str(data), "--report", str(report))

    told = croissance(*command)

    assert "1 refusées" in told.stdout
    assert f"Tous les refus: {report}" in told.stderr
    assert json.loads(report.read_text("utf-8"))["field"] == "siege.siret"
    saved.write_text(json.dumps({"results": [result | {"siege": {}}]}), "utf-8")
    assert "0 inscrites (aucune)" in croissance(*command, code=1).stdout


def named(state: dict[str, Any]) -> Sequence[str]:
    """The options that name a running system."""
    doors = [(name, each["http_url"]) for name, service in state["services"].items() for each in service["instances"]]
    options = ["--bootstrap", state["bootstrap_servers"], "--dsn", state["dsn"]]
    return [*options, *(part for name, url in doors for part in ("--http", f"{name}={url}"))]


def test_real_companies_go_through_a_system_named_by_its_addresses(data: Path, tmp_path: Path) -> None:
    state = state_of(data)
    assert state is not None
    units = lines(tmp_path / "u.csv", UNIT)
    offices = lines(tmp_path / "e.csv", OFFICE)
    nowhere = str(tmp_path / "nothing")

    told = croissance(
        "demo", "--sirene", str(units), "--etablissements", str(offices), "--data", nowhere, *named(state)
    )

    assert "1 entreprises" in told.stdout
    assert "Audit ✔" in told.stdout


def test_the_samples_are_sorted_with_reasons(data: Path, samples: Path) -> None:
    units, sites = samples / "StockUniteLegale_sample.csv", samples / "StockEtablissement_sample.csv"
    command = ("import", "sirene", str(units), "--data", str(data), "--json")

    assert json.loads(croissance(*command, "--etablissements", str(sites)).stdout)["read"] == 34
    assert json.loads(croissance(*command).stdout)["read"] == 34


def test_status_and_audit_agree_that_all_is_done(data: Path) -> None:
    audit = audited(data)
    status = json.loads(croissance("status", "--data", str(data), "--json").stdout)

    assert audit["ok"], audit
    assert {service["unpublished"] for service in status["services"].values()} == {0}
    assert {service["dead_letters"] for service in status["services"].values()} == {0}
    assert not any(each["problems"] for service in status["services"].values() for each in service["instances"])
    assert "Kafka" in croissance("status", "--data", str(data)).stdout
    assert croissance("dlq", "list", "--data", str(data)).stderr == "Aucune lettre morte.\n"
