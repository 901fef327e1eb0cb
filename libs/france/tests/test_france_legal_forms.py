"""Legal forms of INSEE's list."""

import pytest

from france.legal_forms import LEGAL_FORMS, legal_form


@pytest.mark.parametrize(
    ("raw", "form"),
    [("5710", "5710"), ("1000", "1000"), ("5498", "5499"), ("5720", "5710"), ("9999", ""), ("54", ""), ("SARL", "")],
)
def test_a_legal_form_is_one_of_the_list_or_none(raw: str, form: str) -> None:
    assert legal_form(raw) == form


def test_the_list_is_whole() -> None:
    assert len(LEGAL_FORMS) == 260
    assert all(len(form) == 4 for form in LEGAL_FORMS)
