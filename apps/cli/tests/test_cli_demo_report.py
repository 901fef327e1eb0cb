"""The result of a demonstration, as a document and as people read it."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from croissance.campaign_tally import Tally
from croissance.demo_report import Result, document, known, show
from croissance.journey import Moment


@pytest.fixture
def result() -> Result:
    """Of 1,000 companies 400 were there already; one region has no diagnosis."""
    tally = Tally()
    tally.companies = 1000
    step = tally.steps["registrations"]
    step.done, step.began, step.ended = 1000, 10.0, 12.0
    step.outcomes.update({"micro": 700, "petite": 299, "refusée": 1})
    tally.region("84").update(
        {"companies": 990, "diagnostics": 4, "points": 2500, "label attribue": 3, "granted_cents": 123_456}
    )
    tally.region("")["companies"] = 10
    tally.refuse("inscription 123456782: naf inconnu")
    accounts = {"engage": 1_000_000, "disponible": 9_000_000}
    return Result(
        tally,
        events={"CompanyRegistered": 600, "LabelGranted": 3},
        seconds=4.0,
        mail_seconds=1.5,
        retries=2,
        mails=42,
        budget={"accounts": accounts, "total_cents": 10_000_000, "waiting": 7},
        labels={"year": 2026, "granted": 3, "cap": 5000, "waiting": 1},
        timeline=[Moment(datetime(2026, 11, 23, 8, 1, 2, 345678, UTC), "LabelGranted", "n° 3 de la cohorte 2026")],
        siren="732829320",
    )


def test_the_document_has_every_figure(result: Result) -> None:
    told = document(result)

    assert (told["companies"], told["already_known"], told["companies_per_second"]) == (1000, 400, 250.0)
    assert told["steps"]["registrations"] == {  # pyright: ignore[reportIndexIssue]
        "count": 1000,
        "per_second": 500.0,
        "outcomes": {"micro": 700, "petite": 299, "refusée": 1},
    }
    assert told["regions"] == {"": Counter(companies=10), "84": result.tally.regions["84"]}
    assert told["budget"] == {"accounts": result.budget["accounts"], "waiting": 7}
    assert told["refused_items"] == ["inscription 123456782: naf inconnu"]
    assert told["timeline"]["siren"] == "732829320"  # pyright: ignore[reportIndexIssue]
    assert told["audit"]["ok"] is True  # pyright: ignore[reportIndexIssue]


def test_people_read_steps_regions_money_and_a_story(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    show(result)

    told = capsys.readouterr()
    for words in (
        "700 micro, 299 petites, 1 refusée",
        "Auvergne-Rhône-Alpes",
        "62.5",
        "1\u202f234,56 €",
        "(inconnue)",
        "10\u202f000,00 € accordés, 90\u202f000,00 € disponibles sur 100\u202f000,00 €; 7 dossiers en attente.",
        "Labels 2026: 3 attribués sur 5\u202f000, 1 en liste d’attente.",
        "Courriels reçus dans la boîte: 42.",
        "L’histoire de l’entreprise 732829320",
        "08:01:02.345",
        "400 de ces entreprises étaient déjà là: les mêmes demandes n’ont rien doublé.",
        "1\u202f000 entreprises, 603 événements en 4.0 s: 250 entreprises par seconde",
    ):
        assert words in told.out
    assert "Refus inattendu: inscription 123456782: naf inconnu" in told.err


def test_a_run_that_came_to_nothing_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = Result(Tally())

    show(nothing)

    told = capsys.readouterr()
    assert "0 entreprises, 0 événements en 0.0 s: 0 entreprises par seconde" in told.out
    assert not [word for word in ("Labels 2", "Chèques numériques:", "Courriels reçus", "histoire") if word in told.out]
    assert (known(nothing), document(nothing)["companies_per_second"], told.err) == (0, 0.0, "")
