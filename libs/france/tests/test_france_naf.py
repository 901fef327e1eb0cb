"""NAF codes in both nomenclatures: shape, list, section."""

import pytest

from france.naf import NAF2025, REV2, activity, known_codes, naf_code, section


@pytest.mark.parametrize(
    ("nomenclature", "naf", "letter"),
    [
        (REV2, "62.01Z", "J"),
        (NAF2025, "62.10Y", "K"),
        (REV2, "45.11Z", "G"),
        (NAF2025, "45.11Z", ""),  # division 45 is gone
        (REV2, "84.11Z", "O"),
        (NAF2025, "84.11Y", "P"),
        (REV2, "00.00Z", ""),
        (REV2, "03.22Z", "A"),
        (REV2, "04.00Z", ""),
        (REV2, "99.00Z", "U"),
        ("", "62.01Z", ""),
    ],
)
def test_the_section_depends_on_the_nomenclature(nomenclature: str, naf: str, letter: str) -> None:
    assert section(nomenclature, naf) == letter


@pytest.mark.parametrize(("nomenclature", "published"), [(REV2, 732), (NAF2025, 747)])
def test_every_published_code_has_a_section_and_tells_its_list(nomenclature: str, published: int) -> None:
    codes = known_codes(nomenclature)
    assert len(codes) == published
    assert all(codes.values())
    assert all(naf_code(code) == code and activity(code, "") == (code, nomenclature, "") for code in codes)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("6201Z", "62.01Z"), ("62.01Z", "62.01Z"), ("72.1Z", ""), ("62.01z", ""), ("", ""), ("é2.01Z", "")]
    + [(raw, "") for raw in ("62.01É", "٦2.01Z", "62-01Z", "6A.01Z", "62.A1Z", "62.0AZ", "62.010", "62.01ZZ")],
)
def test_a_naf_code_has_one_shape(raw: str, code: str) -> None:
    assert naf_code(raw) == code


@pytest.mark.parametrize(
    "spelling", ["NAF2025", "NAF 2025", "naf2025", "NAF-2025", "NAF25", "NAFRev2025", "Naf rév. 2025", "", "NAFRev9"]
)
def test_naf_2025_in_any_spelling(spelling: str) -> None:
    assert activity("62.10Y", spelling) == ("62.10Y", NAF2025, "")


@pytest.mark.parametrize("spelling", ["NAFRev2", "NAF rév. 2", "NAF RÉV.2", "naf_rev2", "NAF2008", ""])
def test_naf_rev_2_in_any_spelling(spelling: str) -> None:
    assert activity("6201Z", spelling) == ("62.01Z", REV2, "")


@pytest.mark.parametrize(
    ("naf", "spelling", "fault"),
    [
        ("99.99Z", REV2, "naf"),
        ("99.99Z", "", "naf"),
        ("62", REV2, "naf"),
        ("62.01Y", NAF2025, "naf"),
        ("62.01Z", NAF2025, "naf_nomenclature"),
        ("62.10Y", REV2, "naf_nomenclature"),
        ("62.01Z", "NAF 2025", "naf_nomenclature"),
        ("62.10Y", "NAF rév. 2", "naf_nomenclature"),
    ],
)
def test_what_is_in_no_list_is_named(naf: str, spelling: str, fault: str) -> None:
    assert activity(naf, spelling) == ("", "", fault)


@pytest.mark.parametrize(
    ("naf", "spelling"), [("", REV2), ("72.1Z", "NAFRev1"), ("7703", "NAP"), ("74.1G", "NAF1993"), ("00.00Z", REV2)]
)
def test_lists_of_before_2008_and_an_unassigned_activity_tell_nothing(naf: str, spelling: str) -> None:
    assert activity(naf, spelling) == ("", "", "")
