"""The formula, every refusal, the calendar: the pure rules one by one."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from france.siren import is_siren
from vouchers.eligibility.conditions import Case, Verdict, assess
from vouchers.eligibility.facts import Declarations, Diagnostic, Line, Measure, Profile
from vouchers.eligibility.grant import grant
from vouchers.eligibility.measures import REFERENTIALS
from vouchers.files.model import VoucherFile, own_aid
from vouchers.ruleset import Ruleset

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SUPPLIER, OTHER_SUPPLIER, COMPANY = "732829320", "552100554", "443061841"
RULES = Ruleset()
FINE = Declarations(taxes_up_to_date=True, social_up_to_date=True, no_recovery_order=True)
PROFILE = Profile("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")
DIAGNOSTIC = Diagnostic(
    "d1",
    datetime(2026, 6, 1, tzinfo=UTC),
    (Measure("m1", ("site_ecommerce", "visibilite")), Measure("m2", ("cybersecurite",)), Measure("m3", ())),
    ("cybersecurite", "donnees_ia", "site_ecommerce", "visibilite"),
)


def case(*lines: Line, own_aid_cents: int = 0, labelled_until: datetime | None = None) -> Case:
    spend = lines or (Line("site_ecommerce", SUPPLIER, 200_000, "m1"),)
    return Case(COMPANY, PROFILE, DIAGNOSTIC, labelled_until, spend, FINE, own_aid_cents, NOW, date(2026, 11, 23))


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.failing]


@pytest.mark.parametrize(
    ("base", "category", "expected"),
    [
        (200_000, "petite", 100_000),
        (199_999, "petite", 0),
        (3_000_000, "petite", 1_500_000),
        (3_000_100, "moyenne", 1_500_000),
        (9_999_900, "petite", 1_500_000),
        (200_001, "petite", 100_000),
        (200_000, "micro", 120_000),
        (166_667, "micro", 100_000),
        (166_666, "micro", 0),
        (2_500_000, "micro", 1_500_000),
    ],
)
def test_grant_is_the_floored_share_of_the_spend_between_minimum_and_maximum(
    base: int, category: str, expected: int
) -> None:
    verdict = assess(
        RULES,
        replace(case(Line("site_ecommerce", SUPPLIER, base, "m1")), profile=replace(PROFILE, sme_category=category)),
    )
    assert verdict.grant.amount_cents == expected
    assert codes(verdict) == ([] if expected else ["subvention_minimum"])
    assert verdict.grant.rate_percent == (60 if category == "micro" else 50)


def test_a_label_adds_ten_points_only_when_the_ruleset_says_so() -> None:
    labelled = case(labelled_until=datetime(2027, 1, 1, tzinfo=UTC))
    assert assess(RULES, labelled).grant.rate_percent == 50
    assert assess(dataclasses.replace(RULES, label_bonus=True), labelled).grant.rate_percent == 60
    over = case(labelled_until=NOW)
    assert assess(dataclasses.replace(RULES, label_bonus=True), over).grant.rate_percent == 50


def test_an_eligible_file_has_no_reason_at_all() -> None:
    verdict = assess(RULES, case())
    assert (verdict.failing, verdict.missing) == ((), ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"active": False}, "entreprise_inactive"),
        ({"sme_category": "hors_pme"}, "hors_pme"),
        ({"created_on": date(2026, 5, 24)}, "anciennete"),
        ({"naf": "01.13Z"}, "secteur_exclu"),
        ({"naf": "03.11Z"}, "secteur_exclu"),
    ],
)
def test_company_refusals(change: dict[str, object], code: str) -> None:
    verdict = assess(RULES, replace(case(), profile=replace(PROFILE, **change)))  # pyright: ignore[reportArgumentType]
    assert codes(verdict) == [code]


def test_six_months_to_the_day_are_enough() -> None:
    assert not assess(RULES, replace(case(), profile=replace(PROFILE, created_on=date(2026, 5, 23)))).failing


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"taxes_up_to_date": False}, "obligations_fiscales"),
        ({"social_up_to_date": False}, "obligations_sociales"),
        ({"no_recovery_order": False}, "ordre_recuperation"),
        ({"de_minimis_declared_cents": 29_900_001}, "de_minimis"),
        ({"other_public_aid_cents": 60_001}, "plafond_cumul"),
    ],
)
def test_declaration_refusals(change: dict[str, int], code: str) -> None:
    assert codes(assess(RULES, replace(case(), declarations=replace(FINE, **change)))) == [code]


def test_a_diagnosis_counts_for_twelve_months() -> None:
    old = replace(DIAGNOSTIC, completed_at=datetime(2025, 11, 23, 9, tzinfo=UTC))
    assert codes(assess(RULES, replace(case(), diagnostic=old))) == ["diagnostic_perime"]
    young = replace(DIAGNOSTIC, completed_at=datetime(2025, 11, 24, 9, tzinfo=UTC))
    assert not assess(RULES, replace(case(), diagnostic=young)).failing


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line("materiel", SUPPLIER, 200_000, "m3"), "categorie_non_eligible"),
        (Line("astrologie", SUPPLIER, 200_000, "m3"), "categorie_non_eligible"),
        (Line("site_ecommerce", SUPPLIER, 200_000, "m9"), "mesure_inconnue"),
        (Line("site_ecommerce", SUPPLIER, 200_000, "m2"), "mesure_sans_rapport"),
        (Line("site_ecommerce", "123456789", 200_000, "m1"), "fournisseur_invalide"),
        (Line("site_ecommerce", COMPANY, 200_000, "m1"), "fournisseur_interne"),
        (Line("site_ecommerce", SUPPLIER, 200_000, "m1", date(2026, 11, 22)), "depense_anterieure"),
    ],
)
def test_line_refusals_name_the_line(line: Line, code: str) -> None:
    good = Line("cybersecurite", SUPPLIER, 300_000, "m2")
    verdict = assess(RULES, case(good, line))
    assert codes(verdict) == [code]
    assert verdict.failing[0].sentence.startswith("Ligne 2: ")


REFERENTIAL = "DMA-PME/2026.1"


def calling(*names: str) -> Diagnostic:
    """A diagnosis that calls for these measures."""
    bits = sum(1 << REFERENTIALS[REFERENTIAL][name].bit for name in set(names))
    return Diagnostic("d1", DIAGNOSTIC.completed_at, referential=REFERENTIAL, called_measures=f"{bits:031x}")


def test_a_line_ties_to_any_gap_of_the_diagnosis_and_to_nothing_else() -> None:
    """Every measure of the referential: named with each category it leads to, and where the diagnosis calls for it."""
    for name, (_, categories) in REFERENTIALS[REFERENTIAL].items():
        others = [other for other in REFERENTIALS[REFERENTIAL] if other != name]
        for category in categories:
            spend = case(*_fair(Line(category, SUPPLIER, 200_000, name)))
            assert codes(assess(RULES, replace(spend, diagnostic=calling(name, "Q8.menaces_suivies")))) == []
            if name != "Q8.menaces_suivies":
                assert codes(assess(RULES, replace(spend, diagnostic=calling(*others)))) == ["mesure_inconnue"]
        if not categories:
            (reason,) = assess(
                RULES, replace(case(Line("cybersecurite", SUPPLIER, 200_000, name)), diagnostic=calling(name))
            ).failing
            assert reason.code == "mesure_inconnue"


def _fair(line: Line) -> tuple[Line, ...]:
    """A line, with another beside it so that no category has too large a share."""
    return (line, Line("cybersecurite", SUPPLIER, 500_000, "Q8.menaces_suivies"))


def test_spend_that_a_gap_does_not_lead_to_does_not_tie_to_it() -> None:
    spend = replace(
        case(Line("international", SUPPLIER, 200_000, "Q8.menaces_suivies")), diagnostic=calling("Q8.menaces_suivies")
    )
    (reason,) = assess(RULES, spend).failing
    assert reason.code == "mesure_sans_rapport"
    assert not assess(dataclasses.replace(RULES, measure_covers_category=False), spend).failing


@pytest.mark.parametrize(
    "name", ["", "m9", "Q3.site_web", "Q8.menaces_suivies ", "q8.menaces_suivies", "Q7.non_numerisees"]
)
def test_what_the_diagnosis_does_not_call_for_is_said_to_be_no_gap(name: str) -> None:
    spend = replace(case(Line("cybersecurite", SUPPLIER, 200_000, name)), diagnostic=calling("Q8.menaces_suivies"))
    (reason,) = assess(RULES, spend).failing
    assert (reason.code, reason.sentence) == (
        "mesure_inconnue",
        f"Ligne 1: la mesure « {name} » ne répond à aucun point à améliorer de votre diagnostic.",
    )


def test_of_a_referential_that_is_not_known_a_gap_outside_the_plan_leads_to_what_the_gaps_lead_to() -> None:
    assert codes(assess(RULES, case(Line("donnees_ia", SUPPLIER, 200_000, "Z7.tableaux")))) == []
    assert codes(assess(RULES, case(Line("international", SUPPLIER, 200_000, "Z7.tableaux")))) == [
        "mesure_sans_rapport"
    ]
    before = replace(DIAGNOSTIC, spend_categories=())
    assert codes(
        assess(RULES, replace(case(Line("donnees_ia", SUPPLIER, 200_000, "Z7.tableaux")), diagnostic=before))
    ) == ["mesure_inconnue"]


def test_equipment_is_refused_once_and_nothing_that_follows_from_it_is_told() -> None:
    for measure in ("m1", "m2", "Z7.tableaux"):
        assert codes(assess(RULES, case(Line("materiel", SUPPLIER, 200_000, measure)))) == ["categorie_non_eligible"]
    two = (Line("materiel", SUPPLIER, 100_000, "m1"), Line("materiel", OTHER_SUPPLIER, 100_000, "m1"))
    assert codes(assess(RULES, case(*two))) == ["categorie_non_eligible"] * 2
    ads = (Line("materiel", SUPPLIER, 700_000, "m1"), Line("visibilite", SUPPLIER, 300_000, "m1"))
    assert codes(assess(RULES, case(*ads))) == ["categorie_non_eligible"]


def test_while_the_size_is_not_known_the_spend_is_judged_at_the_best_rate() -> None:
    unknown = replace(
        case(Line("site_ecommerce", SUPPLIER, 166_667, "m1")), profile=replace(PROFILE, sme_category="inconnu")
    )
    verdict = assess(RULES, unknown)
    assert (codes(verdict), [reason.code for reason in verdict.missing]) == ([], ["pme_inconnue"])
    less = replace(unknown, lines=(Line("site_ecommerce", SUPPLIER, 166_666, "m1"),))
    assert codes(assess(RULES, less)) == ["subvention_minimum"]


def test_spend_ordered_on_the_day_of_deposit_or_later_is_fine() -> None:
    line = Line("site_ecommerce", SUPPLIER, 200_000, "m1", date(2026, 11, 23))
    assert not assess(RULES, case(line)).failing
    early = replace(line, ordered_on=date(2026, 1, 1))
    assert not assess(dataclasses.replace(RULES, incentive_effect=False), case(early)).failing


def test_one_category_goes_to_one_supplier() -> None:
    lines = (Line("cybersecurite", SUPPLIER, 200_000, "m2"), Line("cybersecurite", OTHER_SUPPLIER, 200_000, "m2"))
    assert codes(assess(RULES, case(*lines))) == ["fournisseurs_multiples"]
    assert not assess(dataclasses.replace(RULES, one_supplier_per_category=False), case(*lines)).failing


def test_visibility_is_at_most_thirty_percent_of_the_base() -> None:
    site = Line("site_ecommerce", SUPPLIER, 700_000, "m1")
    assert not assess(RULES, case(site, Line("visibilite", SUPPLIER, 300_000, "m1"))).failing
    assert codes(assess(RULES, case(site, Line("visibilite", SUPPLIER, 300_001, "m1")))) == ["plafond_categorie"]
    assert codes(assess(RULES, case(Line("visibilite", SUPPLIER, 300_000, "m1")))) == ["plafond_categorie"]


def test_every_failing_reason_is_listed() -> None:
    bad = replace(
        case(Line("materiel", COMPANY, 1000, "m9")),
        profile=replace(PROFILE, sme_category="hors_pme"),
        declarations=replace(FINE, taxes_up_to_date=False),
    )
    verdict = assess(RULES, bad)
    assert codes(verdict) == [
        "hors_pme",
        "obligations_fiscales",
        "categorie_non_eligible",
        "mesure_inconnue",
        "fournisseur_interne",
        "subvention_minimum",
    ]
    assert all(reason.sentence.endswith(".") for reason in verdict.failing)


def test_a_missing_datum_is_named_and_is_no_refusal() -> None:
    profile = replace(PROFILE, sme_category="inconnu", created_on=None)
    verdict = assess(RULES, replace(case(), profile=profile))
    assert verdict.failing == ()
    assert [reason.code for reason in verdict.missing] == ["pme_inconnue", "date_creation_inconnue"]


# --- ceilings --------------------------------------------------------------------------------------------------------


def test_the_grant_is_cut_at_what_de_minimis_leaves() -> None:
    declared = replace(FINE, de_minimis_declared_cents=29_000_000)
    assert grant(RULES, 3_000_000, 50, declared, 0).amount_cents == 1_000_000
    assert grant(RULES, 3_000_000, 50, declared, 500_000).amount_cents == 500_000
    assert grant(RULES, 3_000_000, 50, declared, 900_000).amount_cents == 100_000
    (reason,) = grant(RULES, 3_000_000, 50, declared, 900_001).reasons
    assert reason.code == "de_minimis"


def test_all_public_aid_stays_under_eighty_percent() -> None:
    other = replace(FINE, other_public_aid_cents=500_000)
    assert grant(RULES, 1_000_000, 50, other, 0).amount_cents == 300_000
    assert grant(RULES, 1_000_000, 50, replace(FINE, other_public_aid_cents=300_000), 0).amount_cents == 500_000


def test_aid_that_is_not_declared_is_none() -> None:
    low = dataclasses.replace(RULES, public_aid_ceiling_percent=40)
    assert grant(low, 1_000_000, 50, Declarations(True, True, True), 0).amount_cents == 400_000


def test_a_category_that_may_have_no_share_fails_only_a_file_with_spend_in_it() -> None:
    rules = dataclasses.replace(RULES, category_caps_percent={"visibilite": 0})
    assert not assess(rules, case()).failing
    some = (Line("site_ecommerce", SUPPLIER, 300_000, "m1"), Line("visibilite", OTHER_SUPPLIER, 1, "m1"))
    assert codes(assess(rules, case(*some))) == ["plafond_categorie"]


def test_the_measures_of_a_referential_are_its_bits_the_first_the_highest() -> None:
    for known in REFERENTIALS.values():
        assert [measure.bit for measure in known.values()] == list(range(len(known)))[::-1]


@given(
    base=st.integers(0, 10**9),
    declared=st.integers(0, 4 * 10**7),
    other=st.integers(0, 10**9),
    own=st.integers(0, 4 * 10**7),
    micro=st.booleans(),
)
def test_no_ceiling_is_ever_passed(*, base: int, declared: int, other: int, own: int, micro: bool) -> None:
    percent = 60 if micro else 50
    said = replace(FINE, de_minimis_declared_cents=declared, other_public_aid_cents=other)
    outcome = grant(RULES, base, percent, said, own)
    if not outcome.reasons:
        assert 100_000 <= outcome.amount_cents <= 1_500_000
        assert outcome.amount_cents * 100 <= base * percent
        assert outcome.amount_cents + declared + own <= 30_000_000
        assert (outcome.amount_cents + other) * 100 <= base * 80
    else:
        assert outcome.amount_cents == 0


def test_own_aid_counts_three_years_to_the_day() -> None:
    file = VoucherFile("f", "e", "p", "accorde", NOW, date(2023, 11, 1), (), FINE, 100, 50, "v", held_cents=100)
    day = date(2026, 11, 23)
    assert own_aid(RULES, [replace(file, granted_on=date(2023, 11, 23))], day) == 0
    assert own_aid(RULES, [replace(file, granted_on=date(2023, 11, 24))], day) == 100
    assert own_aid(RULES, [replace(file, status="depose", granted_on=None)], day) == 100
    assert own_aid(RULES, [replace(file, granted_on=day)], day, but="f") == 0


# --- numbers and days ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("732829320", True),
        ("356000000", True),
        ("123456789", False),
        ("000000000", False),
        ("73282932", False),
        ("732 829 320", False),
        ("٧٣٢٨٢٩٣٢٠", False),
        ("", False),
    ],
)
def test_siren(number: str, *, valid: bool) -> None:
    assert is_siren(number) is valid
