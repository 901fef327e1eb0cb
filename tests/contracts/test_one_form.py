"""At every door a value has one form: a truth or a text is no amount, a number is no day, and days are plausible."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from croissance.directors import participant
from croissance.population import Population

from .test_texts_at_doors import BODIES, Door, Service, service

__all__ = ["service"]

pytestmark = pytest.mark.stack

FREE = {"answers"}
"""What stands there is judged by the questionnaire, not by its form."""

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXTRA: dict[tuple[str, str], dict[str, Any]] = {
    ("companies", "/v1/companies"): {
        "observed_at": "2026-11-23T09:00:00Z",
        "figures": {"headcount": 12.5, "turnover_cents": 1, "balance_sheet_cents": 1, "public_share_percent": 0.5},
    },
    ("matching", "/v1/connecteurs"): {
        "capacity_30d": 3,
        "absences": [{"start": "2026-12-01", "end": "2026-12-31"}],
        "filters": {"effectif_min": 1, "anciennete_max": 12, "naf_in": ["62"], "communes_out": ["69123"]},
        "quality": {"done": 1, "matches": 2, "median_days": 3.5},
        "siren": "732829320",
    },
    ("notifications", "/v1/contacts"): {"subscribed": True},
}
"""Fields beside those that people usually send."""


def other_forms(value: Any) -> list[Any]:
    """What says the same in another form, and what could be taken for it."""
    if isinstance(value, bool):
        return ["true", "oui", 1, int(value)]
    if isinstance(value, int | float):
        return [str(value), True, f"{value}e0", [value]]
    if isinstance(value, str) and DAY.match(value):
        return [0, 1_700_000_000, "1700000000", "0", True, value.replace("-", ""), "٢٠٢٦-٠١-٠١", "0001-01-01"]
    return [1, True, [value]]


def spoilt(value: Any) -> Iterator[Any]:
    """The body with one value in another form."""

    def places(holder: dict[str, Any] | list[Any]) -> Iterator[tuple[Any, Any]]:
        inside: list[tuple[Any, Any]] = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        for name, each in inside:
            if isinstance(each, dict | list):
                if name not in FREE:
                    yield from places(each)
            else:
                yield holder, name

    changed = copy.deepcopy(value)
    for holder, name in places(changed):
        right = holder[name]
        if right is None:
            continue
        for wrong in other_forms(right):
            holder[name] = wrong
            yield copy.deepcopy(changed)
        holder[name] = right


async def test_a_value_in_another_form_is_refused_alone_and_in_a_batch(service: Service) -> None:
    who = participant(next(iter(Population(11).draw(0, 1))))
    tried = 0
    for (method, path), make in BODIES[service.name].items():
        body = {**make(who), **EXTRA.get((service.name, re.split(r"[:/]\{|:batch", path)[0]), {})}
        wrong = list(spoilt(body))
        at = Door(method, path, ()).address(siren=who.siren, connector_id=str(body.get("id", "desk-1")))
        if path.endswith(":batch"):
            results = []
            for start in range(0, len(wrong), 1000):
                results += (await service.client.request(method, at, json=wrong[start : start + 1000])).json()[
                    "results"
                ]
        else:
            results = [(await service.client.request(method, at, json=each)).json() for each in wrong]
        for each, answer in zip(wrong, results, strict=True):
            assert answer.get("status") == 422, (path, json.dumps(each), answer)
            assert answer["field"], (path, answer)
        tried += len(wrong)
    assert tried > 15


IMPLAUSIBLE: list[tuple[str, str, dict[str, Any], str]] = [
    ("companies", "/v1/companies", {"created_on": "1599-12-31"}, "created_on"),
    ("companies", "/v1/companies", {"created_on": "2099-01-01"}, "created_on"),
    ("companies", "/v1/companies", {"observed_at": "0001-01-01T00:00:00Z"}, "observed_at"),
    ("labels", "/v1/applications", {"signature": {"signed": True, "signed_on": "0001-01-01"}}, "signature.signed_on"),
    ("labels", "/v1/applications", {"signature": {"signed": True, "signed_on": "1999-11-10"}}, "signature.signed_on"),
    ("labels", "/v1/applications", {"signature": {"signed": True, "signed_on": "2025-12-31"}}, "signature.signed_on"),
    ("matching", "/v1/connecteurs", {"absences": [{"start": "0001-01-01", "end": "2026-01-01"}]}, "absences[0].start"),
    ("matching", "/v1/connecteurs", {"absences": [{"start": "2026-01-01", "end": "9999-12-31"}]}, "absences[0].end"),
    ("vouchers", "/v1/vouchers", {"lines": [{"ordered_on": "1999-01-01"}]}, "lines[0].ordered_on"),
    ("vouchers", "/v1/vouchers", {"lines": [{"ordered_on": "9999-12-31"}]}, "lines[0].ordered_on"),
    ("vouchers", "/v1/vouchers", {"lines": [{"ordered_on": "2026-W47-1"}]}, "lines[0].ordered_on"),
]


async def test_a_day_that_cannot_be_is_refused_alone_and_in_a_batch(service: Service) -> None:
    who = participant(next(iter(Population(12).draw(0, 1))))
    for name, path, change, field in IMPLAUSIBLE:
        if name != service.name:
            continue
        for method, door in BODIES[name]:
            if door not in {path, f"{path}:batch", f"{path}/{{connector_id}}"}:
                continue
            body = copy.deepcopy(BODIES[name][method, door](who))
            if "lines" in change:
                body["lines"][0].update(change["lines"][0])
            else:
                body.update(change)
            many = door.endswith(":batch")
            at = Door(method, door, ()).address(connector_id=str(body.get("id", "desk-1")))
            answer = (await service.client.request(method, at, json=[body] if many else body)).json()
            told = answer["results"][0] if many else answer
            assert (told["status"], told["field"]) == (422, f"[0].{field}" if many else field), told
