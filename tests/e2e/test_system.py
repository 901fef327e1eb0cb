"""The whole system as its users meet it: demo twice, bad input at every door, real companies, a reader from outside."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.process.app import installed_services
from embedded.state import state_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
CROISSANCE = [sys.executable, "-m", "croissance"]
SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def environment() -> dict[str, str]:
    """A system of our own: the session's addresses must not reach it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CROISSANCE_") or "CACHE" in name}


def croissance(*arguments: str, code: int = 0) -> str:
    """The output of a command."""
    done = subprocess.run([*CROISSANCE, *arguments], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


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


def demo(data: Path) -> dict[str, Any]:
    return json.loads(croissance("demo", "--data", str(data), "--companies", "150", "--json"))


def test_the_demo_twice_doubles_nothing(data: Path) -> None:
    first = demo(data)
    second = demo(data)

    assert first["audit"]["ok"], first["audit"]
    assert first["events"]["DiagnosticCompleted"] == 150
    assert first["events"]["ConnectorMatched"] + first["events"].get("NeedUnserved", 0) == 150
    assert first["events"]["LabelGranted"] > 0
    assert first["events"]["VoucherGranted"] > 0
    assert second["audit"]["ok"], second["audit"]
    assert second["audit"]["events"] == first["audit"]["events"]


BAD = [
    ("companies", "/v1/companies", b'{"siret": "73282932000075"}', 422, "siret"),
    ("companies", "/v1/companies", b"{", 422, ""),
    ("companies", "/v1/companies", b'{"siret": "\xff\xfe"}', 400, ""),
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


def test_real_companies_are_sorted_with_reasons(data: Path) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the sample records (../shared/data) are not beside this repository")
    units, sites = SAMPLES / "StockUniteLegale_sample.csv", SAMPLES / "StockEtablissement_sample.csv"

    said = croissance("import", "sirene", str(units), "--etablissements", str(sites), "--data", str(data), "--json")

    summary = json.loads(said)
    assert summary["read"] == 34
    assert croissance("import", "sirene", str(units), "--data", str(data), "--json")


def test_status_and_audit_agree_that_all_is_done(data: Path) -> None:
    audit = json.loads(croissance("audit", "--data", str(data), "--json"))
    status = json.loads(croissance("status", "--data", str(data), "--json"))

    assert audit["ok"], audit
    assert {service["unpublished"] for service in status["services"].values()} == {0}
    assert {service["dead_letters"] for service in status["services"].values()} == {0}
