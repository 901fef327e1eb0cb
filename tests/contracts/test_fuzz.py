"""Requests that schemathesis makes up from the OpenAPI document, against each service as it runs, on the real database.

Good ones take the bodies that people send, or made-up ones that fit the document; bad ones break it in one place. No
status that the document does not name, nothing of 5xx, no violation that is taken for good.

`FUZZ_CASES=500` tries more; `FUZZ_REPORT=file` says how many of which status there were.
"""

import asyncio
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from common.http.connections import Connection
from common.process.app import App, installed_apps
from common.process.main import doors_of
from common.testing.database import service_context
from croissance.directors import participant
from croissance.population import Population
from embedded.ports import free_port

from .test_texts_at_doors import BODIES

pytestmark = pytest.mark.stack

APPS = installed_apps()
CASES = int(os.environ.get("FUZZ_CASES", "8"))
"""Good and bad requests a door."""

PEOPLE = [participant(company) for company in Population(17).draw(0, 40)]
SIRENS = st.sampled_from([who.siren for who in PEOPLE])

TOLERATED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
)
FOR_ALL = CHECKS.get_by_names(list(NAMES))
FOR_BATCHES = CHECKS.get_by_names(list(NAMES[:-1]))
"""A batch answers 200 and refuses its items one by one."""

FOLLOWING: dict[str, st.SearchStrategy[str]] = {
    "siren": SIRENS,
    "siret": st.sampled_from([json.loads(who.registration)["siret"] for who in PEOPLE]),
    "naf": st.sampled_from(sorted({json.loads(who.registration)["naf"] for who in PEOPLE})),
    "nomenclature-naf": st.just("NAFRev2"),
    "categorie-juridique": st.sampled_from(["1000", "5202", "5498", "5499", "5710", "9220"]),
    "tranche-effectif": st.sampled_from(["NN", "00", "01", "03", "11", "12", "21", "32", "53"]),
    "categorie-entreprise": st.sampled_from(["PME", "ETI", "GE"]),
    "commune": st.sampled_from(["97411", *sorted({json.loads(who.registration)["commune"] for who in PEOPLE})]),
    "code-postal": st.sampled_from(["01000", "20090", "69003", "75002", "97400"]),
    "departement": st.sampled_from(["01", "2A", "69", "75", "974"]),
}
"""What follows INSEE's lists, by the `format` that names it in the documents (`france.fields`)."""

KNOWN = ("date", "date-time", "uuid", "uri")
"""Formats of JSON Schema. For any other a text is made up, which a door refuses though its document allows it."""

for name, codes in FOLLOWING.items():
    schemathesis.openapi.format(name, codes)


@contextmanager
def served(app: App) -> Generator[str]:
    """The service at an address of its own, in a thread."""
    port, ready, ended = free_port(), threading.Event(), threading.Event()
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with service_context(app) as context:
            config = uvicorn.Config(doors_of(app, context), port=port, http=Connection, lifespan="off", log_config=None)
            server.append(uvicorn.Server(config))
            serving = asyncio.create_task(server[0].serve())
            while not server[0].started:  # noqa: ASYNC110  it signals it in no other way
                await asyncio.sleep(0.01)
            ready.set()
            await serving

    def main() -> None:
        try:
            asyncio.run(serve())
        finally:
            ended.set()
            ready.set()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        assert ready.wait(60)
        assert not ended.is_set(), "the service did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        for each in server:
            each.should_exit = True
        thread.join(60)


@pytest.mark.parametrize("name", sorted(APPS))
def test_a_service_answers_what_its_document_says(name: str) -> None:
    tally: Counter[tuple[str, int]] = Counter()
    keys = count()
    with served(APPS[name]) as url, httpx.Client(base_url=url) as client:
        described = client.get("/openapi.json")
        assert set(re.findall(r'"format":"([^"]+)"', described.text)) <= {*FOLLOWING, *KNOWN}
        schema = schemathesis.openapi.from_dict(described.json())

        def try_out(operation: Any, mode: GenerationMode) -> None:
            make = BODIES[name].get((operation.method.lower(), operation.path))
            many = operation.path.endswith(":batch")

            @seed(7)
            @settings(
                max_examples=CASES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=TOLERATED,
            )
            @given(operation.as_strategy(generation_mode=mode), st.sampled_from(PEOPLE), st.integers(0, 3))
            def request(case: Any, who: Any, usual: int) -> None:
                if mode is GenerationMode.POSITIVE and make is not None and usual:
                    case.body = [make(who)] if many else make(who)
                if case.headers and "Idempotency-Key" in case.headers and mode is GenerationMode.POSITIVE:
                    case.headers["Idempotency-Key"] = f"{next(keys)}"
                response = case.call(base_url=url)
                tally[mode.value, response.status_code] += 1
                if mode is GenerationMode.NEGATIVE and response.status_code in {404, 405}:
                    return  # a broken address is no door, or another one
                case.validate_response(response, checks=FOR_BATCHES if many else FOR_ALL)

            with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):  # where nothing can be broken
                request()

        for found in schema.get_all_operations():
            operation: Any = found.ok() if isinstance(found, Ok) else pytest.fail(str(found.err()))
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                try_out(operation, mode)
    if report := os.environ.get("FUZZ_REPORT"):
        with Path(report).open("a", encoding="utf-8") as written:
            written.write(f"{name} {dict(sorted(tally.items()))}\n")
    good = sum(number for (mode, _), number in tally.items() if mode == "positive")
    assert good >= CASES
    refused = tally["positive", 422]
    assert refused < good / 2, f"most good requests are refused: {tally}"
