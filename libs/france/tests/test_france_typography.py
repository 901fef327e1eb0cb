"""Amounts, numbers and dates in French: examples, and agreement with Babel's CLDR on anything."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from france.typography import euros, long_day, number, one_decimal, one_line, plain, short_day, short_euros


def test_amounts() -> None:
    assert euros(123_456_789) == "1\u202f234\u202f567,89\u00a0€"
    assert (euros(5), euros(-5), euros(-123_456)) == ("0,05\u00a0€", "-0,05\u00a0€", "-1\u202f234,56\u00a0€")
    assert euros(-1) == "-0,01\u00a0€"
    assert (short_euros(100), short_euros(101)) == ("1\u00a0€", "1,01\u00a0€")
    assert plain(short_euros(123_456_789)) == "1 234 567,89 €"


@given(st.integers(-(10**14), 10**14))
def test_amounts_are_those_of_the_library(cents: int) -> None:
    amount = Decimal(cents) / 100
    assert euros(cents) == format_currency(amount, "EUR", locale="fr_FR")
    pattern = "#,##0.00\u00a0¤" if cents % 100 else "#,##0\u00a0¤"
    assert short_euros(cents) == format_currency(amount, "EUR", pattern, locale="fr_FR", currency_digits=False)


def test_numbers() -> None:
    assert number(1_234_567.4) == "1\u202f234\u202f567"
    assert number(12) == "12"
    assert [one_decimal(value) for value in (43.75793650793651, 100.0, 0.05, 0.25)] == ["43,8", "100,0", "0,1", "0,3"]


@given(st.floats(0, 100))
def test_one_decimal_is_that_of_the_library(value: float) -> None:
    rounded = Decimal(repr(value)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    assert one_decimal(value) == format_decimal(rounded, "0.0", locale="fr_FR")


def test_days() -> None:
    assert short_day(date(2026, 2, 3)) == "03/02/2026"
    assert long_day(date(2026, 2, 1)) == "1er février 2026"
    assert long_day(date(2026, 8, 11)) == "11 août 2026"
    assert long_day(datetime(2026, 7, 1, 22, 5, tzinfo=UTC)) == "2 juillet 2026"


@given(st.dates(date(1900, 1, 1)))
def test_days_in_words_are_those_of_the_library(day: date) -> None:
    words = format_date(day, "d MMMM y", locale="fr_FR")
    assert long_day(day) == (f"1er{words[1:]}" if day.day == 1 else words)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ATELIER DU PORT", "ATELIER DU PORT"),
        (" ATELIER", "ATELIER"),
        ("ATELIER ", "ATELIER"),
        ("ATELIER  DU PORT", "ATELIER DU PORT"),
        ("ATELIER\nDU\tPORT", "ATELIER DU PORT"),
        ("ATELIER\u200bDU\x00PORT", "ATELIER DU PORT"),
        (" ", ""),
        ("", ""),
    ],
)
def test_a_text_on_one_line_has_no_blanks_but_single_ones_between_words(text: str, line: str) -> None:
    assert one_line(text) == line
