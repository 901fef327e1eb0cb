"""Reading of answers: what is plain is taken at once and like the rest; each fault by its place, and not too many."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from diagnostic.diagnostics.answers import wrong_answers
from diagnostic.questionnaire.careful import MOST_FAULTS, Fault, short
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, FORMS, QUESTIONS, TOP_LEVEL, Question
from diagnostic.questionnaire.forms import WORDS as WORDS_OF
from diagnostic.questionnaire.plain import take
from diagnostic.questionnaire.reading import read, read_whole
from diagnostic.questionnaire.schema import answers_schema, document
from diagnostic.questionnaire.sheet import blank, missing, unknown_items, write
from diagnostic.ruleset import RULESET

B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"
WHOLE: dict[str, Any] = write(COMPLET, B)
POINTS: dict[str, Any] = write(EXPRESS, "101010101010")
ROWS = {"echelle", "tri", "oui_non"}
NOT_DONE = str.maketrans("?-", "00")


def items(question: str) -> list[str]:
    return list(FORMS["express" if question == "DII" else "complet"].by_id[question].items)


def codes_of(question: Question) -> st.SearchStrategy[str]:
    """Codes of a question, unknown and not concerned among them."""
    levels = "".join(map(str, range(TOP_LEVEL[question.kind] + 1)))
    each = [st.sampled_from(f"{levels}?{'-' * (item in question.non_concerne)}") for item in question.items]
    if question.exclusive:
        others = st.tuples(*each[:-1]).map("".join)
        return others.map(lambda codes: codes + "0") | st.just("0" * question.countable + "1")
    return st.tuples(*each).map("".join) | st.just("?" * len(question.items))


SHEETS = st.tuples(*(codes_of(question) for question in COMPLET.questions)).map("".join)


def is_plain(sheet: str) -> bool:
    """Whether lists say of nothing that it is unknown, unless of the whole question, or not concerned."""
    every = [(question, sheet[question.span]) for question in COMPLET.questions if question.kind not in ROWS]
    return all(
        not {"?", "-"} & set(codes) or codes == "?" * question.countable + "0" * (len(codes) - question.countable)
        for question, codes in every
    )


# --- what is plain ---------------------------------------------------------------------------------------------------


@given(SHEETS)
def test_what_is_plain_is_taken_at_once_and_what_is_not_is_left_to_be_read_with_care(sheet: str) -> None:
    taken = take("complet", write(COMPLET, sheet))
    assert taken == (sheet if is_plain(sheet) else None)


@given(SHEETS, st.sets(st.sampled_from(sorted(QUESTIONS))))
def test_a_plain_form_is_taken_whatever_questions_nobody_could_answer(sheet: str, unknown: set[str]) -> None:
    kept = "".join(
        sheet[question.span] if question.kind in ROWS else sheet[question.span].translate(NOT_DONE)
        for question in COMPLET.questions
    )
    answers = write(COMPLET, kept) | dict.fromkeys(unknown, "ne_sait_pas")
    careful = read(COMPLET, answers, blank(COMPLET))
    assert (take("complet", answers), careful.faults) == (careful.sheet, [])


def test_an_express_form_is_taken_too() -> None:
    assert take("express", POINTS) == "101010101010"
    assert take("express", {"DII": "ne_sait_pas"}) == "?" * 12


@pytest.mark.parametrize(
    "change",
    [
        {"Q99": []},
        {"Q3": None},
        {"Q3": "site_web"},
        {"Q3": ("site_web",)},
        {"Q3": ["fax"]},
        {"Q3": [["site_web"]]},
        {"Q3": {"oui": ["site_web"]}},
        {"Q3": {"investi": [], "prevu": []}},
        {"Q1": ["achats"]},
        {"Q1": {"investi": []}},
        {"Q1": {"prevu": []}},
        {"Q1": {"investi": [], "prevu": [], "ne_sait_pas": []}},
        {"Q1": {"investi": ("achats",), "prevu": []}},
        {"Q1": {"investi": [], "prevu": ("achats",)}},
        {"Q1": {"investi": {}, "prevu": []}},
        {"Q1": {"investi": [], "prevu": {}}},
        {"Q1": {"investi": ["fax"], "prevu": []}},
        {"Q1": {"investi": [], "prevu": ["fax"]}},
        {"Q4": ["cao_fao"]},
        {"Q4": WHOLE["Q4"] | {"fax": 1}},
        {"Q4": WHOLE["Q4"] | {"cao_fao": 6}},
        {"Q4": WHOLE["Q4"] | {"cao_fao": True}},
        {"Q4": WHOLE["Q4"] | {"cao_fao": False}},
        {"Q4": WHOLE["Q4"] | {"objets_connectes": "non_concerne"}},
        {"Q4": {"cao_fao": 1}},
        {"Q7": ["non_numerisees", "integration"]},
        {"Q7": ["non_numerisees", "politique_donnees"]},
    ],
)
def test_what_is_not_plain_is_never_taken_and_what_lacks_is_never_made_up(change: dict[str, Any]) -> None:
    assert take("complet", WHOLE | change) is None
    short_of = {name: value for name, value in WHOLE.items() if name not in change}
    assert take("complet", short_of) is None or len(short_of) == len(WHOLE)


def test_the_option_that_rules_out_the_others_may_stand_alone() -> None:
    taken = take("complet", WHOLE | {"Q7": ["non_numerisees"]})
    assert taken is not None
    assert taken[QUESTIONS["Q7"].span] == "00000001"


# --- with care -------------------------------------------------------------------------------------------------------


def faults_of(question: str, value: object) -> list[tuple[str, str, tuple[str, ...]]]:
    """What is wrong with one answer: the rest of the path, the reason, what would be right."""
    found = read(COMPLET, {question: value}, blank(COMPLET)).faults
    assert all(fault.path.startswith(f"answers.{question}") for fault in found)
    return [(fault.path.removeprefix(f"answers.{question}"), fault.reason, fault.allowed) for fault in found]


NOT_HERE = "« non_concerne » n’est pas permis ici"
WORDS = ("non", "partiel", "oui", "ne_sait_pas")
LEVELS = ("0", "1", "2", "3", "4", "5", "ne_sait_pas")


@pytest.mark.parametrize(
    ("question", "value", "expected"),
    [
        ("Q1", ["achats"], [("", "objet attendu", ("investi", "prevu", "ne_sait_pas"))]),
        (
            "Q1",
            {"non_concerne": []},
            [(".non_concerne", "champ inconnu", ("prevu", "investi", "ne_sait_pas"))],
        ),
        ("Q2", {"non": []}, [(".non", "champ inconnu", ("oui", "ne_sait_pas", "non_concerne"))]),
        ("Q3", {"non": []}, [(".non", "champ inconnu", ("oui", "ne_sait_pas"))]),
        ("Q3", 7, [("", "liste d’options attendue", tuple(items("Q3")))]),
        ("Q3", {"ne_sait_pas": "site_web"}, [(".ne_sait_pas", "liste d’options attendue", tuple(items("Q3")))]),
        (
            "Q3",
            {"oui": ["site_web"], "ne_sait_pas": ["site_web"]},
            [(".ne_sait_pas[0]", "« site_web » a déjà une autre réponse", ())],
        ),
        (
            "Q2",
            {"non_concerne": [items("Q2")[0]]},
            [(".non_concerne[0]", "« non_concerne » n’est pas permis ici", ("services_associes",))],
        ),
        (
            "Q7",
            {"ne_sait_pas": ["non_numerisees"]},
            [(".ne_sait_pas[0]", "« non_numerisees » ne peut être que cochée ou non", ())],
        ),
        (
            "Q7",
            ["fax", "non_numerisees", "integration"],
            [
                ("[0]", "option inconnue « fax »", tuple(items("Q7"))),
                ("", "« non_numerisees » exclut toutes les autres options", ()),
            ],
        ),
        ("Q7", ["fax", "non_numerisees"], [("[0]", "option inconnue « fax »", tuple(items("Q7")))]),
        ("Q4", [], [("", "objet attendu : une valeur par ligne", tuple(items("Q4")))]),
        ("Q4", {"fax": 1}, [(".fax", "ligne inconnue", tuple(items("Q4")))]),
        ("Q4", {7: 1}, [(".7", "ligne inconnue", tuple(items("Q4")))]),
        ("Q4", {"cao_fao": 6}, [(".cao_fao", "entier de 0 à 5 attendu, reçu « 6 »", LEVELS)]),
        ("Q4", {"cao_fao": [1]}, [(".cao_fao", "entier de 0 à 5 attendu, reçu « list »", LEVELS)]),
        ("Q4", {"cao_fao": True}, [(".cao_fao", "entier de 0 à 5 attendu, reçu « True »", LEVELS)]),
        ("Q4", {"objets_connectes": "non_concerne"}, [(".objets_connectes", NOT_HERE, LEVELS)]),
        ("Q4", {"cao_fao": "non_concerne", "fax": 1}, [(".fax", "ligne inconnue", tuple(items("Q4")))]),
        ("Q4", {"cao_fao": None, "fax": 1}, [(".fax", "ligne inconnue", tuple(items("Q4")))]),
        ("Q11", {"conso_suivie": 1}, [(".conso_suivie", "mot inconnu « 1 »", WORDS)]),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_what_would_be_right(
    question: str, value: object, expected: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert faults_of(question, value) == expected


@pytest.mark.parametrize(
    ("question", "value", "codes"),
    [
        ("Q1", {}, "0000000000"),
        ("Q1", {"prevu": [items("Q1")[0]], "investi": items("Q1")[:2]}, "2200000000"),
        ("Q1", {"prevu": items("Q1")[:2], "investi": items("Q1")[1:2], "ne_sait_pas": items("Q1")[2:3]}, "12?0000000"),
        ("Q2", {"oui": items("Q2")[:1], "non_concerne": ["services_associes"]}, "1000000-00"),
        ("Q2", {"oui": None}, "0000000000"),
        ("Q2", {"oui": None, "ne_sait_pas": items("Q2")[1:2] * 2}, "0?00000000"),
        ("Q2", tuple(items("Q2")[:1]), "1000000000"),
        ("Q2", {"oui": tuple(items("Q2")[:1])}, "1000000000"),
        ("Q2", {"ne_sait_pas": tuple(items("Q2")[:1])}, "?000000000"),
        ("Q4", {items("Q4")[0]: "ne_sait_pas", items("Q4")[1]: 5}, "?5....."),
        ("Q4", dict.fromkeys(items("Q4"), None), "......."),
        ("Q4", {"cao_fao": "non_concerne", items("Q4")[0]: 2.0}, None),
        ("Q7", ["non_numerisees"], "00000001"),
        ("Q7", "ne_sait_pas", "???????0"),
        ("Q11", {items("Q11")[0]: "partiel", items("Q11")[4]: "non"}, "1...0"),
    ],
)
def test_an_answer_is_put_in_its_place_and_nowhere_else(question: str, value: object, codes: str | None) -> None:
    before = B.replace("0", "1")
    span = QUESTIONS[question].span
    sheet, faults = read(COMPLET, {question: value}, before)
    assert faults == []
    assert (sheet[: span.start], sheet[span.stop :]) == (before[: span.start], before[span.stop :])
    if codes is not None:
        assert sheet[span] == codes
    cleared, faults = read(COMPLET, {question: None}, before)
    assert cleared == before[: span.start] + "." * (span.stop - span.start) + before[span.stop :]


@pytest.mark.parametrize("question", ["Q1", "Q4", "Q3", "Q7", "Q11"])
def test_what_is_wrong_changes_no_other_answer(question: str) -> None:
    span = QUESTIONS[question].span
    wrong: tuple[object, ...] = (7, [], {"fax": 1}, {"oui": ["fax"]}, ["fax"], {"investi": ["fax"]})
    for value in wrong:
        sheet = read(COMPLET, {question: value}, B).sheet
        assert (sheet[: span.start], sheet[span.stop :]) == (B[: span.start], B[span.stop :])


def test_a_row_answered_wrongly_is_answered_and_is_not_called_missing_as_well() -> None:
    rows = WHOLE["Q4"] | {"cao_fao": "beaucoup"}
    faults = read_whole(COMPLET, WHOLE | {"Q4": rows}, blank(COMPLET)).faults
    assert [fault.path for fault in faults] == ["answers.Q4.cao_fao"]


def broken(where: str, count: int) -> dict[str, Any]:
    """Answers with so many faults of one sort."""
    names = [f"fax {number}" for number in range(count)]
    wrong: dict[str, dict[str, Any]] = {
        "questions": dict.fromkeys(names, 1),
        "options": {"Q3": names},
        "groups": {"Q3": dict.fromkeys(names, 1)},
        "unknown options": {"Q3": {"ne_sait_pas": names}},
        "rows": {"Q4": dict.fromkeys(names, 1)},
    }
    return wrong[where]


@pytest.mark.parametrize("where", ["questions", "options", "groups", "unknown options", "rows"])
def test_one_fault_more_than_are_listed_is_looked_for_and_no_further(where: str) -> None:
    for count in (MOST_FAULTS - 1, MOST_FAULTS, MOST_FAULTS + 1, MOST_FAULTS + 2):
        faults = read(COMPLET, broken(where, count), blank(COMPLET)).faults
        assert len(faults) == min(count, MOST_FAULTS + 1)


def test_faults_are_listed_to_the_last_that_may_be_and_others_are_mentioned() -> None:
    def told(count: int) -> str:
        return wrong_answers([Fault(f"answers.{number}", "faux") for number in range(count)]).detail

    assert told(MOST_FAULTS).endswith(f"answers.{MOST_FAULTS - 1} : faux")
    assert told(MOST_FAULTS + 1) == f"{told(MOST_FAULTS)} ; et d’autres"


def test_a_question_is_read_after_one_with_faults() -> None:
    faults = read(COMPLET, {"Q3": ["fax"], "Q5": ["fax"], "Q99": 1, "Q8": 1}, blank(COMPLET)).faults
    assert [fault.path for fault in faults] == ["answers.Q3[0]", "answers.Q5[0]", "answers.Q99", "answers.Q8"]


def test_what_was_sent_is_shown_whole_or_cut_to_the_longest_that_is_shown() -> None:
    longest = next(size for size in range(1, 1000) if short("x" * (size + 1)) != "x" * (size + 1))
    assert short("x" * longest) == "x" * longest
    for size in (longest + 1, 10 * longest):
        assert short("x" * size) == "x" * (longest - 1) + "…"
    assert [short(value) for value in (None, True, 2.5, 7, "mot", [1], {"a": 1})] == [
        "None", "True", "2.5", "7", "mot", "list", "dict",
    ]  # fmt: skip


def test_only_what_lacks_and_has_no_fault_yet_is_called_missing() -> None:
    partly = {name: value for name, value in WHOLE.items() if name not in {"Q5", "Q9"}} | {"Q9": {"langage": 1}}
    faults = read_whole(COMPLET, partly | {"Q3": ["fax"]}, blank(COMPLET)).faults
    rows = [f"answers.Q9.{item}" for item in items("Q9") if item != "langage"]
    assert [fault.path for fault in faults] == ["answers.Q3[0]", "answers.Q5", *rows]


def test_a_grid_that_is_wrong_as_a_whole_is_not_called_missing_as_well() -> None:
    faults = read_whole(COMPLET, WHOLE | {"Q4": [1, 2]}, blank(COMPLET)).faults
    assert [fault.path for fault in faults] == ["answers.Q4"]


def test_the_highest_level_of_a_kind_is_that_of_its_highest_word() -> None:
    for kind, words in WORDS_OF.items():
        assert sorted(map(int, words.values())) == list(range(TOP_LEVEL[kind] + 1))[: len(words)]
    assert [len(WORDS_OF[kind]) for kind in ("tri", "oui_non")] == [TOP_LEVEL["tri"] + 1, TOP_LEVEL["oui_non"] + 1]


# --- sheets ----------------------------------------------------------------------------------------------------------


def test_what_lacks_is_named_by_question_or_by_row() -> None:
    def lacking(question: str, codes: str) -> list[str]:
        span = QUESTIONS[question].span
        return missing(COMPLET, B[: span.start] + codes + B[span.stop :])

    assert missing(COMPLET, B) == []
    assert lacking("Q4", ".......") == ["answers.Q4"]
    assert lacking("Q4", "0.....0") == [f"answers.Q4.{item}" for item in items("Q4")[1:6]]
    assert lacking("Q11", "....1") == [f"answers.Q11.{item}" for item in items("Q11")[:4]]
    assert lacking("Q3", ".111111111") == lacking("Q3", "..........") == ["answers.Q3"]


def test_what_is_unknown_is_named_and_nothing_else() -> None:
    start = QUESTIONS["Q4"].start
    assert unknown_items(COMPLET, B) == ()
    assert unknown_items(COMPLET, f"{B[:start]}?{B[start + 1 :]}") == (f"Q4.{items('Q4')[0]}",)
    assert unknown_items(COMPLET, "?" * COMPLET.size) == tuple(
        f"{question.id}.{item}" for question in COMPLET.questions for item in question.items
    )


# --- the schema ------------------------------------------------------------------------------------------------------


def validator(kind: str) -> Any:
    return Draft202012Validator(json.loads(msgspec.json.encode(answers_schema(FORMS[kind]))))


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": 0}}, True),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": 5}}, True),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": "non_concerne"}}, True),
        ({"Q2": {"non_concerne": ["services_associes"]}}, True),
        ({"Q2": {}}, True),
        ({"Q7": ["non_numerisees"]}, True),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": -1}}, False),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": 6}}, False),
        ({"Q4": WHOLE["Q4"] | {"cao_fao": "oui"}}, False),
        ({"Q4": WHOLE["Q4"] | {"objets_connectes": "non_concerne"}}, False),
        ({"Q4": WHOLE["Q4"] | {"fax": 1}}, False),
        ({"Q4": {"cao_fao": 1}}, False),
        ({"Q11": WHOLE["Q11"] | {"conso_suivie": 1}}, False),
        ({"Q11": WHOLE["Q11"] | {"conso_suivie": "non_concerne"}}, False),
        ({"Q2": {"non_concerne": ["specialiste"]}}, False),
        ({"Q3": {"non_concerne": []}}, False),
        ({"Q3": ["fax"]}, False),
        ({"Q1": {"oui": []}}, False),
        ({"Q7": ["non_numerisees", "integration"]}, False),
        ({"Q7": {"ne_sait_pas": ["non_numerisees"]}}, False),
        ({"Q99": []}, False),
        ({"Q3": None}, False),
    ],
)
def test_the_schema_takes_what_reading_takes_and_refuses_what_it_refuses(change: dict[str, Any], valid: bool) -> None:
    answers = WHOLE | change
    assert validator("complet").is_valid(answers) is valid
    assert (read_whole(COMPLET, answers, blank(COMPLET)).faults == []) is valid


def test_the_schema_asks_for_every_question() -> None:
    for name in WHOLE:
        assert not validator("complet").is_valid({each: value for each, value in WHOLE.items() if each != name})
    assert validator("express").is_valid(POINTS)
    assert not validator("express").is_valid({"DII": POINTS["DII"] | {"erp": 1}})
    assert not validator("express").is_valid({"DII": POINTS["DII"] | {"erp": "partiel"}})


def test_a_form_is_shown_with_its_own_bands_and_names_the_option_that_stands_alone() -> None:
    shown: dict[str, Any] = {kind: document(form) for kind, form in FORMS.items()}
    bands = {"complet": RULESET.bands, "express": RULESET.express.bands}
    for kind, document_ in shown.items():
        assert [band["id"] for band in document_["bands"]] == [band.id for band in bands[kind]]
    exclusive = {question["id"]: question["exclusive"] for question in shown["complet"]["questions"]}
    assert exclusive == dict.fromkeys(QUESTIONS, None) | {"Q7": "non_numerisees"}
    asked: Any = answers_schema(COMPLET)["properties"]
    assert [name for name, each in asked.items() if "contains" in str(each)] == ["Q7"]
    assert [level["value"] for level in shown["complet"]["scale"]] == list(range(6))
