"""A company as matching reads it."""

from datetime import date

import msgspec


class Company(msgspec.Struct, frozen=True, gc=False):
    """What matching reads of a company: its place, activity, size, form and age. An empty text means unknown.

    Attributes:
        commune: INSEE code, or "".
        departement: INSEE code, or "".
        region: INSEE code, or "".
        naf: activity code with its point ("62.01Z"), or "".
        naf_nomenclature: "NAFRev2" or "NAF2025".
        legal_form: four digits of INSEE's legal categories, or "".
        headcount_code: INSEE band ("NN", "00", "01" … "53"), or "".
        created_on: None when unknown.
    """

    commune: str
    departement: str
    region: str
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    created_on: date | None
