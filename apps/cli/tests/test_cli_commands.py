"""What the small commands decide before they touch a system: options, filters, words."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from croissance import events
from croissance.addresses import doors_of, of_state
from croissance.dlq import parse_letters
from croissance.events import Filter, start_of
from croissance.journey import describe
from croissance.main import app
from croissance.output import euros

RUNNER = CliRunner()
COMMANDS = [
    ["--help"],
    ["demo", "--help"],
    ["audit", "--help"],
    ["import", "sirene", "--help"],
    ["import", "api", "--help"],
    ["events", "tail", "--help"],
    ["dlq", "list", "--help"],
    ["dlq", "show", "--help"],
    ["dlq", "replay", "--help"],
    ["dlq", "drop", "--help"],
    ["outbox", "status", "--help"],
    ["outbox", "republish", "--help"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches(command: list[str]) -> None:
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 0
    if len(command) > 1:
        assert "Exemple" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ["dlq", "drop", "matching/1"],
        ["dlq", "drop", "matching", "--yes"],
        ["dlq", "replay"],
        ["dlq", "replay", "matching/1", "--all"],
        ["dlq", "show", "matching"],
        ["events", "tail", "--from", "hier"],
        ["import", "sirene", "absent.csv", "--report", "refus.txt"],
        ["import", "sirene", "absent.csv", "--http", "companies"],
        ["demo", "--companies", "0"],
        ["outbox", "republish", "croissance.diagnostic.v1", "4"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CROISSANCE_DATABASE__DSN", "postgresql://a@127.0.0.1:1/b")
    monkeypatch.setenv("CROISSANCE_DATA", str(tmp_path))
    assert RUNNER.invoke(app, command).exit_code == 2


def test_nothing_running_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN"):
        monkeypatch.delenv(name, raising=False)
    result = RUNNER.invoke(app, ["outbox", "status", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "croissance up" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ["demo", "--sirene", "absent.csv"],
        ["import", "sirene", "absent.csv", "--http", "companies=http://127.0.0.1:1"],
        ["import", "api", "absent.json", "--http", "companies=http://127.0.0.1:1"],
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_read_is_said_before_anything_starts(command: list[str], tmp_path: Path) -> None:
    result = RUNNER.invoke(app, [*command, "--data", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "absent." in result.stderr
    assert not (tmp_path / "data").exists()


def test_letters_are_named_by_service_and_number() -> None:
    assert parse_letters(["matching/12", "labels/3", "matching/15"]) == {"matching": [12, 15], "labels": [3]}


@pytest.mark.parametrize("letter", ["12", "matching/", "matching/²", "matching/-1", "matching/99999999999999999999"])
def test_a_letter_that_cannot_be_one_is_refused(letter: str) -> None:
    with pytest.raises(typer.BadParameter, match="SERVICE/NUMÉRO"):
        parse_letters([letter])


def test_where_to_start() -> None:
    assert start_of("beginning") == "beginning"
    assert start_of("1970-01-01T00:00:01") == 1000
    assert start_of("1970-01-01T01:00:01+01:00") == 1000
    with pytest.raises(typer.BadParameter):
        start_of("demain")


def test_filters_combine() -> None:
    headers = {"ce_region": "84"}
    assert Filter().keeps("LabelGranted", headers, "111")
    assert Filter(frozenset({"LabelGranted"}), "84", "111").keeps("LabelGranted", headers, "111")
    assert not Filter(frozenset({"LabelRefused"})).keeps("LabelGranted", headers, "111")
    assert not Filter(region="11").keeps("LabelGranted", headers, "111")
    assert not Filter(siren="222").keeps("LabelGranted", headers, "111")


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize("value", [b'{"siren": "111"}', b"\xff not json", DEEP, DEEP[:9_000], None])
def test_any_record_can_be_shown(value: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    headers = [("ce_type", b"fr.croissanceconnectee.labels.LabelGranted"), ("ce_sequence", None)]
    record: Any = SimpleNamespace(
        topic="croissance.labels.v1", partition=3, offset=7, key=None, value=value, headers=headers
    )
    assert events.show_record(record, Filter(), as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["type"], shown["topic"], shown["offset"]) == ("LabelGranted", "croissance.labels.v1", 7)
    assert events.show_record(record, Filter(), as_json=False)


def test_one_company_is_in_one_partition_of_each_topic() -> None:
    topics = {"croissance.labels.v1", "croissance.diagnostic.v1", "croissance.labels.dead-letter.v1", "other"}
    assert len(events.places_of(topics, "", "732829320")) == 2
    assert len(events.places_of(topics, "", "")) == 24
    assert events.places_of(topics, "test.", "") == []


def test_addresses_of_a_running_system() -> None:
    state = {
        "bootstrap_servers": "b:1",
        "dsn": "d",
        "inbox": "/inbox",
        "services": {"labels": {"instances": [{"http_url": "http://a"}, {"http_url": "http://b"}]}},
    }
    here = of_state(state)
    assert (here.bootstrap, here.dsn, here.doors) == ("b:1", "d", {"labels": ("http://a", "http://b")})
    assert doors_of(["labels=http://a/", "labels=http://b"]) == {"labels": ("http://a", "http://b")}
    with pytest.raises(typer.BadParameter):
        doors_of(["labels"])


def test_french_numbers() -> None:
    assert (euros(123456), euros(-5)) == ("1\u202f234,56 €", "-0,05 €")


def test_events_are_told_in_words() -> None:
    assert describe("VoucherWaitlisted", {"position": 3}) == "place 3"
    assert describe("LabelApplied", {}) == ""
