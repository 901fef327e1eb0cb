"""Versions of the forms: by which one a sheet was filled in, how a draft moves to the one in force, item by item."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

import msgspec

from diagnostic.questionnaire.forms import FORMS, NOT_CONCERNED, UNANSWERED, Questionnaire, arranged
from diagnostic.terms import FormKind

FIRST: Final[Mapping[FormKind, str]] = MappingProxyType({"complet": "DMA-PME/2026.1", "express": "DII-12/2026.1"})
"""The form of drafts that name none: they were opened before drafts did."""


def archived(folder: Traversable) -> tuple[Questionnaire, ...]:
    """The forms that were in force before, one a TOML file; none where the folder is not there.

    A new version of a form is a new `version` in its file, and the file as it was goes here: what was answered by it
    stays readable.
    """
    if not folder.is_dir():
        return ()
    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")]
    return tuple(arranged(msgspec.convert(tomllib.loads(text), Questionnaire)) for text in texts)


KNOWN: Final[dict[str, Questionnaire]] = {
    form.reference: form for form in (*archived(files("diagnostic") / "data" / "anciens"), *FORMS.values())
}
"""Referential and version → form, those in force included."""


def form_of(reference: str, kind: FormKind) -> Questionnaire | None:
    """The form that a sheet of this reference was filled in by; None when it is not kept here."""
    return KNOWN.get(reference or FIRST[kind])


def carried(before: Questionnaire, sheet: str, after: Questionnaire) -> str:
    """A sheet moved to another form: each answer follows its item; what the new form asks anew is open.

    A question that is answered in another way, or has another exclusive option, is asked anew as a whole.
    """
    if before.reference == after.reference:
        return sheet
    codes: list[str] = []
    for question in after.questions:
        asked = before.by_id.get(question.id)
        if asked is None or (asked.kind, asked.exclusive) != (question.kind, question.exclusive):
            codes.append(UNANSWERED * len(question.items))
            continue
        answers = dict(zip(asked.items, sheet[asked.span], strict=True))
        for item in question.items:
            code = answers.get(item, UNANSWERED)
            codes.append(UNANSWERED if code == NOT_CONCERNED and item not in question.non_concerne else code)
    return "".join(codes)
