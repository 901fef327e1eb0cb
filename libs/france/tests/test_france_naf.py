"""NAF sections in both nomenclatures."""

import json
from pathlib import Path

import pytest

from france.naf import NAF2025, REV2, naf_code, section

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.mark.parametrize(
    ("nomenclature", "naf", "letter"),
    [
        (REV2, "62.01Z", "J"),
        (NAF2025, "62.01Y", "K"),
        (REV2, "45.11Z", "G"),
        (NAF2025, "45.11Z", ""),  # division 45 is gone
        (REV2, "84.11Z", "O"),
        (NAF2025, "84.11Y", "P"),
        (REV2, "00.00Z", ""),
        ("", "62.01Z", ""),
    ],
)
def test_the_section_depends_on_the_nomenclature(nomenclature: str, naf: str, letter: str) -> None:
    assert section(nomenclature, naf) == letter


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample records (../shared/data) are not beside this repository")
@pytest.mark.parametrize(("nomenclature", "file"), [(REV2, "codes-NAF.json"), (NAF2025, "codes-NAF-2025.json")])
def test_every_published_code_has_a_section(nomenclature: str, file: str) -> None:
    codes = json.loads((SAMPLES / "reference" / file).read_text())
    assert len(codes) > 700
    assert all(naf_code(code) == code and section(nomenclature, code) for code in codes)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("6201Z", "62.01Z"), ("62.01Z", "62.01Z"), ("72.1Z", ""), ("62.01z", ""), ("", ""), ("é2.01Z", "")],
)
def test_a_naf_code_has_one_shape(raw: str, code: str) -> None:
    assert naf_code(raw) == code
