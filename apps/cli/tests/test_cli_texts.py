"""What people read of records, keys and reasons is what these hold: no markup, no order to a terminal, no new line."""

import ast
import json
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

import croissance
from common.postgres.recovery import Fact
from croissance import events, recover, status
from croissance.console import fail, people, print_json, say
from croissance.events import Filter
from croissance.output import json_text, one_line, out, visible

HOSTILE = "[/x] [red] :skull: \x1b[2J\x1b]0;pwned\x07 \r\x7f\x9b \u202egnp"
"""Markup that does not close, a colour, a smiley's name, orders to a terminal, one that turns the reading around."""

TOLD = "[/x] [red] :skull: \\x1b[2J\\x1b]0;pwned\\x07 \\r\\x7f\\x9b \\u202egnp"


def harmless(text: str) -> bool:
    """Whether a terminal shows every character of a text and obeys none, but for the end of a line."""
    return all(each == "\n" or unicodedata.category(each)[0] != "C" for each in text)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are not folded."""
    for console in (out, people):
        monkeypatch.setattr(console, "_width", 400)


def fact(key: str) -> Fact:
    return Fact("croissance.labels.v1", 3, 7, "id", key, HOSTILE, "cause", "open")


def test_a_table_and_its_titles_show_what_they_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    out.print(table)
    shown = capsys.readouterr().out
    assert (shown.count(TOLD), harmless(shown)) == (4, True)


@pytest.mark.parametrize("speak", [say, out.print, fail], ids=["say", "print", "fail"])
def test_a_sentence_shows_what_it_is_given(speak: Any, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        speak(HOSTILE)
    except typer.Exit:
        assert speak is fail
    shown = "".join(capsys.readouterr())
    assert TOLD in shown
    assert harmless(shown)


def test_recover_names_companies_as_kafka_does(capsys: pytest.CaptureFixture[str]) -> None:
    recover.show_waiting({"labels": [fact(HOSTILE)]}, 0)
    shown = capsys.readouterr().out
    assert (shown.count(TOLD), harmless(shown)) == (2, True)


def test_status_tells_a_problem_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    instance = {"instance": "labels-1", "http_url": "http://a", "pid": 1, "restarts": 0, "problems": [HOSTILE]}
    state = dict.fromkeys(("bootstrap_servers", "dsn", "smtp_url", "mails", "inbox"), "-")
    status.show(state | {"problems": [HOSTILE + "\n✘ invented"], "services": {"labels": {"instances": [instance]}}})
    shown = capsys.readouterr().out
    assert (shown.count(TOLD), harmless(shown)) == (2, True)
    assert not any(line.startswith("✘ invented") for line in shown.splitlines())


def record(value: bytes) -> Any:
    headers = [("ce_type", f"fr.croissanceconnectee.labels.{HOSTILE}".encode()), ("ce_time", b"T\n\x1b" * 9)]
    place = {"topic": "croissance.labels.v1", "partition": 3, "offset": 7}
    return SimpleNamespace(**place, key=HOSTILE.encode(), value=value, headers=headers)


def test_the_tail_has_one_line_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    assert events.show_record(record(b"1\n23:59:59 labels LabelGranted\x1b[1A"), Filter(), as_json=False)
    shown = capsys.readouterr().out
    assert (shown.count("\n"), shown.count(TOLD), harmless(shown)) == (1, 2, True)


@pytest.mark.parametrize(
    "value", ['{"a": "\\ud800"}', '{"a": NaN}', "[1e999]", json.dumps(HOSTILE), HOSTILE, "1" * 5000]
)
def test_the_tail_in_json_is_json(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert events.show_record(record(value.encode()), Filter(), as_json=True)
    line = capsys.readouterr().out
    line.encode()
    document = json.loads(line, parse_constant=pytest.fail)
    assert harmless(line)
    assert document["key"] == HOSTILE
    assert document["data"] in (value, HOSTILE, {"a": "\ud800"})


@given(st.text(st.characters()))
def test_any_text_is_harmless_and_in_json_the_same(text: str) -> None:
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in one_line(text))
    assert visible(visible(text)) == visible(text)
    assert json.loads(json_text({text: [text]}, indent=2)) == {text: [text]}


def test_french_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = "L’œuvre d’Éloïse : 1\u202f234,56\xa0€ — « ça » 🙂"
    assert one_line(text) == text
    print_json([text])
    assert text in capsys.readouterr().out


def test_no_module_opens_a_console_of_its_own() -> None:
    folder = Path(croissance.__file__).parent
    opened = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in ("rich", "rich.console", "rich.markup")
    ]
    assert opened == ["output.py"]
