"""A SIREN is nine digits with a Luhn key; python-stdnum is the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import siren as oracle

from common.siren import is_siren


@given(st.from_regex(r"[0-9]{8,10}", fullmatch=True))
def test_digits_are_judged_as_the_library_judges_them(digits: str) -> None:
    assert is_siren(digits) == (oracle.is_valid(digits) and int(digits) > 0)


@pytest.mark.parametrize(
    "text", ["", "732829320 ", "732 829 320", "７３２８２９３２０", "73282932O", "000000000", "-32829320"]
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_siren(text)
