"""The edges of a grant: where a ceiling is just met, just missed, or used up."""

import dataclasses

from vouchers.eligibility.facts import Declarations
from vouchers.eligibility.grant import Grant, grant, plain, rate
from vouchers.ruleset import Ruleset

RULES = Ruleset()


def declared(*, de_minimis: int = 0, other: int = 0) -> Declarations:
    return Declarations(
        taxes_up_to_date=True,
        social_up_to_date=True,
        no_recovery_order=True,
        de_minimis_declared_cents=de_minimis,
        other_public_aid_cents=other,
    )


def codes(outcome: Grant) -> list[str]:
    return [reason.code for reason in outcome.reasons]


def test_no_bonus_takes_the_rate_above_all_of_the_spend() -> None:
    high = dataclasses.replace(RULES, rate_percent=95)
    assert rate(high, "micro", labelled=False) == 100
    assert rate(high, "petite", labelled=False) == 95


def test_other_aid_that_leaves_just_the_least_grant_leaves_it() -> None:
    assert grant(RULES, 200_000, 50, declared(other=60_000), 0).amount_cents == RULES.min_grant_cents
    assert grant(RULES, 200_000, 50, declared(other=60_001), 0).amount_cents == 0


def test_de_minimis_aid_that_is_used_up_leaves_nothing_even_of_one_cent() -> None:
    smallest = dataclasses.replace(RULES, min_grant_cents=1)
    full = grant(smallest, 200_000, 50, declared(de_minimis=RULES.de_minimis_ceiling_cents), 0)
    assert (full.amount_cents, codes(full)) == (0, ["de_minimis"])
    assert grant(smallest, 200_000, 50, declared(de_minimis=RULES.de_minimis_ceiling_cents - 1), 0).amount_cents == 1


def test_other_aid_above_its_ceiling_leaves_no_room_and_says_so() -> None:
    smallest = dataclasses.replace(RULES, min_grant_cents=1)
    met = grant(smallest, 200_000, 50, declared(other=160_000), 0)
    assert (met.amount_cents, codes(met)) == (0, ["plafond_cumul"])
    over = grant(RULES, 200_000, 50, declared(other=170_000), 0)
    assert codes(over) == ["plafond_cumul"]
    assert "laisse 0,00\u00a0€, moins que la subvention minimale." in over.reasons[0].sentence


def test_every_ceiling_that_leaves_too_little_is_told_at_once() -> None:
    none = grant(RULES, 150_000, 50, declared(de_minimis=29_950_000, other=200_000), 0)
    assert (none.amount_cents, codes(none)) == (0, ["subvention_minimum", "de_minimis", "plafond_cumul"])
    assert codes(grant(RULES, 300_000, 50, declared(de_minimis=29_950_000, other=200_000), 0)) == codes(none)[1:]


def test_a_ceiling_that_would_leave_enough_of_enough_spend_follows_from_the_minimum() -> None:
    assert codes(grant(RULES, 100_000, 50, declared(), 0)) == ["subvention_minimum"]
    assert codes(grant(RULES, 100_000, 50, declared(other=60_000), 0)) == ["subvention_minimum"]
    assert codes(grant(RULES, 100_000, 50, declared(other=60_001), 0)) == ["subvention_minimum", "plafond_cumul"]
    assert codes(grant(RULES, 100_000, 60, declared(other=33_333), 0)) == ["subvention_minimum"]
    assert codes(grant(RULES, 100_000, 60, declared(other=33_334), 0)) == ["subvention_minimum", "plafond_cumul"]


def test_the_ceiling_that_cut_the_amount_is_named() -> None:
    whole = grant(RULES, 2_000_000, 50, declared(), 0)
    assert (whole.ceiling, whole.sentence) == ("", "")
    assert (
        plain(2_000_000, 50) == "50\u00a0% de 20\u202f000,00\u00a0€ de dépenses hors taxes, soit 10\u202f000,00\u00a0€."
    )
    for aid, ceiling, words in (
        (declared(), "maximum", "à 15\u202f000,00\u00a0€\u00a0: c’est le montant maximal d’un chèque."),
        (declared(de_minimis=29_000_000), "de_minimis", "avec 290\u202f000,00\u00a0€ d’aides de minimis sur 3 ans, "),
        (declared(other=3_000_000), "cumul", "le cumul est limité à 80\u00a0% de ces dépenses."),
    ):
        cut = grant(RULES, 5_000_000, 50, aid, 0)
        assert cut.ceiling == ceiling
        assert "soit 25\u202f000,00\u00a0€, ramenés à " in cut.sentence
        assert words in cut.sentence
    edge = grant(RULES, 3_000_000, 50, declared(), 0)
    assert (edge.amount_cents, edge.ceiling) == (1_500_000, "")
