"""`croissance audit` as people read it, and how it ends."""

import pytest
from typer.testing import CliRunner

from croissance.audit import UNREACHABLE, line, show
from croissance.main import app
from croissance.proof.findings import Findings


def test_what_is_wrong_is_shown_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings(pending=2, held=1)
    findings.checked["events"] = 1500
    findings.fault("lost", "labels", "l’événement 7 n’a pas eu d’effet", 3)
    findings.fault("over_cap", "cohorte 2026", "5 001 labels pour 5 000 places")
    findings.notes.append("une note")

    show(findings, 1.25)

    told = capsys.readouterr()
    assert told.out.startswith(
        "Audit ✘ 3 perdu, 0 doublé, 0 désordonné, 0 trou, 0 centime de trop, "
        "1 labels au-delà du plafond de la cohorte, 2 en cours, 1 mis de côté — 1\u202f500 événements vérifiés en 1.2 s"
    )
    assert "l’événement 7 n’a pas eu d’effet" in told.out
    assert "Note: une note" in told.err


def test_nothing_wrong_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(Findings(), 0.5)
    assert capsys.readouterr().out == line(Findings(), 0.5) + "\n"
    assert line(Findings(), 0.5).startswith("Audit ✔ 0 perdu")


def test_a_database_that_cannot_be_read_proves_nothing() -> None:
    nowhere = ["--bootstrap", "127.0.0.1:1", "--dsn", "postgresql://nobody@127.0.0.1:1/nowhere"]
    result = CliRunner().invoke(app, ["audit", *nowhere, "--wait", "0"])
    assert result.exit_code == UNREACHABLE
    assert "courtier ou base injoignable" in result.stderr
