"""`up`, `status`, `scale`, `down`, `doctor`, `version` when nothing runs: what they say and how they end."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from croissance.main import app
from embedded.jars import KAFKA_VERSION, kafka_home

RUNNER = CliRunner()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CROISSANCE_CACHE", str(tmp_path / "cache"))
    return str(tmp_path / "data")


def test_version_names_the_engines() -> None:
    result = RUNNER.invoke(app, ["version"])
    assert result.exit_code == 0
    assert f"Kafka {KAFKA_VERSION}" in result.stdout
    assert "PostgreSQL" in result.stdout


def test_status_of_nothing_is_status_1_and_valid_json(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN"):
        monkeypatch.delenv(name, raising=False)
    result = RUNNER.invoke(app, ["status", "--data", data, "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"status": "down", "data": data}


def test_down_of_nothing_is_no_failure(data: str) -> None:
    result = RUNNER.invoke(app, ["down", "--data", data])
    assert result.exit_code == 0
    assert "Rien ne tourne" in result.stderr


def test_scale_of_nothing_says_what_to_do(data: str) -> None:
    result = RUNNER.invoke(app, ["scale", "matching=2", "--data", data])
    assert result.exit_code == 1
    assert "croissance up" in result.stderr


@pytest.mark.parametrize(
    "target", ["matching", "matching=0", "matching=13", "matching=x", "matching=²", "matching=1e1", "nobody=2"]
)
def test_a_wrong_target_is_status_2_and_names_the_services(data: str, target: str) -> None:
    for command in (["scale", target], ["up", "--scale", target]):
        result = RUNNER.invoke(app, [*command, "--data", data])
        assert result.exit_code == 2
        assert "diagnostic" in result.stderr


def test_doctor_finds_nothing_wrong_here(data: str) -> None:
    result = RUNNER.invoke(app, ["doctor", "--data", data, "--json"])
    checks = {check["check"]: check for check in json.loads(result.stdout)}
    assert checks[f"Kafka {KAFKA_VERSION}"]["seen"].startswith("à télécharger")
    assert checks["Système"]["seen"] == "ne tourne pas"
    assert {"Python", "Disque libre", "Mémoire libre", "Ports", "Services"} <= checks.keys()


def test_doctor_sees_an_altered_jar_and_says_how_to_mend_it(data: str) -> None:
    folder = kafka_home() / "jars"
    folder.mkdir(parents=True)
    (folder / "stray.jar").write_bytes(b"")
    result = RUNNER.invoke(app, ["doctor", "--data", data])
    assert result.exit_code == 1
    assert "manque" in result.stderr
    assert "Supprimez" in result.stderr


def test_doctor_sees_an_unreadable_file_of_ports(data: str) -> None:
    Path(data).mkdir()
    (Path(data) / "ports.json").write_text("{", "utf-8")
    result = RUNNER.invoke(app, ["doctor", "--data", data, "--json"])
    ports = next(check for check in json.loads(result.stdout) if check["check"] == "Ports")
    assert result.exit_code == 1
    assert "nouveaux ports" in ports["mend"]
