"""`python -m embedded COMMAND`: a command that finds a broker and a database, and ends with its own code."""

import sys
from pathlib import Path

import pytest

from embedded import __main__ as command
from embedded import postgres
from embedded.stack import BOOTSTRAP, DSN, SMTP

PARTS = {BOOTSTRAP: "127.0.0.1:1", DSN: "postgresql://nobody@127.0.0.1:1/nowhere", SMTP: "smtp://127.0.0.1:1"}


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own parts: nothing has to be started."""
    for name, value in PARTS.items():
        monkeypatch.setenv(name, value)


def test_the_command_has_the_addresses_and_its_code_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"import os, sys; sys.exit(7 if os.environ[{DSN!r}] == {PARTS[DSN]!r} else 1)"
    monkeypatch.setattr(sys, "argv", ["embedded", sys.executable, "-c", program])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 7


def test_without_a_command_the_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["embedded"])
    with pytest.raises(SystemExit, match=r"usage: python -m embedded COMMAND"):
        command.main()


def test_what_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "initdb"
    program.write_text("#!/bin/sh\necho no space left\nexit 1\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(postgres, "BIN", tmp_path)
    monkeypatch.delenv(DSN)
    monkeypatch.setattr(sys, "argv", ["embedded", sys.executable, "-c", ""])
    with pytest.raises(SystemExit, match=r"cannot start: PostgreSQL ne peut pas créer .*no space left"):
        command.main()
