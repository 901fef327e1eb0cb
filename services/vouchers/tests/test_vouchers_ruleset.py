"""The rule sets of an envelope as rows give them: which are refused, with every fault, and in what order they stand."""

import json
from typing import Any

import pytest

from common.declare.errors import Misconfigured
from vouchers.ruleset import EXCLUDED, Ruleset, read_rulesets


def row(valid_from: str = "2026-01-01T00:00:00Z", **rules: Any) -> list[Any]:
    return [valid_from, rules]


def read(*rows: list[Any]) -> list[Ruleset]:
    return [ruleset for _, ruleset in read_rulesets(json.dumps(rows))]


def test_the_newest_rule_set_stands_first() -> None:
    rows = [row(f"{year}-01-01T00:00:00Z", version=f"v/{year}") for year in (2027, 2026, 2028)]
    assert [ruleset.version for ruleset in read(*rows)] == ["v/2028", "v/2027", "v/2026"]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "no ruleset"),
        ([row(rate_percent=0, magic=1)], "magic"),
        ([row(min_grant_cents=1_500_001)], "above max_grant_cents"),
        ([row(rate_percent=81)], "above 100"),
        ([row(), row(rate_percent=100, micro_bonus_percent=0, label_bonus_percent=1)], "above 100"),
        ([row(categories={"materiel": "x"})], "at once: materiel$"),
        ([row(categories=EXCLUDED)], f"at once: {', '.join(sorted(EXCLUDED))}$"),
        ([row(rate_percent=95, min_grant_cents=2_000_000)], "max_grant_cents; rate_percent and its bonuses are above"),
    ],
)
def test_a_rule_set_that_contradicts_itself_is_refused_with_every_fault(rows: list[list[Any]], fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        read(*rows)


def test_every_field_that_is_wrong_is_named() -> None:
    with pytest.raises(Misconfigured) as error:
        read(row(rate_percent=0, claim_months=0))
    assert [line.split(":")[0] for line in str(error.value).splitlines()[1:]] == [
        "  0.1.rate_percent",
        "  0.1.claim_months",
    ]


@pytest.mark.parametrize(
    "rules",
    [
        {"min_grant_cents": 1_500_000},
        {"rate_percent": 80, "micro_bonus_percent": 10, "label_bonus_percent": 10},
        {"micro_bonus_percent": 0, "label_bonus_percent": 0},
        {"public_aid_ceiling_percent": 100},
        {"de_minimis_ceiling_cents": 0},
    ],
)
def test_the_edge_of_what_is_allowed_is_allowed(rules: dict[str, Any]) -> None:
    (ruleset,) = read(row(**rules))
    assert {name: getattr(ruleset, name) for name in rules} == rules


@pytest.mark.parametrize(
    "rules",
    [{"micro_bonus_percent": -1}, {"public_aid_ceiling_percent": 101}, {"de_minimis_ceiling_cents": -1}],
)
def test_just_past_the_edge_is_refused(rules: dict[str, Any]) -> None:
    (name,) = rules
    with pytest.raises(Misconfigured, match=name):
        read(row(**rules))
