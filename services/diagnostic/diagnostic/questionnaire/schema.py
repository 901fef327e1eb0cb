"""The questionnaires as clients read them: a document to show, a JSON Schema of the answers."""

from typing import Any, Final, Literal, TypeAlias, TypedDict

from diagnostic.questionnaire.forms import (
    NOT_CONCERNED_WORD,
    SCALE,
    TOP_LEVEL,
    UNKNOWN_WORD,
    WORDS,
    Question,
    Questionnaire,
)
from diagnostic.ruleset import RULESET
from diagnostic.terms import BandName, ExpressBandName, FormKind, QuestionKind

Json: TypeAlias = dict[str, Any]


class Option(TypedDict):
    """An option or a row of a question."""

    id: str
    label: str


class DimensionView(TypedDict):
    """An axis of the result."""

    id: str
    label: str
    weight: int


class BandRange(TypedDict):
    """A named range of a score, `up_to` included."""

    id: BandName | ExpressBandName
    label: str
    up_to: float


class Level(TypedDict):
    """A level of the scale."""

    value: int
    label: str


class QuestionView(TypedDict):
    """A question to show."""

    id: str
    kind: QuestionKind
    dimension: str
    label: str
    how: str
    exclusive: str | None
    non_concerne: tuple[str, ...]
    items: list[Option]


class QuestionnaireView(TypedDict):
    """A questionnaire to show: every label is French."""

    id: FormKind
    label: str
    referential: str
    version: str
    ruleset_version: str
    minutes: int
    answers_schema: str
    dimensions: list[DimensionView]
    bands: list[BandRange]
    scale: list[Level]
    words: dict[str, str]
    questions: list[QuestionView]


AnswersSchema = TypedDict(
    "AnswersSchema",
    {
        "$schema": str,
        "title": str,
        "type": Literal["object"],
        "properties": dict[str, Json],
        "required": list[str],
        "additionalProperties": Literal[False],
    },
)
"""A JSON Schema of answers."""

WORD_LABELS: Final = {
    "oui": "Oui",
    "partiel": "En partie",
    "non": "Non",
    UNKNOWN_WORD: "Je ne sais pas",
    NOT_CONCERNED_WORD: "Non concerné",
}
"""French labels of the words an answer may hold."""

_HOW: Final = {
    "multi": 'Liste des options cochées, ou {"oui": […], "ne_sait_pas": […], "non_concerne": […]}.',
    "double": '{"investi": […], "prevu": […]} ; une option des deux listes compte comme investie.',
    "echelle": "Une valeur de 0 à 5 par ligne.",
    "tri": "« oui », « partiel » ou « non » par ligne.",
    "oui_non": "« oui » ou « non » par ligne.",
}


def document(form: Questionnaire) -> QuestionnaireView:
    """A questionnaire to show: every label is French."""
    bands = RULESET.bands if form.id == "complet" else RULESET.express.bands
    return {
        "id": form.id,
        "label": form.label,
        "referential": form.referential,
        "version": form.version,
        "ruleset_version": RULESET.ruleset_version,
        "minutes": form.minutes,
        "answers_schema": f"/v1/questionnaire/schema?kind={form.id}",
        "dimensions": [{"id": d.id, "label": d.label, "weight": d.weight} for d in form.dimensions],
        "bands": [{"id": band.id, "label": band.label, "up_to": band.up_to} for band in bands],
        "scale": [{"value": value, "label": label} for value, label in enumerate(SCALE)],
        "words": WORD_LABELS,
        "questions": [_shown(question) for question in form.questions],
    }


def _shown(question: Question) -> QuestionView:
    return {
        "id": question.id,
        "kind": question.kind,
        "dimension": question.dimension,
        "label": question.label,
        "how": _HOW[question.kind],
        "exclusive": question.exclusive or None,
        "non_concerne": question.non_concerne,
        "items": [{"id": item, "label": label} for item, label in question.items.items()],
    }


def answers_schema(form: Questionnaire) -> AnswersSchema:
    """JSON Schema of the `answers` of a complete submission; a draft may leave questions out or set them to null."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Réponses : {form.label}",
        "type": "object",
        "properties": {question.id: _schema_of(question) for question in form.questions},
        "required": [question.id for question in form.questions],
        "additionalProperties": False,
    }


def _schema_of(question: Question) -> Json:
    forms = {"multi": _multi, "double": _double}.get(question.kind, _rows)(question)
    return {"title": question.label, "oneOf": [*forms, {"const": UNKNOWN_WORD}]}


def _options(question: Question) -> Json:
    schema: Json = {"type": "array", "items": {"enum": list(question.items)}}
    if question.exclusive:
        alone = {"items": {"const": question.exclusive}}
        schema |= {"if": {"contains": {"const": question.exclusive}}, "then": alone}
    return schema


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _multi(question: Question) -> list[Json]:
    some = {"type": "array", "items": {"enum": list(question.items)[: question.countable]}}
    groups: Json = {"oui": _options(question), UNKNOWN_WORD: some}
    if question.non_concerne:
        groups[NOT_CONCERNED_WORD] = {"type": "array", "items": {"enum": list(question.non_concerne)}}
    return [_options(question), _object(groups, [])]


def _double(question: Question) -> list[Json]:
    return [_object(dict.fromkeys(("investi", "prevu", UNKNOWN_WORD), _options(question)), [])]


def _rows(question: Question) -> list[Json]:
    levels: Json = {"type": "integer", "minimum": 0, "maximum": TOP_LEVEL["echelle"]}
    value: Json = levels if question.kind == "echelle" else {"enum": list(WORDS[question.kind])}
    properties: Json = {}
    for item in question.items:
        words = [UNKNOWN_WORD, *((NOT_CONCERNED_WORD,) if item in question.non_concerne else ())]
        properties[item] = {"anyOf": [value, {"enum": words}]}
    return [_object(properties, list(question.items))]
