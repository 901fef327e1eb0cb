"""Aids: a valid catalogue of real programmes, three-valued verdicts, recommendations in the order of display."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import settings as package
from matching.aids.aid import Aid
from matching.aids.catalogue import KINDS, Catalogue, assess, kind_of
from matching.criteria.company import Company
from matching.criteria.filters import Filters
from matching.criteria.profile import HEADCOUNTS

TODAY = date(2026, 11, 23)


def aid(**changes: Any) -> Aid:
    base = Aid("a", "Aide", "subvention", "Région", "https://example.org/", "Une aide.", ("cybersecurite",), 2026)
    return replace(base, **changes)


# --- the data --------------------------------------------------------------------------------------------------------


def test_the_catalogue_holds_enough_and_every_region_has_a_programme_of_its_own() -> None:
    aids = package.catalogue().aids
    regions = Counter(region for found in aids for region in found.regions)
    assert len(aids) >= 40
    assert set(regions) == set(package.territories().regions)
    assert {kind_of(found) for found in aids} == set(KINDS)


def test_every_entry_of_the_catalogue_is_well_formed() -> None:
    ruleset, territories = package.ruleset(), package.territories()
    for found in package.catalogue().aids:
        assert found.url.startswith("https://"), found.id
        assert found.summary.endswith("."), found.id
        assert found.sujets, found.id
        assert set(found.sujets) <= set(ruleset.subjects), found.id
        assert set(found.regions) <= territories.regions, found.id
        assert 2020 <= found.verifie_en <= 2026, found.id
        assert all(condition.endswith(".") for condition in found.autres_conditions), found.id
        filters = found.filters
        assert (filters.effectif_min or 0) <= (filters.effectif_max or 10**9), found.id
        assert (filters.anciennete_min or 0) <= (filters.anciennete_max or 10**9), found.id
        if found.valid_from and found.valid_until:
            assert found.valid_from <= found.valid_until, found.id


def test_each_subject_has_at_least_two_answers_in_every_region(make: Any) -> None:
    for region in package.territories().regions:
        for subject in package.ruleset().subjects:
            profile = make.profile(region=region)
            verdicts = Counter(found.verdict for found in package.catalogue().assess(profile, [subject]))
            assert verdicts["eligible"] + verdicts["partiel"] >= 2, (region, subject)


def test_what_may_have_changed_says_so() -> None:
    uncertain = [found for found in package.catalogue().aids if found.verifie_en < 2026]
    assert uncertain
    assert all(found.a_verifier for found in uncertain)


def test_two_aids_with_one_id_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="same id"):
        Catalogue([aid(), aid()], make.ruleset)


# --- verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "company", "verdict"),
    [
        ({}, {}, "eligible"),
        ({"autres_conditions": ("chiffre d'affaires faible.",)}, {}, "partiel"),
        ({"filters": Filters(effectif_max=9)}, {}, "non_eligible"),
        ({"filters": Filters(effectif_max=15)}, {}, "inconnu"),
        ({"filters": Filters(anciennete_min=6)}, {"created_on": None}, "inconnu"),
        ({"regions": ("84",)}, {}, "eligible"),
        ({"regions": ("11",)}, {}, "non_eligible"),
        ({"regions": ("11",)}, {"region": ""}, "inconnu"),
        ({"valid_until": date(2026, 11, 22)}, {}, "termine"),
        ({"valid_until": date(2026, 11, 23)}, {}, "eligible"),
        ({"valid_from": date(2026, 11, 24)}, {}, "termine"),
        ({"valid_until": date(2024, 12, 31), "filters": Filters(effectif_max=9)}, {}, "termine"),
    ],
)
def test_verdicts(make: Any, changes: dict[str, Any], company: dict[str, Any], verdict: str) -> None:
    assert assess(aid(**changes), make.profile(**company)).verdict == verdict


def test_a_verdict_names_its_reason_and_the_missing_datum(make: Any) -> None:
    refused = assess(aid(filters=Filters(effectif_max=9, naf_in=("F",))), make.profile())
    open_ = assess(aid(filters=Filters(anciennete_min=6)), make.profile(created_on=None))
    assert refused.reasons == ("Effectif hors des limites acceptées.", "Secteur d'activité non accepté.")
    assert open_.missing == ("Date de création non renseignée : ancienneté à confirmer.",)


def test_a_programme_says_what_to_check_and_how_old_the_information_is(make: Any) -> None:
    entry = aid(gratuit=True, regions=("84",), autres_conditions=("projet retenu.",), a_verifier=True, verifie_en=2024)
    (programme,) = Catalogue([entry], make.ruleset).recommend(make.profile(), ("cybersecurite",))
    assert programme.verdict == "partiel"
    assert programme.reasons == (
        "Répond à votre besoin : Cybersécurité.",
        "Gratuit pour l'entreprise.",
        "Proposé dans votre région.",
        "À vérifier : projet retenu.",
        "Informations de 2024 : à confirmer auprès de l'opérateur (Région).",
    )


# --- recommendations -------------------------------------------------------------------------------------------------


def test_programmes_come_in_order_of_display_and_never_more_than_ten(make: Any) -> None:
    programmes = package.catalogue().recommend(make.profile(), ("cybersecurite", "donnees", "strategie"))
    by_id = {found.id: found for found in package.catalogue().aids}
    kinds = [KINDS.index(kind_of(by_id[programme.id])) for programme in programmes]
    assert len(programmes) == 10
    assert kinds == sorted(kinds)
    assert len({programme.id for programme in programmes}) == 10


def test_each_kind_keeps_its_places_and_free_places_are_filled(make: Any) -> None:
    kinds: tuple[tuple[str, bool], ...] = (("accompagnement", True), ("subvention", False), ("ressource", True))
    entries = [
        aid(id=f"{nature}{number}", nature=nature, gratuit=free) for nature, free in kinds for number in range(9)
    ]
    programmes = Catalogue(entries, make.ruleset).recommend(make.profile(), ("cybersecurite",))
    assert Counter(programme.nature for programme in programmes) == {
        "accompagnement": 6,
        "subvention": 2,
        "ressource": 2,
    }


def test_the_main_subject_comes_first_inside_a_kind(make: Any) -> None:
    entries = [aid(id="a", sujets=("donnees",)), aid(id="b"), aid(id="c", sujets=("donnees",))]
    programmes = Catalogue(entries, make.ruleset).recommend(make.profile(), ("cybersecurite", "donnees"))
    assert [programme.id for programme in programmes] == ["b", "a", "c"]


companies = st.builds(
    Company,
    commune=st.sampled_from(("69123", "")),
    departement=st.just("69"),
    region=st.sampled_from((*sorted(package.territories().regions), "")),
    naf=st.sampled_from(("62.01Z", "43.22A", "10.71C", "47.11F", "")),
    naf_nomenclature=st.sampled_from(("NAFRev2", "NAF2025")),
    legal_form=st.sampled_from(("5710", "1000", "")),
    headcount_code=st.sampled_from((*HEADCOUNTS, "")),
    created_on=st.none() | st.dates(date(1990, 1, 1), TODAY),
)
subjects = st.lists(st.sampled_from(sorted(package.ruleset().subjects)), min_size=1, max_size=4, unique=True).map(tuple)


@settings(max_examples=200, deadline=None)
@given(company=companies, wanted=subjects)
def test_a_recommendation_agrees_with_the_verdict_on_each_aid(
    make: Any, company: Company, wanted: tuple[str, ...]
) -> None:
    profile = make.profiler.profile(company, TODAY)
    verdicts = {found.aid.id: found for found in package.catalogue().assess(profile, wanted)}
    open_ = [i for i, found in verdicts.items() if found.verdict in {"eligible", "partiel", "inconnu"}]
    programmes = package.catalogue().recommend(profile, wanted)

    assert len(programmes) == min(10, len(open_))
    for programme in programmes:
        assert programme.verdict == verdicts[programme.id].verdict
        assert sorted(programme.missing) == sorted(verdicts[programme.id].missing)
        assert programme.reasons[1:] == verdicts[programme.id].reasons
