"""One company from the door to its mail, as a collector of traces sees it: one tree over all services."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from common.testing.otlp import Collector, Span, collecting
from croissance.main import app
from croissance.population import Population
from embedded.state import state_of

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # that is what detached means
]
RUNNER = CliRunner()
SIREN = "732829320"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REGISTERED = "1" * 32
"""The trace of its registration, before."""
PATIENCE = 120
"""Seconds that the mail may take."""


def croissance(*arguments: str, **settings: str) -> None:
    names: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("CROISSANCE_") and "CACHE" not in name
    }
    done = RUNNER.invoke(app, arguments, env=names | settings)
    assert done.exit_code == 0, (done.stderr[-3000:], done.exception)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def doors(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running system whose every chain is traced, stopped at the end: the address of each service."""
    folder: Path = tmp_path_factory.mktemp("traces")
    croissance(
        *("up", "--detach", "--data", str(folder)),
        CROISSANCE_TELEMETRY__SAMPLE_RATIO="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="200",
        NO_PROXY="127.0.0.1",
    )
    state = state_of(folder)
    assert state is not None
    yield {name: service["instances"][0]["http_url"] for name, service in state["services"].items()}
    croissance("down", "--data", str(folder))


def of_trace(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span.trace == TRACE]


def complete(spans: list[Span]) -> bool:
    """Whether the mail left, what is told of it was heard, and nothing is missing between."""
    ours = of_trace(spans)
    ids = {span.id for span in ours} | {CALLER}
    mailed = {span.id for span in ours if span.name == "send mail"}
    recorded = [span for span in ours if span.parent in mailed]
    return bool(recorded) and all(span.parent in ids for span in ours)


def test_a_company_is_one_tree_from_the_door_to_its_mail(collector: Collector, doors: dict[str, str]) -> None:
    company = next(iter(Population(1).draw(0, 1)))
    answers: Any = msgspec.json.decode(company.answers)
    contact = {"email": "camille@exemple.fr", "name": "Camille Martin", "channels": ["email"]}
    with httpx.Client(timeout=30, trust_env=False) as client:
        known = client.post(
            f"{doors['companies']}/v1/companies",
            json={
                "siret": "73282932000074",
                "name": "Exemple",
                "naf": "62.01Z",
                "legal_form": "5710",
                "commune": "75102",
            },
            headers={"traceparent": f"00-{REGISTERED}-{CALLER}-00"},
        )
        assert known.is_success, known.text
        collector.until(
            lambda spans: ("croissance-diagnostic", REGISTERED) in {s[:1] + s[3:4] for s in spans}, PATIENCE
        )
        wanted = client.put(f"{doors['notifications']}/v1/contacts/{SIREN}", json=contact)
        assert wanted.is_success, wanted.text
        asked = client.post(
            f"{doors['diagnostic']}/v1/diagnostics:submit",
            json={"siren": SIREN, "answers": answers},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-00"},
        )
        assert asked.is_success, asked.text

    ours = of_trace(collector.until(complete, PATIENCE))

    by_id = {span.id: span for span in ours}
    mail = next(span for span in ours if span.name == "send mail")
    path = [mail]
    while path[-1].parent in by_id:
        path.append(by_id[path[-1].parent])
    assert path[-1].parent == CALLER
    names = [span.name for span in reversed(path)]
    assert names[0] == "POST /v1/diagnostics:submit"
    assert [name.split()[0] for name in names[1:3]] == ["create", "process"]
    assert [span.service for span in (path[-1], mail)] == ["croissance-diagnostic", "croissance-notifications"]
    assert [span for span in ours if span.parent not in by_id and span.parent != CALLER] == []
    assert {span.name for span in ours if span.parent == mail.id} == {"create croissance.notifications.v1"}
    assert {"croissance-matching", "croissance-labels", "croissance-vouchers"} <= {span.service for span in ours}
    assert [span.name for span in ours if SIREN in span.name] == []
