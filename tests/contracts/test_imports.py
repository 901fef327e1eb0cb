"""`croissance import` against the real rules of the register, behind a small HTTP door of its own."""

import asyncio
import csv
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from typer.testing import CliRunner

from common.core.commands import Ask, to_message
from common.declare.decision import Refusal
from common.http.bodies import parse_batch
from common.http.problems import problem_body
from common.testing.rules import decided
from companies.api import CompanyBody, to_ask
from companies.register.model import initial
from companies.service import SERVICE
from croissance.main import app

RUNNER = CliRunner()


class Door(BaseHTTPRequestHandler):
    """`POST /v1/companies:batch` on states in memory."""

    states: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        from common.core import clock  # noqa: PLC0415

        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = clock.now()
        results: list[dict[str, Any]] = []
        for item in asyncio.run(parse_batch(body, CompanyBody, lambda parsed: to_ask(parsed, now))):
            answer = item if isinstance(item, Refusal) else self.apply(item)
            results.append(problem_body(answer) if isinstance(answer, Refusal) else answer)
        content = msgspec.json.encode({"results": results})
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def apply(self, command: Ask) -> Any:
        state = self.states.get(command.key) or initial(command.key)
        decision = decided(SERVICE, state, to_message(command, 0, "", ""))
        self.states[command.key] = decision.state
        return decision.answer if isinstance(decision.answer, Refusal) else msgspec.to_builtins(decision.answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name of the base class
        pass


@pytest.fixture
def door() -> Iterator[str]:
    Door.states.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"companies=http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(*arguments: str) -> Any:
    return RUNNER.invoke(app, ["import", *arguments])


def test_the_sample_files_say_who_is_an_sme_and_why(door: str, samples: Path) -> None:
    files = [str(samples / "StockUniteLegale_sample.csv"), str(samples / "StockEtablissement_sample.csv")]
    result = run("sirene", files[0], "--etablissements", files[1], "--http", door, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["read"] == 34
    assert told["imported"] + told["refused"] == 34
    assert sum(told["classes"].values()) == told["imported"] == len(told["companies"])
    assert all(company["sme_reasons"] for company in told["companies"] if company["sme_category"] == "hors_pme")
    again = run("sirene", files[0], "--etablissements", files[1], "--http", door)
    assert again.exit_code == 0
    assert "inchangee" in again.stdout


@pytest.mark.parametrize("name", ["recherche-entreprises.json", "insee-siret.json", "insee-sirets-many.json"])
def test_saved_answers_of_the_public_apis(door: str, samples: Path, name: str) -> None:
    result = run("api", str(samples / name), "--http", door, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["imported"] > 0


HEADER = (
    "siren,statutDiffusionUniteLegale,dateCreationUniteLegale,trancheEffectifsUniteLegale,"
    "dateDernierTraitementUniteLegale,categorieEntreprise,etatAdministratifUniteLegale,denominationUniteLegale,"
    "categorieJuridiqueUniteLegale,activitePrincipaleUniteLegale,nomenclatureActivitePrincipaleUniteLegale,"
    "nicSiegeUniteLegale"
)
GOOD = "732829320,O,2001-01-01,03,2025-12-06T10:36:42,PME,A,ATELIER,5499,62.01Z,NAFRev2,00074"
BAD = GOOD.replace("732829320", "732829321")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_each_refused_line_is_in_the_report(door: str, tmp_path: Path, suffix: str) -> None:
    file, report = tmp_path / "unites.csv", tmp_path / f"refus.{suffix}"
    file.write_text(f"{HEADER}\n{GOOD}\n{BAD}\ntrop,court", "utf-8")
    result = run("sirene", str(file), "--report", str(report), "--http", door)
    assert result.exit_code == 0, result.output
    assert "1 inscrites" in result.stdout
    assert "2 refusées" in result.stdout
    if suffix == "csv":
        with report.open(encoding="utf-8", newline="") as lines:
            refused = list(csv.DictReader(lines, ("file", "line", "identifier", "field", "reason"), delimiter=";"))[1:]
    else:
        refused = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    assert [int(line["line"]) for line in refused] == [3, 4]
    assert refused[0]["field"] == "siren"
    assert all(line["reason"] for line in refused)


@pytest.mark.parametrize(
    ("column", "right", "wrong", "reason"),
    [
        ("categorieJuridiqueUniteLegale", ",5499,", ",54,", "catégorie juridique à 4 chiffres"),
        ("activitePrincipaleUniteLegale", ",62.01Z,", ",62,", "code NAF attendu"),
        ("trancheEffectifsUniteLegale", ",03,", ",99,", "valeurs possibles: NN, 00"),
        ("categorieEntreprise", ",PME,", ",TPE,", "valeurs possibles: PME, ETI, GE"),
        ("trancheEffectifsUniteLegale", ",03,", f",{'9' * 30},", ""),
    ],
)
def test_what_the_register_refuses_is_told_in_the_words_of_the_file(
    door: str, tmp_path: Path, column: str, right: str, wrong: str, reason: str
) -> None:
    file = tmp_path / "unites.csv"
    file.write_text(f"{HEADER}\n{GOOD}\n{GOOD.replace(right, wrong)}", "utf-8")
    result = run("sirene", str(file), "--http", door, "--json")
    assert result.exit_code == 0, result.output
    (refused,) = json.loads(result.stdout)["refusals"]
    assert (refused["file"], refused["line"], refused["identifier"], refused["field"]) == (
        "unites.csv",
        3,
        "732829320",
        column,
    )
    assert refused["reason"].startswith(reason)
    assert refused["reason"]


def test_nothing_imported_is_status_1(door: str, tmp_path: Path) -> None:
    file = tmp_path / "unites.csv"
    file.write_text(f"{HEADER}\n{BAD}", "utf-8")
    assert run("sirene", str(file), "--http", door).exit_code == 1


@pytest.mark.parametrize("content", ["", "a;b;c\n1;2;3\n", "\xff\xfe"])
def test_a_file_of_another_kind_is_refused_at_once(door: str, tmp_path: Path, content: str) -> None:
    file = tmp_path / "unites.csv"
    file.write_text(content, "latin-1")
    result = run("sirene", str(file), "--http", door)
    assert result.exit_code == 1
    assert "unites.csv" in result.output
    assert run("sirene", str(tmp_path / "absent.csv"), "--http", door).exit_code == 1
