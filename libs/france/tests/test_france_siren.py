"""SIREN, SIRET and VAT numbers: the published examples, La Poste, and agreement with python-stdnum on anything."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.fr import siren as stdnum_siren
from stdnum.fr import siret as stdnum_siret

from france.siren import (
    LA_POSTE,
    check_siren,
    check_siret,
    clean,
    in_groups,
    is_siren,
    is_siret,
    siren_of,
    siret_of,
    vat_number,
)


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=length, max_size=length)


def completed(prefix: str) -> str:
    """The number with the Luhn digit that makes it valid."""
    return prefix + luhn.calc_check_digit(prefix)


@pytest.mark.parametrize("raw", ["732829320", "732 829 320", "732.829.320", " 732-829-320 ", "356000000"])
def test_valid_sirens(raw: str) -> None:
    assert check_siren(raw) == (clean(raw), "")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("123456789", "clé de contrôle du SIREN fausse"),
        ("000000000", "un SIREN de zéros n'existe pas"),
        ("73282932", "un SIREN a 9 chiffres, pas 8"),
        ("73282932A", "un SIREN ne contient que des chiffres"),
        ("٧٣٢٨٢٩٣٢٠", "un SIREN ne contient que des chiffres"),
        ("", "SIREN absent"),
        (" - ", "SIREN absent"),
    ],
)
def test_refused_sirens_say_why(raw: str, reason: str) -> None:
    assert check_siren(raw) == ("", reason)


@pytest.mark.parametrize(
    "raw",
    [
        "73282932000074",
        "732 829 320 00074",
        "83014132100034",
        "35600000049837",  # La Poste: the digit sum only
        "35600000000048",  # La Poste's head office: Luhn only
    ],
)
def test_valid_sirets(raw: str) -> None:
    assert check_siret(raw) == (clean(raw), "")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("73282932000075", "clé de contrôle du SIRET fausse"),
        ("00000000000000", "un SIRET de zéros n'existe pas"),
        ("7328293200007", "un SIRET a 14 chiffres, pas 13"),
        ("35600000049838", "clé de contrôle du SIRET fausse"),
        ("12345678900003", "le SIREN 123456789 de ce SIRET n'est pas valide"),
        ("7328293200007A", "un SIRET ne contient que des chiffres"),
        ("73282932000004", "clé de contrôle du SIRET fausse"),  # a digit sum that only La Poste may pass by
    ],
)
def test_refused_sirets_say_why(raw: str, reason: str) -> None:
    assert check_siret(raw) == ("", reason)


@given(digits(5))
def test_a_post_office_passes_luhn_or_the_digit_sum_and_nothing_else(nic: str) -> None:
    siret = LA_POSTE + nic
    assert is_siret(siret) == (luhn.is_valid(siret) or sum(map(int, siret)) % 5 == 0)


@given(digits(9) | digits(8).map(completed) | st.text(max_size=12))
@example("000000000")
@example("999000003")
@example("000030999")
def test_sirens_are_those_of_stdnum_without_zero(text: str) -> None:
    bare = text.isascii() and text.isdigit()
    assert is_siren(text) == (bare and stdnum_siren.is_valid(text) and text != "000000000")


@given(digits(14) | st.tuples(digits(8), digits(4)).map(lambda p: completed(completed(p[0]) + p[1])) | st.text())
def test_sirets_are_those_of_stdnum_outside_la_poste(text: str) -> None:
    if not text.startswith(LA_POSTE):
        bare = text.isascii() and text.isdigit()
        assert is_siret(text) == (bare and stdnum_siret.is_valid(text) and not text.startswith("000000000"))


@given(st.text())
def test_checking_never_raises(text: str) -> None:
    for value, reason in (check_siren(text), check_siret(text)):
        assert bool(value) != bool(reason)


@given(digits(8).map(completed))
def test_the_vat_key_is_the_published_formula(siren: str) -> None:
    assert vat_number(siren) == f"FR{(12 + 3 * (int(siren) % 97)) % 97:02}{siren}"


def test_the_vat_number_of_the_published_example() -> None:
    assert vat_number("732829320") == "FR44732829320"


@given(st.integers(0, 99_999_999), st.integers(1, 9_999))
def test_made_numbers_are_those_of_the_library(first_eight: int, establishment: int) -> None:
    siren = siren_of(first_eight)
    assert siren == completed(f"{first_eight:08}")
    assert siret_of(siren, establishment) == completed(f"{siren}{establishment:04}")


def test_the_published_examples_are_made() -> None:
    assert siren_of(73282932) == "732829320"
    assert siret_of("732829320", 7) == "73282932000074"


@pytest.mark.parametrize("text", ["732829320 ", "732 829 320", "７３２８２９３２０", "73282932O", "-32829320"])
def test_only_bare_digits_are_a_siren(text: str) -> None:
    assert not is_siren(text)


def test_a_siren_is_read_in_groups() -> None:
    assert in_groups("732829320") == "732\u00a0829\u00a0320"
