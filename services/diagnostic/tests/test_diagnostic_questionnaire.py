"""The package data holds together, and clients can read it."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from diagnostic.measures.table import BY_ID, TABLE
from diagnostic.questionnaire.careful import MOST_FAULTS
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, FORMS, QUESTIONS, Question, arranged
from diagnostic.questionnaire.reading import read, read_whole
from diagnostic.questionnaire.schema import answers_schema, document
from diagnostic.questionnaire.sheet import blank, unknown_items, write
from diagnostic.ruleset import RULESET
from diagnostic.scoring.scores import score

ITEMS = {
    "Q1": 10,
    "Q2": 10,
    "Q3": 10,
    "Q4": 7,
    "Q5": 7,
    "Q6": 8,
    "Q7": 8,
    "Q8": 6,
    "Q9": 5,
    "Q10": 10,
    "Q11": 5,
    "E1": 6,
    "E2": 6,
    "E3": 5,
    "E4": 5,
}
SUBJECTS = {
    "visibilite_web",
    "vente_en_ligne",
    "e_international",
    "gestion_erp_crm",
    "facture_electronique",
    "donnees",
    "cybersecurite",
    "ia_automatisation",
    "competences_formation",
    "numerique_responsable",
    "financement",
    "mutualisation",
    "strategie",
}
SPEND = {
    "logiciel_abonnement",
    "site_ecommerce",
    "visibilite",
    "donnees_ia",
    "cybersecurite",
    "integration_migration",
    "conseil_strategie",
    "formation_accompagnement",
    "international",
    "propriete_numerique",
    "expert_partage_couts",
}


def codes_of(question: Question, *, unknown: bool = True) -> st.SearchStrategy[str]:
    """Any valid codes of a question."""
    levels = {"multi": "01", "double": "012", "echelle": "012345", "tri": "012", "oui_non": "01"}[question.kind]
    aside = "?" if unknown else ""
    each = [st.sampled_from(levels + aside + ("-" if item in question.non_concerne else "")) for item in question.items]
    if question.exclusive:
        countable = st.tuples(*each[:-1]).map("".join)
        return st.one_of(countable.map(lambda codes: codes + "0"), st.just("0" * question.countable + "1"))
    return st.tuples(*each).map("".join)


SHEETS = st.tuples(*(codes_of(question) for question in COMPLET.questions)).map("".join)


def test_the_questions_and_their_options_are_those_of_the_referential() -> None:
    assert {name: len(question.items) for name, question in QUESTIONS.items()} == ITEMS
    assert len(EXPRESS.questions[0].items) == 12
    assert (COMPLET.reference, EXPRESS.reference) == ("DMA-PME/2026.1", "DII-12/2026.1")
    assert QUESTIONS["Q4"].non_concerne == ("cao_fao", "pilotage_atelier", "impression_3d")
    assert QUESTIONS["Q2"].non_concerne == (list(QUESTIONS["Q2"].items)[7],) == ("services_associes",)
    assert QUESTIONS["Q7"].exclusive == "non_numerisees"
    assert QUESTIONS["Q7"].countable == 7


def test_every_countable_item_and_every_question_has_a_measure_with_known_subject_and_spend() -> None:
    assert len(TABLE) == COMPLET.size - 1 + len(COMPLET.questions)
    for question in COMPLET.questions:
        for item in list(question.items)[: question.countable]:
            assert f"{question.id}.{item}" in BY_ID
        assert f"{question.id}.clarifier" in BY_ID
    for entry in TABLE:
        assert entry.measure.subject in SUBJECTS
        assert entry.measure.spend_categories
        assert set(entry.measure.spend_categories) <= SPEND
        assert {entry.effort, entry.effect, entry.priority} <= {1, 2, 3}
        assert entry.guide_url.startswith("https://")
    assert {entry.measure.subject for entry in TABLE} == SUBJECTS
    assert {category for entry in TABLE for category in entry.measure.spend_categories} == SPEND


def test_the_gap_labels_and_bands_cover_what_scoring_says() -> None:
    assert set(RULESET.gaps.labels) == {"ambition_sans_moyens", "outils_sans_competences", "donnees_sans_securite"}
    assert RULESET.bands[-1].up_to == 100
    assert RULESET.express.bands[-1].up_to == 12


@pytest.mark.parametrize("change", [{"dimension": "D9"}, {"non_concerne": ("x",)}, {"exclusive": "site_web"}])
def test_data_that_contradict_themselves_do_not_load(change: dict[str, Any]) -> None:
    broken = replace(COMPLET, questions=(replace(QUESTIONS["Q3"], **change),))
    with pytest.raises(ValueError, match="complet: Q3"):
        arranged(broken)


@pytest.mark.parametrize("kind", FORMS)
def test_the_document_and_the_schema_are_plain_json(kind: str) -> None:
    shown: Any = json.loads(msgspec.json.encode(document(FORMS[kind])))
    assert [question["id"] for question in shown["questions"]] == [question.id for question in FORMS[kind].questions]
    assert all(item["label"] for question in shown["questions"] for item in question["items"])
    Draft202012Validator.check_schema(json.loads(msgspec.json.encode(answers_schema(FORMS[kind]))))


VALIDATOR: Any = Draft202012Validator(json.loads(msgspec.json.encode(answers_schema(COMPLET))))


@given(SHEETS)
def test_any_valid_sheet_survives_the_wire_fits_the_schema_and_scores_within_bounds(sheet: str) -> None:
    answers: Any = json.loads(json.dumps(write(COMPLET, sheet)))
    assert VALIDATOR.is_valid(answers)
    reading = read_whole(COMPLET, answers, blank(COMPLET))
    assert reading.faults == []
    assert reading.sheet == sheet
    result = score(sheet)
    assert all(0 <= value <= 100 for value in result.scores.values())
    assert 0 <= result.global_score <= 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from([*QUESTIONS, "Q99"]) | st.text(max_size=5)
WORDS = st.sampled_from(
    ["site_web", "non_numerisees", "politique_donnees", "cao_fao", "investi", "oui", "ne_sait_pas", "non_concerne"]
)


@given(st.dictionaries(NAMES, JSON | st.lists(WORDS | JSON) | st.dictionaries(WORDS, WORDS | st.lists(WORDS) | JSON)))
def test_reading_never_fails_and_what_it_takes_the_schema_takes(answers: dict[str, object]) -> None:
    reading = read(COMPLET, answers, blank(COMPLET))
    assert len(reading.sheet) == COMPLET.size
    if not reading.faults:
        for name, value in answers.items():
            again = read(COMPLET, {name: write(COMPLET, reading.sheet).get(name)}, blank(COMPLET))
            assert again.faults == []
            assert value is None or name in QUESTIONS


def test_an_answer_with_too_many_faults_is_not_read_to_its_end() -> None:
    name = next(name for name, question in QUESTIONS.items() if question.kind == "echelle")
    reading = read(COMPLET, {name: {f"ligne {number}": 9 for number in range(1000)}}, blank(COMPLET))
    assert MOST_FAULTS < len(reading.faults) < 2 * MOST_FAULTS


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_question_that_nobody_could_answer_is_one_word(name: str) -> None:
    reading = read(COMPLET, {name: "ne_sait_pas"}, blank(COMPLET))
    assert reading.faults == []
    assert write(COMPLET, reading.sheet) == {name: "ne_sait_pas"}


def test_what_nobody_knows_is_listed_by_question_and_item() -> None:
    sheet = read(COMPLET, {"Q1": "ne_sait_pas"}, blank(COMPLET)).sheet
    assert unknown_items(COMPLET, blank(COMPLET)) == ()
    assert set(unknown_items(COMPLET, sheet)) <= {f"Q1.{item}" for item in QUESTIONS["Q1"].items}
    assert len(unknown_items(COMPLET, sheet)) >= QUESTIONS["Q1"].countable
