"""Who is an SME and why the others are not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from companies.register.inputs import Accounts, RegisterCompany
from companies.register.sme import classer_pme, sentences
from companies.ruleset import RULESET

PLAIN = RegisterCompany(
    "732829320",
    "73282932000074",
    "Exemple",
    "62.01Z",
    "NAFRev2",
    "5710",
    "11",
    "PME",
    "75102",
    "75",
    None,
    active=True,
    diffusible=True,
    source="sirene_stock",
    observed_at=datetime(2026, 1, 1, tzinfo=UTC),
)
MILLION = 100_000_000


@pytest.mark.parametrize(
    ("band", "category"),
    [
        ("NN", "micro"),
        ("00", "micro"),
        ("03", "micro"),
        ("11", "petite"),
        ("12", "petite"),
        ("21", "moyenne"),
        ("31", "moyenne"),
    ],
)
def test_the_headcount_band_gives_the_size(band: str, category: str) -> None:
    assert classer_pme(replace(PLAIN, headcount_code=band)) == (category, ("pme_insee",))
    presumed = classer_pme(replace(PLAIN, headcount_code=band, insee_category=""))
    assert presumed == (category, ("figures_presumees",))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"active": False}, "cessee"),
        ({"legal_form": "7120"}, "administration"),
        ({"legal_form": "7346"}, "administration"),
        ({"legal_form": "4110"}, "etablissement_public"),
        ({"legal_form": "3205"}, "organisme_etranger"),
        ({"legal_form": "8420"}, "organisme_specialise"),
        ({"legal_form": "9110"}, "syndicat_proprietaires"),
        ({"legal_form": "9220"}, "association"),
        ({"legal_form": "9300"}, "association"),
        ({"legal_form": "0000"}, "sans_personnalite"),
        ({"insee_category": "ETI"}, "groupe_eti"),
        ({"insee_category": "GE"}, "groupe_ge"),
        ({"headcount_code": "32"}, "effectif_250"),
        ({"headcount_code": "53"}, "effectif_250"),
        ({"naf": "99.00Z"}, "activite_hors_champ"),
        ({"accounts": Accounts(headcount=250)}, "effectif_250"),
        ({"accounts": Accounts(public_share_percent=25)}, "controle_public"),
        ({"accounts": Accounts(turnover_cents=51 * MILLION, balance_sheet_cents=44 * MILLION)}, "plafonds_depasses"),
    ],
)
def test_what_excludes_an_sme(changes: dict[str, object], code: str) -> None:
    verdict = classer_pme(replace(PLAIN, **changes))  # pyright: ignore[reportArgumentType]
    assert verdict == ("hors_pme", (code,))


@pytest.mark.parametrize("legal_form", ["1000", "5499", "5710", "6540", "3120", "2310"])
def test_forms_that_run_a_business_are_smes(legal_form: str) -> None:
    assert classer_pme(replace(PLAIN, legal_form=legal_form)).category == "petite"


def test_every_reason_is_given_not_only_the_first() -> None:
    verdict = classer_pme(replace(PLAIN, legal_form="7220", insee_category="GE", headcount_code="52", active=False))
    assert verdict.codes == ("cessee", "administration", "groupe_ge", "effectif_250")


@pytest.mark.parametrize(
    ("accounts", "category"),
    [
        (Accounts(9, 2 * MILLION, None), "micro"),
        (Accounts(9, None, 2 * MILLION), "micro"),
        (Accounts(9, 2 * MILLION + 1, None), "petite"),  # the balance sheet could still make it micro: not certain
        (Accounts(9, 2 * MILLION + 1, 2 * MILLION + 1), "petite"),
        (Accounts(10, MILLION, MILLION), "petite"),
        (Accounts(49, 60 * MILLION, 10 * MILLION), "petite"),
        (Accounts(50, 10 * MILLION, None), "moyenne"),
        (Accounts(249, 50 * MILLION, 99 * MILLION), "moyenne"),
        (Accounts(249, 99 * MILLION, 43 * MILLION), "moyenne"),
        (Accounts(249, 99 * MILLION, None), "inconnu"),
        (Accounts(249, None, 43 * MILLION + 1), "inconnu"),
    ],
)
def test_headcount_and_either_turnover_or_balance_sheet(accounts: Accounts, category: str) -> None:
    assert classer_pme(replace(PLAIN, insee_category="", accounts=accounts)).category == category


@pytest.mark.parametrize(
    ("headcount", "category"),
    [(0, "micro"), (9.9, "micro"), (10, "petite"), (49.9, "petite"), (50, "moyenne"), (249.9, "moyenne")],
)
def test_a_declared_headcount_alone_gives_the_size_that_begins_at_it(headcount: float, category: str) -> None:
    facts = replace(PLAIN, insee_category="", accounts=Accounts(headcount))
    assert classer_pme(facts) == (category, ("figures_presumees",))


def test_declared_figures_are_a_reason_beside_the_word_of_insee() -> None:
    declared = replace(PLAIN, accounts=Accounts(20, MILLION, None))
    assert classer_pme(declared) == ("petite", ("pme_insee", "figures_conformes"))
    assert classer_pme(replace(declared, insee_category="")) == ("petite", ("figures_conformes",))


def test_below_a_quarter_public_bodies_exclude_nobody() -> None:
    assert classer_pme(replace(PLAIN, accounts=Accounts(public_share_percent=24.9))).category == "petite"


def test_missing_data_are_named() -> None:
    unknown = replace(PLAIN, headcount_code="", insee_category="")
    assert classer_pme(unknown) == ("inconnu", ("effectif_inconnu",))
    assert classer_pme(replace(unknown, legal_form="")) == ("inconnu", ("effectif_inconnu", "forme_inconnue"))
    assert classer_pme(replace(unknown, diffusible=False)).codes == ("effectif_inconnu", "non_diffusible")
    large = replace(PLAIN, accounts=Accounts(20, 60 * MILLION, None))
    assert classer_pme(large) == ("inconnu", ("bilan_inconnu",))
    assert classer_pme(replace(large, accounts=Accounts(20, None, 60 * MILLION))).codes == ("chiffre_affaires_inconnu",)


def test_a_confirmed_sme_without_headcount_is_presumed_micro() -> None:
    assert classer_pme(replace(PLAIN, headcount_code="")) == ("micro", ("pme_insee", "effectif_presume"))


def test_the_presumption_can_be_switched_off() -> None:
    strict = replace(RULESET, presumed_below_headcount=10)
    presumed = replace(PLAIN, insee_category="", headcount_code="03")
    assert classer_pme(presumed, strict).category == "micro"
    larger = replace(presumed, headcount_code="11")
    assert classer_pme(larger, strict) == ("inconnu", ("chiffre_affaires_inconnu", "bilan_inconnu"))
    assert classer_pme(replace(larger, insee_category="PME"), strict) == ("petite", ("pme_insee",))
    assert classer_pme(replace(larger, accounts=Accounts(headcount=10)), strict).category == "inconnu"
    assert classer_pme(replace(larger, accounts=Accounts(headcount=9.9)), strict).category == "micro"


def test_another_edition_of_the_rules_changes_the_verdict_without_code() -> None:
    associations = {form: code for form, code in RULESET.legal_forms.items() if code != "association"}
    assert (
        classer_pme(replace(PLAIN, legal_form="9220"), replace(RULESET, legal_forms=associations)).category == "petite"
    )


def test_every_code_has_a_french_sentence() -> None:
    used = {*RULESET.legal_forms.values(), *RULESET.naf_divisions.values(), *RULESET.insee_categories.values()} - {""}
    assert used <= set(RULESET.reasons)
    assert all(sentence.endswith(".") and len(sentence) < 140 for sentence in RULESET.reasons.values())
    assert sentences(("cessee",)) == ("Entreprise cessée.",)


ACCOUNTS = st.builds(
    Accounts,
    st.none() | st.floats(0, 400),
    st.none() | st.integers(0, 100 * MILLION),
    st.none() | st.integers(0, 100 * MILLION),
    st.none() | st.floats(0, 100),
)


def company(
    legal_form: str, headcount_code: str, insee_category: str, *, active: bool, naf: str, accounts: Accounts | None
) -> RegisterCompany:
    return replace(
        PLAIN,
        legal_form=legal_form,
        headcount_code=headcount_code,
        insee_category=insee_category,
        active=active,
        naf=naf,
        accounts=accounts,
    )


FACTS = st.builds(
    company,
    st.sampled_from(["", "1000", "5710", "7120", "9220"]),
    st.sampled_from(["", *RULESET.headcount_bands]),
    st.sampled_from(["", *RULESET.insee_categories]),
    active=st.booleans(),
    naf=st.sampled_from(["", "62.01Z", "97.00Z"]),
    accounts=st.none() | ACCOUNTS,
)


@given(FACTS)
def test_a_verdict_always_comes_with_reasons_that_have_a_sentence(facts: RegisterCompany) -> None:
    verdict = classer_pme(facts)
    assert verdict.codes
    assert set(verdict.codes) <= set(RULESET.reasons)
    assert len(set(verdict.codes)) == len(verdict.codes)


@given(FACTS)
def test_a_larger_company_never_falls_into_a_smaller_class(facts: RegisterCompany) -> None:
    order = ["micro", "petite", "moyenne", "hors_pme"]
    accounts = facts.accounts or Accounts()
    sizes = [classer_pme(replace(facts, accounts=replace(accounts, headcount=n))).category for n in (5, 20, 100, 300)]
    known = [order.index(size) for size in sizes if size != "inconnu"]
    assert known == sorted(known)
