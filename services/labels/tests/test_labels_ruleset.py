"""Charters and rulesets: what is shipped is right, what is wrong is refused with its reason."""

from datetime import UTC, date, datetime
from importlib.resources import files

import pytest
from msgspec.structs import replace

from common.declare.errors import Misconfigured
from labels.ruleset import CHARTERS, RULESETS, first_day_of, newest_first, read_charter, read_ruleset, ruleset_at

from .world import rules as deciding_with

RULES = (files("labels") / "data/regles/2026.1.toml").read_text("utf-8")
CHARTER = (files("labels") / "data/chartes/2026.1.toml").read_text("utf-8")


def test_the_charter_has_twelve_commitments_six_of_them_compulsory() -> None:
    commitments = CHARTERS["2026.1"].commitments
    assert [commitment.number for commitment in commitments] == list(range(1, 13))
    assert [commitment.number for commitment in commitments if commitment.compulsory] == [1, 2, 3, 4, 5, 6]


def test_the_figures_of_2026() -> None:
    rules = RULESETS[-1]
    assert rules.version == "2026.1"
    assert rules.charter is CHARTERS["2026.1"] or rules.charter == CHARTERS["2026.1"]
    assert rules.diagnosis.global_above == 50
    assert rules.diagnosis.floors == {"D2": 25, "D3": 25, "D4": 25}
    assert (rules.programme.first_cap, rules.programme.yearly_factor) == (500, 2)
    assert rules.programme.reserve.percent == 0
    assert len(rules.company.regions) == 18


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("global_above = 50.0", "global_above = 101.0", "global_above"),
        ("global_above = 50.0", "global_above = -0.5", "global_above"),
        ("exemplary_from = 45", "exemplary_from = -1", "exemplary_from"),
        ("exemplary_from = 45", "exemplary_from = 101", "exemplary_from"),
        ("valid_months = 24", "valid_months = 0", "valid_months"),
        ("percent = 0", "percent = 50", "weights"),
        ('charter_version = "2026.1"', 'charter_version = "1.0"', "1.0"),
        ("valid_from = 2026-01-01T00:00:00+01:00", "valid_from = 2026-01-01T00:00:00", "offset"),
        ("first_cap = 500", "first_cap = ", "regles.toml"),
        ("yearly_factor = 2\n", "", "yearly_factor"),
    ],
)
def test_a_wrong_ruleset_is_refused_with_its_reason(old: str, new: str, said: str) -> None:
    assert old in RULES
    with pytest.raises(Misconfigured, match=said):
        read_ruleset(RULES.replace(old, new), "regles.toml", CHARTERS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("global_above = 50.0", "global_above = 100.0"),
        ("global_above = 50.0", "global_above = 0.0"),
        ("exemplary_from = 45", "exemplary_from = 100"),
        ("exemplary_from = 45", "exemplary_from = 0"),
    ],
)
def test_the_edge_of_what_a_ruleset_may_say_is_allowed(old: str, new: str) -> None:
    assert read_ruleset(RULES.replace(old, new), "regles.toml", CHARTERS).version == "2026.1"


def test_the_charters_that_are_known_are_listed_in_order() -> None:
    known = dict.fromkeys("hgfedcba", CHARTERS["2026.1"])
    with pytest.raises(Misconfigured, match=r"is not one of \['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'\]$"):
        read_ruleset(RULES, "regles.toml", known)


def test_a_charter_without_commitments_is_refused() -> None:
    start = CHARTER.index("[[")
    with pytest.raises(Misconfigured, match=r"found \[\]"):
        read_charter(CHARTER[:start] + "commitments = []", "charte.toml")


def test_the_newest_rules_are_looked_at_first() -> None:
    found = [replace(RULESETS[0], valid_from=datetime(year, 1, 1, tzinfo=UTC)) for year in (2027, 2026, 2028)]
    assert [rules.valid_from.year for rules in newest_first(found)] == [2028, 2027, 2026]


def test_the_reserve_can_be_switched_on() -> None:
    text = RULES.replace("percent = 0", "percent = 50") + '"84" = 3.0\n'
    assert read_ruleset(text, "regles.toml", CHARTERS).programme.reserve.weights == {"84": 3.0}


@pytest.mark.parametrize(
    ("old", "new"), [("number = 3", "number = 4"), ("compulsory = true", "compulsory = 1"), ("[[", "[")]
)
def test_a_wrong_charter_is_refused(old: str, new: str) -> None:
    with pytest.raises(Misconfigured, match=r"charte\.toml"):
        read_charter(CHARTER.replace(old, new, 1), "charte.toml")


def test_a_decision_uses_the_newest_rules_valid_at_its_instant() -> None:
    later = read_ruleset(
        RULES.replace('version = "2026.1"\nvalid_from = 2026', 'version = "2027.1"\nvalid_from = 2027'),
        "2027.1.toml",
        CHARTERS,
    )
    with deciding_with((later, *RULESETS)):
        assert ruleset_at(datetime(2026, 12, 31, 22, 59, tzinfo=UTC)).version == "2026.1"
        assert ruleset_at(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)).version == "2027.1"
        assert ruleset_at(datetime(2020, 1, 1, tzinfo=UTC)).version == "2026.1"


def test_a_charter_is_in_force_from_a_day_of_paris() -> None:
    assert first_day_of("2026.1") == date(2026, 1, 1)
    assert first_day_of("1999.1") == date.min
