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


def test_a_plain_programme_says_what_it_answers_and_no_more(make: Any) -> None:
    (programme,) = Catalogue([aid()], make.ruleset).recommend(make.profile(), ("cybersecurite",))
    assert (programme.reasons, programme.missing) == (("Répond à votre besoin : Cybersécurité.",), ())
    assert assess(aid(), make.profile()).reasons == ()
    far = aid(regions=("84",), filters=Filters(effectif_max=9))
    assert assess(far, make.profile(region="", headcount_code="")).reasons == ()


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [
        (date(2026, 11, 23), None, "eligible"),
        (None, date(2026, 11, 23), "eligible"),
        (date(2026, 11, 23), date(2026, 11, 23), "eligible"),
        (date(2026, 11, 24), date(2026, 11, 30), "termine"),
        (date(2026, 11, 1), date(2026, 11, 22), "termine"),
        (None, None, "eligible"),
    ],
)
def test_an_aid_is_open_from_its_first_day_to_its_last(make: Any, first: Any, last: Any, verdict: str) -> None:
    assert assess(aid(valid_from=first, valid_until=last), make.profile(TODAY)).verdict == verdict


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


def test_within_a_kind_those_of_the_region_come_first_then_by_id(make: Any) -> None:
    entries = [aid(id="a"), aid(id="b"), aid(id="c", regions=("84",)), aid(id="d", gratuit=True)]
    assert [entry.id for entry in Catalogue(entries[::-1], make.ruleset).aids] == ["c", "a", "b", "d"]


def test_free_help_is_a_kind_of_its_own_and_free_training_is_not() -> None:
    assert kind_of(aid(nature="accompagnement", gratuit=True)) == "accompagnement_gratuit"
    assert kind_of(aid(nature="accompagnement")) == "accompagnement"
    assert kind_of(aid(nature="formation", gratuit=True)) == "formation"


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


SUBJECTS = ("cybersecurite", "donnees", "strategie")
catalogues = st.lists(
    st.builds(
        aid,
        nature=st.sampled_from(("accompagnement", "accompagnement", "subvention", "ressource")),
        gratuit=st.booleans(),
        sujets=st.lists(st.sampled_from((*SUBJECTS, "inconnu")), min_size=1, max_size=3, unique=True).map(tuple),
        regions=st.sampled_from(((), (), ("84",), ("11",))),
        filters=st.builds(
            Filters,
            effectif_max=st.sampled_from((None, None, 15, 9)),
            anciennete_min=st.sampled_from((None, None, 6)),
        ),
        valid_until=st.sampled_from((None, None, date(2026, 11, 22))),
    ),
    max_size=16,
).map(lambda found: [replace(entry, id=f"a{number:02d}") for number, entry in enumerate(found)])


def chosen_one_by_one(
    aids: list[Aid], profile: Any, subjects: tuple[str, ...], shown: int, quotas: dict[str, int]
) -> list[tuple[str, str]]:
    """What is to be shown, from the definition: (id, the subject it is shown for)."""
    fitting: dict[str, list[tuple[bool, bool, str, str]]] = {kind: [] for kind in KINDS}
    for entry in aids:
        covered = [subject for subject in subjects if subject in entry.sujets]
        if covered and assess(entry, profile).verdict not in {"non_eligible", "termine"}:
            line = (covered[0] != subjects[0], not entry.regions, entry.id, covered[0])
            fitting[kind_of(entry)].append(line)
    places = {kind: min(quotas[kind], len(found)) for kind, found in fitting.items()}
    for kind, found in fitting.items():
        places[kind] += max(0, min(shown - sum(places.values()), len(found) - places[kind]))
    return [(name, subject) for kind in KINDS for _, _, name, subject in sorted(fitting[kind])[: places[kind]]]


@settings(max_examples=300, deadline=None)
@given(
    aids=catalogues,
    company=companies,
    wanted=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True).map(tuple),
    shown=st.integers(0, 10),
    quotas=st.fixed_dictionaries({kind: st.integers(0, 3) for kind in KINDS}),
)
def test_what_is_shown_is_what_choosing_one_by_one_shows(
    make: Any, aids: list[Aid], company: Company, wanted: tuple[str, ...], shown: int, quotas: dict[str, int]
) -> None:
    rules = replace(make.ruleset, aids=replace(make.ruleset.aids, shown=shown, quotas=quotas))
    catalogue = Catalogue(aids, rules)
    expected = chosen_one_by_one(aids, profile := make.profiler.profile(company, TODAY), wanted, shown, quotas)
    for _ in range(2):  # the second time from memory
        programmes = catalogue.recommend(profile, wanted)
        assert [programme.id for programme in programmes] == [name for name, _ in expected]
        assert [programme.reasons[0] for programme in programmes] == [
            f"Répond à votre besoin : {make.ruleset.subjects[subject]}." for _, subject in expected
        ]
    by_id = {entry.id: entry for entry in aids}
    for programme in programmes:  # pyright: ignore[reportPossiblyUnboundVariable]
        known = assess(by_id[programme.id], profile)
        assert (programme.verdict, programme.reasons[1:]) == (known.verdict, known.reasons)
        assert sorted(programme.missing) == sorted(known.missing)
    listed = catalogue.assess(profile, wanted)
    assert [found.aid.id for found in listed] == [e.id for e in catalogue.aids if set(e.sujets) & set(wanted)]
    assert len(catalogue.assess(profile)) == len(aids)
