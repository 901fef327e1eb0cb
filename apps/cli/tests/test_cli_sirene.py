"""Files to commands: the samples, files that cannot be used, lines that cannot be used, any order, any bytes."""

import gzip
import json
import random
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from stdnum import luhn

from croissance.sirene import (
    Company,
    Found,
    Refused,
    UnreadableFile,
    read_api,
    read_sirene,
    to_batch_body,
    to_body,
)
from croissance.sirene.rows import OFFICES, UNITS
from croissance.sirene.saved import MAX_BYTES
from croissance.sirene.table import MAX_LINE
from france.siren import siret_of

UNIT = dict.fromkeys((*UNITS.required, *UNITS.optional), "") | {
    "siren": "732829320",
    "statutDiffusionUniteLegale": "O",
    "etatAdministratifUniteLegale": "A",
    "denominationUniteLegale": "EXEMPLE",
    "categorieJuridiqueUniteLegale": "5710",
    "activitePrincipaleUniteLegale": "62.01Z",
    "nomenclatureActivitePrincipaleUniteLegale": "NAFRev2",
    "trancheEffectifsUniteLegale": "11",
    "categorieEntreprise": "PME",
    "dateCreationUniteLegale": "2010-05-01",
    "nicSiegeUniteLegale": "00074",
    "dateDernierTraitementUniteLegale": "2025-12-06T10:36:42",
}
OFFICE = dict.fromkeys((*OFFICES.required, *OFFICES.optional), "") | {
    "siret": "73282932000074",
    "etablissementSiege": "true",
    "etatAdministratifEtablissement": "A",
    "statutDiffusionEtablissement": "O",
    "codeCommuneEtablissement": "75102",
    "dateDernierTraitementEtablissement": "2025-12-07T10:36:42",
}


def table(path: Path, records: Sequence[dict[str, str]], columns: Iterable[str] | None = None) -> Path:
    names = list(columns or records[0])
    lines = [",".join(names), *(",".join(record.get(name, "") for name in names) for record in records)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def read(unites: Path, etablissements: Path | None = None) -> tuple[list[Company], list[Refused]]:
    companies: list[Company] = []
    refused: list[Refused] = []
    for outcome in read_sirene(unites, etablissements):
        if isinstance(outcome, Found):
            companies.append(outcome.company)
        else:
            refused.append(outcome)
    return companies, refused


# --- the samples -----------------------------------------------------------------------------------------------------


def test_the_samples_without_establishments(samples: Path) -> None:
    companies, refused = read(samples / "StockUniteLegale_sample.csv")
    assert (len(companies), refused) == (34, [])
    assert {company.commune for company in companies} == {""}
    assert companies[0].siret == "99990007900024"


def test_the_answer_of_sirene_for_one_siret(samples: Path) -> None:
    (found,) = read_api(samples / "insee-siret.json")
    assert isinstance(found, Found)
    company = found.company
    assert (company.siret, company.name, company.postal_code[:2]) == (
        "99990126700032",
        "CONSEIL-EXEMPLE TECHNOLOGIES",
        "75",
    )
    assert (company.source, company.insee_category) == ("insee_api", "GE")


def test_the_answer_of_sirene_for_many_sirets_gives_the_head_office(samples: Path) -> None:
    (found,) = read_api(samples / "insee-sirets-many.json")
    assert isinstance(found, Found)
    assert (found.company.siret, found.company.commune) == ("99990126700032", "75102")


def test_the_answer_of_recherche_entreprises(samples: Path) -> None:
    companies = [f.company for f in read_api(samples / "recherche-entreprises.json") if isinstance(f, Found)]
    assert [c.siren for c in companies] == [
        "999901267",
        "999901820",
        "999901895",
        "999901267",
    ]
    assert {c.commune[:2] for c in companies} == {"75"}
    assert all(c.source == "recherche_entreprises" for c in companies)


# --- answers written by hand: what the samples do not have -----------------------------------------------------------


def office(siret: str = "73282932000074", **given: Any) -> dict[str, Any]:
    """An establishment as Sirene 3.11 tells it."""
    unit = {
        "etatAdministratifUniteLegale": "A",
        "statutDiffusionUniteLegale": "O",
        "activitePrincipaleUniteLegale": "62.01Z",
        "nomenclatureActivitePrincipaleUniteLegale": "NAFRev2",
        "dateDernierTraitementUniteLegale": "2025-12-06T10:36:42",
    }
    periods = [
        {"dateFin": "2020-01-01", "etatAdministratifEtablissement": "F", "enseigne1Etablissement": "ANCIENNE"},
        {"dateFin": None, "etatAdministratifEtablissement": "A", "enseigne1Etablissement": "ENSEIGNE"},
    ]
    return {
        "siret": siret,
        "statutDiffusionEtablissement": "O",
        "etablissementSiege": False,
        "uniteLegale": unit,
        "periodesEtablissement": periods,
        "adresseEtablissement": {"codeCommuneEtablissement": "69123"},
        **given,
    }


def answered(path: Path, document: Any) -> list[Found | Refused]:
    path.write_text(json.dumps(document), "utf-8")
    return list(read_api(path))


def test_a_company_without_a_name_has_that_of_its_shop(tmp_path: Path) -> None:
    (found,) = answered(tmp_path / "r.json", {"header": {"statut": 200}, "etablissement": office()})
    assert isinstance(found, Found)
    assert (found.company.name, found.company.commune, found.company.source) == ("ENSEIGNE", "69123", "insee_api")


def test_of_many_establishments_the_head_office_is_taken_else_an_open_one(tmp_path: Path) -> None:
    shut = office("73282932000017", periodesEtablissement=[{"etatAdministratifEtablissement": "F"}])
    open_, seat = office("73282932000025"), office("73282932000074", etablissementSiege=True)
    for offices, chosen in (
        ([shut, open_], "73282932000025"),
        ([open_, shut], "73282932000025"),
        ([shut, open_, seat], "73282932000074"),
        ([seat, open_], "73282932000074"),
    ):
        (found,) = answered(tmp_path / "r.json", {"etablissements": offices})
        assert isinstance(found, Found | Refused)
        assert (found.company.siret if isinstance(found, Found) else found.identifier) == chosen


def test_of_two_head_offices_of_an_answer_the_active_one_wins(tmp_path: Path) -> None:
    closed = [{"dateFin": None, "etatAdministratifEtablissement": "F"}]
    old = office("73282932000017", etablissementSiege=True, periodesEtablissement=closed)
    new = office("73282932000074", etablissementSiege=True)
    later = office("73282932000025", etablissementSiege=True, dateDernierTraitementEtablissement="2026-01-01T00:00:00")
    for offices, chosen in (
        ([old, new], "73282932000074"),
        ([new, old], "73282932000074"),
        ([new, later], later["siret"]),
    ):
        (found,) = answered(tmp_path / "r.json", {"etablissements": offices})
        assert isinstance(found, Found)
        assert found.company.siret == chosen


def test_an_answer_without_a_state_has_that_of_its_head_office(tmp_path: Path) -> None:
    unit = office()["uniteLegale"] | {"etatAdministratifUniteLegale": None}
    (found,) = answered(tmp_path / "r.json", {"etablissement": office(etablissementSiege=True, uniteLegale=unit)})
    assert isinstance(found, Found)
    assert found.company.active
    (fault,) = answered(tmp_path / "r.json", {"etablissement": office(uniteLegale=unit)})
    assert isinstance(fault, Refused)
    assert fault.field == "uniteLegale.etatAdministratifUniteLegale"


def test_an_answer_names_no_natural_person(samples: Path, tmp_path: Path) -> None:
    person = office()["uniteLegale"] | {"nomUniteLegale": "MARTIN", "prenomUsuelUniteLegale": "CAMILLE"}
    periods = [{"dateFin": None, "etatAdministratifEtablissement": "A", "enseigne1Etablissement": "CHEZ CAMILLE"}]
    told = office(uniteLegale=person | {"denominationUniteLegale": "MARTIN CAMILLE"}, periodesEtablissement=periods)
    result: dict[str, Any] = json.loads((samples / "recherche-entreprises.json").read_text())["results"][0]
    result |= {"nature_juridique": "1000", "nom_raison_sociale": "CAMILLE MARTIN", "nom_complet": "CAMILLE MARTIN"}
    for document in ({"etablissement": told}, {"results": [result]}):
        (found,) = answered(tmp_path / "r.json", document)
        assert isinstance(found, Found)
        assert found.company.name is None


def test_an_establishment_that_cannot_be_used_is_told_with_its_place(tmp_path: Path) -> None:
    many = [office(siret=None), office("73282932000075")]  # pyright: ignore[reportArgumentType]  what may be in a file
    assert [
        (refused.line, refused.field, refused.identifier)
        for refused in answered(tmp_path / "r.json", {"etablissements": many})
        if isinstance(refused, Refused)
    ] == [(1, "siret", ""), (2, "siret", "73282932000075")]


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", UNITS.required)
def test_a_missing_required_column_is_named(tmp_path: Path, missing: str) -> None:
    names = [name for name in UNIT if name != missing]
    with pytest.raises(UnreadableFile, match=rf"u\.csv, ligne 1: colonne obligatoire absente: {missing} \(trouvé: "):
        read_sirene(table(tmp_path / "u.csv", [UNIT], names))


def test_a_missing_column_of_the_establishments_is_named(tmp_path: Path) -> None:
    offices = table(tmp_path / "e.csv", [OFFICE], [name for name in OFFICE if name != "etablissementSiege"])
    with pytest.raises(UnreadableFile, match=r"e\.csv, ligne 1: colonne obligatoire absente: etablissementSiege"):
        read_sirene(table(tmp_path / "u.csv", [UNIT]), offices)


def test_optional_columns_may_be_missing_and_others_do_not_matter(tmp_path: Path) -> None:
    unit = {"inconnu1": "x", **UNIT, "inconnu2": "y"}
    for column in ("categorieEntreprise", "dateCreationUniteLegale", "dateDernierTraitementUniteLegale"):
        del unit[column]
    (company,), refused = read(table(tmp_path / "u.csv", [unit], reversed(list(unit))))
    assert refused == []
    assert (company.insee_category, company.created_on, company.observed_at.year) == ("", None, 1970)


def test_a_header_with_mark_quotes_blanks_and_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "u.csv"
    header, values = "; ".join(f'"{name}"' for name in UNIT), ";".join(UNIT.values())
    path.write_text(f"\ufeff{header}\r\n{values}\r\n\r\n", "utf-8")
    (company,), refused = read(path)
    assert (company.siren, refused) == ("732829320", [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00s\x00i", "en-tête illisible"),
        (b"siren;nom\n", "statutDiffusionUniteLegale"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "u.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason):
        read_sirene(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"absent\.csv: fichier introuvable"):
        read_sirene(tmp_path / "absent.csv")


def test_gzip_and_zip_are_read_as_they_are(tmp_path: Path) -> None:
    plain = table(tmp_path / "u.csv", [UNIT])
    packed = tmp_path / "u.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    archive = tmp_path / "u.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("lisez-moi.txt", "…")
        out.write(plain, "StockUniteLegale_utf8.csv")
    assert read(packed) == read(archive) == read(plain)
    empty = tmp_path / "vide.zip"
    with zipfile.ZipFile(empty, "w") as out:
        out.writestr("lisez-moi.txt", "…")
    with pytest.raises(UnreadableFile, match="aucun fichier CSV"):
        read_sirene(empty)
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-20])
    with pytest.raises(UnreadableFile, match="archive abîmée"):
        list(read_sirene(packed))


# --- lines -----------------------------------------------------------------------------------------------------------


def test_broken_lines_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = table(tmp_path / "u.csv", [UNIT]).read_bytes()
    header, line = good.splitlines(keepends=True)
    named = line.replace(b"EXEMPLE", b'"DUPONT, ""FILS"" ET CIE"')
    two_lines = line.replace(b"EXEMPLE", b'"DUPONT\nET CIE"')
    open_quote = line.replace(b"EXEMPLE", b'"DUPONT')
    content = [
        (header, ""),
        (line, ""),
        (line.replace(b"EXEMPLE", b"\xe9t\xe9"), "UTF-8 invalide à l'octet"),
        (line[:30] + b"\n", "champs au lieu des 22"),
        (line.rstrip() + b",de trop\n", "23 champs au lieu des 22 de l'en-tête"),
        (named, ""),
        (open_quote, "guillemets mal fermés"),
        (line.replace(b"EXEMPLE", b"EX\0EMPLE"), "caractère nul"),
        (b"\n", ""),
        (two_lines, ""),
        (open_quote, "guillemets mal fermés"),
        (open_quote, "guillemets mal fermés"),
        (line.replace(b"EXEMPLE", b"E" * 3 * MAX_LINE), f"ligne de plus de {MAX_LINE} octets"),
        (line.replace(b"732829320", b"732829321"), "clé de contrôle du SIREN fausse"),
        (line.rstrip(), ""),
    ]
    path = tmp_path / "broken.csv"
    path.write_bytes(b"".join(text for text, _ in content))
    companies, refused = read(path)
    assert [company.name for company in companies] == [
        "EXEMPLE",
        'DUPONT, "FILS" ET CIE',
        "DUPONT ET CIE",
        "EXEMPLE",
    ]
    expected: list[tuple[int, str]] = []
    number = 0
    for text, reason in content:
        number += 1
        if reason:
            expected.append((number, reason))
        number += text.rstrip(b"\n").count(b"\n")
    assert [fault.line for fault in refused] == [line for line, _ in expected]
    for fault, (_, reason) in zip(refused, expected, strict=True):
        assert reason in fault.reason
        assert fault.file == "broken.csv"
    assert refused[-1] == Refused("broken.csv", 15, "732829321", "siren", "clé de contrôle du SIREN fausse")


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("siren", "", "SIREN absent"),
        ("siren", "000000000", "zéros"),
        ("statutDiffusionUniteLegale", "", "O, P ou N attendu"),
        ("etatAdministratifUniteLegale", "X", "A ou C attendu"),
        ("dateCreationUniteLegale", "hier", "date attendue"),
        ("dateDernierTraitementUniteLegale", "hier", "date et heure attendues"),
        ("nicSiegeUniteLegale", "", "siège inconnu"),
        ("nicSiegeUniteLegale", "00075", "clé de contrôle du SIRET fausse"),
    ],
)
def test_an_unusable_value_is_refused_with_its_field(tmp_path: Path, column: str, value: str, reason: str) -> None:
    units = table(tmp_path / "u.csv", [UNIT | {column: value}])
    companies, (fault,) = read(units)
    assert companies == []
    assert (fault.line, fault.field) == (2, column)
    assert reason in fault.reason
    unsorted = table(tmp_path / "e.csv", [OFFICE], reversed(OFFICE))
    if column != "nicSiegeUniteLegale":
        assert read(units, unsorted)[1] == [fault]


def test_an_establishment_that_cannot_be_used_does_not_lose_its_company(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [UNIT])
    offices = table(tmp_path / "e.csv", [OFFICE | {"siret": "73282932000075"}])
    (company,), (fault,) = read(units, offices)
    assert (company.siret, company.commune) == ("73282932000074", "")
    assert (fault.file, fault.line, fault.field, fault.identifier) == ("e.csv", 2, "siret", "73282932000075")


@pytest.mark.parametrize("status", ["P", "N"])
@pytest.mark.parametrize("where", ["unit", "office"])
def test_partial_diffusion_withholds_the_name_only(tmp_path: Path, status: str, where: str) -> None:
    unit = UNIT | ({"statutDiffusionUniteLegale": status} if where == "unit" else {})
    office = OFFICE | ({"statutDiffusionEtablissement": status} if where == "office" else {})
    units, offices = table(tmp_path / "u.csv", [unit]), table(tmp_path / "e.csv", [office])
    (company,), refused = read(units, offices)
    assert (company.name, company.diffusible, refused) == (None, False, [])


def test_withheld_values_count_as_not_given(tmp_path: Path) -> None:
    hidden = dict.fromkeys(
        ("denominationUniteLegale", "trancheEffectifsUniteLegale", "dateCreationUniteLegale"), "[ND]"
    )
    units = table(tmp_path / "u.csv", [UNIT | hidden])
    offices = table(tmp_path / "e.csv", [OFFICE | {"codeCommuneEtablissement": "[ND]"}])
    (company,), refused = read(units, offices)
    assert refused == []
    assert (company.name, company.headcount_code, company.created_on, company.commune) == (None, "", None, "")


def test_blanks_in_identifiers_are_stripped(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [UNIT | {"siren": "732 829 320"}])
    offices = table(tmp_path / "e.csv", [OFFICE | {"siret": "732 829 320 00074"}])
    (company,), refused = read(units, offices)
    assert (company.siren, company.siret, company.commune, refused) == ("732829320", "73282932000074", "75102", [])
    assert read(units)[0][0].siret == "73282932000074"


def test_a_short_line_in_an_unsorted_file_is_reported_too(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [UNIT, UNIT])
    units.write_text(units.read_text().replace("\n732829320", "\nx\n732829320", 1))
    companies, (fault,) = read(units, table(tmp_path / "e.csv", [OFFICE]))
    assert (len(companies), fault.line, fault.identifier) == (2, 2, "x")


def test_a_quote_open_at_the_end_of_the_file(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [UNIT])
    units.write_text(units.read_text() + '"732829320')
    companies, (fault,) = read(units)
    assert (len(companies), fault.line, fault.reason) == (1, 3, "guillemets mal fermés")
    units.write_text(units.read_text() + "\n1\n2\n3\n4\n5\n6\n7\n")
    assert [fault.line for fault in read(units)[1]] == list(range(3, 11))


PERSON = UNIT | {
    "denominationUniteLegale": "",
    "categorieJuridiqueUniteLegale": "1000",
    "nomUniteLegale": "MARTIN",
    "prenom1UniteLegale": "CAMILLE",
}


def test_a_natural_person_is_never_named(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [PERSON])
    assert read(units)[0][0].name is None
    offices = table(tmp_path / "e.csv", [OFFICE | {"enseigne1Etablissement": "AU BON PAIN"}])
    assert read(units, offices)[0][0].name == "AU BON PAIN"


@pytest.mark.parametrize(
    "told",
    [
        {"denominationUniteLegale": "CAMILLE MARTIN"},
        {"denominationUsuelle1UniteLegale": "MARTIN CAMILLE"},
        {"denominationUniteLegale": "CAMILLE MARTIN", "categorieJuridiqueUniteLegale": ""},
        {"denominationUniteLegale": "CAMILLE MARTIN", "nomUniteLegale": "", "prenom1UniteLegale": ""},
        {
            "denominationUniteLegale": "INDIVISION MARTIN DUPONT",
            "nomUniteLegale": "",
            "prenom1UniteLegale": "",
            "categorieJuridiqueUniteLegale": "2110",
        },
    ],
)
@pytest.mark.parametrize("brand", ["", "CAMILLE COIFFURE", "Martin Père & Fils"])
def test_no_field_of_the_files_names_a_natural_person(tmp_path: Path, told: dict[str, str], brand: str) -> None:
    units = table(tmp_path / "u.csv", [PERSON | told])
    offices = table(tmp_path / "e.csv", [OFFICE | {"enseigne1Etablissement": brand}])
    assert read(units, offices)[0][0].name is None


def test_a_brand_is_not_told_when_the_file_does_not_say_whose_it_is(tmp_path: Path) -> None:
    units = table(tmp_path / "u.csv", [PERSON], [name for name in UNIT if not name.startswith(("nomU", "prenom"))])
    offices = table(tmp_path / "e.csv", [OFFICE | {"enseigne1Etablissement": "AU BON PAIN"}])
    assert read(units, offices)[0][0].name is None


def test_a_deleted_name_is_none_and_the_next_one_counts(tmp_path: Path) -> None:
    deleted = UNIT | {"denominationUniteLegale": "", "denominationUsuelle1UniteLegale": "SUPPRESSION DU NOM COMMERCIAL"}
    units = table(tmp_path / "u.csv", [deleted])
    assert read(units)[0][0].name is None
    offices = table(tmp_path / "e.csv", [OFFICE | {"enseigne1Etablissement": "LE PHARE"}])
    assert read(units, offices)[0][0].name == "LE PHARE"


@pytest.mark.parametrize(
    ("seat", "active"),
    [({"etatAdministratifEtablissement": "A"}, True), ({"etatAdministratifEtablissement": "F"}, False)],
)
def test_an_empty_state_is_that_of_the_head_office(tmp_path: Path, seat: dict[str, str], *, active: bool) -> None:
    units = table(tmp_path / "u.csv", [UNIT | {"etatAdministratifUniteLegale": ""}])
    assert read(units, table(tmp_path / "e.csv", [OFFICE | seat]))[0][0].active is active


@pytest.mark.parametrize("seat", [{"etatAdministratifEtablissement": ""}, {"etablissementSiege": "false"}])
def test_an_empty_state_that_nothing_tells_is_refused_with_its_field(tmp_path: Path, seat: dict[str, str]) -> None:
    units = table(tmp_path / "u.csv", [UNIT | {"etatAdministratifUniteLegale": ""}])
    _, (fault,) = read(units, table(tmp_path / "e.csv", [OFFICE | seat]))
    assert (fault.field, fault.reason) == ("etatAdministratifUniteLegale", "état administratif absent: A ou C attendu")


def test_naf_2025_is_taken_where_the_first_list_tells_nothing(tmp_path: Path) -> None:
    naf, nomenclature = "activitePrincipaleUniteLegale", "nomenclatureActivitePrincipaleUniteLegale"
    both = UNIT | {"activitePrincipaleNAF25UniteLegale": "62.10Y"}
    units = [
        both,
        both | {naf: "", nomenclature: ""},
        both | {naf: "72.1Z", nomenclature: "NAF1993"},
        both | {naf: "00.00Z"},
        UNIT | {naf: "62.10Y", nomenclature: "NAF 2025"},
    ]
    companies, refused = read(table(tmp_path / "u.csv", units))
    assert refused == []
    assert [(c.naf, c.naf_nomenclature) for c in companies] == [
        ("62.01Z", "NAFRev2"),
        *[("62.10Y", "NAF2025")] * 3,
        ("62.10Y", "NAF 2025"),  # how a list is spelled is for the register to read
    ]


# --- the join --------------------------------------------------------------------------------------------------------


def test_the_head_office_stands_for_the_company_else_the_first_active_establishment(tmp_path: Path) -> None:
    siren = UNIT["siren"]
    offices = [
        OFFICE
        | {
            "siret": siret_of(siren, number),
            "etablissementSiege": "false",
            "etatAdministratifEtablissement": state,
            "codeCommuneEtablissement": commune,
        }
        for number, state, commune in ((1, "F", "01004"), (2, "A", "69381"), (3, "A", "13201"))
    ]
    units = table(tmp_path / "u.csv", [UNIT])
    seat = OFFICE | {"siret": siret_of(siren, 9), "codeCommuneEtablissement": "59350"}
    assert read(units, table(tmp_path / "e.csv", offices))[0][0].commune == "69381"
    assert read(units, table(tmp_path / "e.csv", [*offices, seat]))[0][0].siret == seat["siret"]
    ceased = seat | {"etatAdministratifEtablissement": "F"}
    assert read(units, table(tmp_path / "e.csv", [ceased, *offices]))[0][0].commune == "59350"
    assert read(units, table(tmp_path / "e.csv", offices[:1]))[0][0].commune == ""


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("other", ["F", ""])
def test_of_two_head_offices_the_active_one_wins(tmp_path: Path, order: int, other: str, *, ordered: bool) -> None:
    siren = UNIT["siren"]
    old = OFFICE | {
        "siret": siret_of(siren, 1),
        "etatAdministratifEtablissement": other,
        "codeCommuneEtablissement": "59350",
        "dateDernierTraitementEtablissement": "2026-12-07T10:36:42",
    }
    new = OFFICE | {"siret": siret_of(siren, 2), "codeCommuneEtablissement": "69381"}
    columns = list(OFFICE) if ordered else list(reversed(OFFICE))  # merged, or through the index
    offices = table(tmp_path / "e.csv", [old, new][::order], columns)
    (company,), refused = read(table(tmp_path / "u.csv", [UNIT]), offices)
    assert (company.siret, company.commune, refused) == (new["siret"], "69381", [])


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    """Sorted files are merged, others indexed: same companies, same refusals."""
    draw = random.Random(7)
    sirens = sorted({f"{n:08}" + luhn.calc_check_digit(f"{n:08}") for n in draw.sample(range(10**7, 10**8), 300)})
    units = [UNIT | {"siren": siren, "nicSiegeUniteLegale": siret_of(siren, 1)[9:]} for siren in sirens]
    offices = [
        OFFICE
        | {
            "siret": siret_of(siren, number),
            "etablissementSiege": "true" if number == 2 else "false",
            "codeCommuneEtablissement": draw.choice(["75102", "2A004", "97411"]),
        }
        for siren in sirens[::2]
        for number in range(1, draw.randint(2, 4))
    ]
    offices.insert(40, offices[40] | {"siret": f"{offices[40]['siret'][:13]}X"})
    sorted_units, sorted_offices = table(tmp_path / "u.csv", units), table(tmp_path / "e.csv", offices)
    expected, faults = read(sorted_units, sorted_offices)
    assert len(expected) == 300
    assert len(faults) == 1
    draw.shuffle(units)
    draw.shuffle(offices)
    shuffled_units, shuffled_offices = table(tmp_path / "u2.csv", units), table(tmp_path / "e2.csv", offices)
    columns = ["codeCommuneEtablissement", *(name for name in OFFICE if name != "codeCommuneEtablissement")]
    for pair in (
        (shuffled_units, shuffled_offices),
        (sorted_units, table(tmp_path / "e3.csv", offices, columns)),
        (shuffled_units, sorted_offices),
    ):
        companies, refused = read(*pair)
        assert set(companies) == set(expected)
        assert [fault.field for fault in refused] == ["siret"]


def test_a_line_of_an_unknown_or_invalid_unit_does_not_disturb_the_merge(tmp_path: Path) -> None:
    first, second = "100000009", "732829320"
    units = [
        UNIT | {"siren": first, "nicSiegeUniteLegale": siret_of(first, 1)[9:]},
        UNIT | {"siren": "200000000"},
        UNIT,
        UNIT,
    ]
    offices = [
        OFFICE | {"siret": siret_of(first, 1)},
        OFFICE | {"siret": siret_of("300000007", 1)},
        OFFICE,
        OFFICE | {"siret": siret_of("999999990", 1)[:13] + "0"},
    ]
    companies, refused = read(table(tmp_path / "u.csv", units), table(tmp_path / "e.csv", offices))
    assert [(c.siren, c.commune) for c in companies] == [(first, "75102"), (second, "75102"), (second, "75102")]
    assert [(fault.file, fault.line) for fault in refused] == [("u.csv", 3), ("e.csv", 5)]


@given(content=st.lists(st.binary(max_size=40) | st.just(b'"') | st.just(b"732829320,O,A,X,5710,62.01Z,11")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=[b'"', b'","', b"\r", b"\0"])
def test_any_bytes_give_companies_or_refusals(tmp_path: Path, content: list[bytes]) -> None:
    header = ",".join((*UNITS.required, "nicSiegeUniteLegale")).encode()
    units = tmp_path / "u.csv"
    units.write_bytes(b"\n".join([header, *content]))
    offices = tmp_path / "e.csv"
    offices.write_bytes(b"\n".join([",".join(OFFICES.required).encode(), *content]))
    for outcome in (*read_sirene(units), *read_sirene(units, offices)):
        assert isinstance(outcome, Found | Refused)
        if isinstance(outcome, Refused):
            assert outcome.reason
            assert 2 <= outcome.line <= b"\n".join(content).count(b"\n") + 2


CELL = st.sampled_from(
    ["", "O", "P", "A", "C", "NN", "11", "PME", "2020-01-01", "2025-12-06T10:36:42", "[ND]", "00074"]
)


@given(
    values=st.lists(
        CELL | st.text(st.characters(exclude_characters=',"\n\r\0', codec="utf-8")), min_size=22, max_size=22
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_row_gives_a_company_or_a_refusal(tmp_path: Path, values: list[str]) -> None:
    names = (*UNITS.required, *UNITS.optional)
    record = dict(zip(names, values, strict=True)) | {"siren": "732829320"}
    companies, refused = read(table(tmp_path / "u.csv", [record]))
    assert len(companies) + len(refused) == 1
    assert all(fault.field in names and fault.reason for fault in refused)


# --- saved answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "JSON inutilisable"),
        (b"[1, 2]", "JSON inutilisable"),
        (b'{"a": 1}', "forme inconnue"),
        (b'{"results": 3}', "JSON inutilisable"),
        (b'{"header": {"statut": 404, "message": "Aucun element trouve"}}', r"erreur 404 \(Aucun element trouve\)"),
        (b'{"results": [\xff]}', "JSON inutilisable"),
        (b'{"results": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON inutilisable"),
    ],
)
def test_an_answer_of_no_known_shape(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "réponse.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason):
        read_api(path)
    with pytest.raises(UnreadableFile, match="fichier introuvable"):
        read_api(tmp_path / "absente.json")


def test_a_record_that_cannot_be_used_is_reported_with_its_number(samples: Path, tmp_path: Path) -> None:
    answer: Any = json.loads((samples / "recherche-entreprises.json").read_text())
    good: dict[str, Any] = answer["results"][0]
    answer["results"] = [
        good,
        good | {"siren": 999901267},
        good | {"siege": None},
        good | {"siege": {}},
        good | {"siren": "123456789"},
        good | {"activite_principale": "62"},
        good | {"etat_administratif": "?"},
    ]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(answer))
    outcomes = list(read_api(path))
    faults = [(o.line, o.field) for o in outcomes if isinstance(o, Refused)]
    assert faults == [(2, "siren"), (3, "siege"), (4, "siege.siret"), (5, "siren"), (7, "etat_administratif")]
    assert len(outcomes) == 7


def test_one_unusable_establishment_among_many_is_reported(samples: Path, tmp_path: Path) -> None:
    answer: Any = json.loads((samples / "insee-sirets-many.json").read_text())
    answer["etablissements"][0]["siret"] = None
    path = tmp_path / "r.json"
    path.write_text(json.dumps(answer))
    fault, company = read_api(path)
    assert isinstance(fault, Refused)
    assert (fault.line, fault.field) == (1, "siret")
    assert isinstance(company, Found)


def test_an_answer_too_large_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UnreadableFile, match="plus de 256 Mo"):
        read_api(path)


def test_an_empty_page_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"results": []}')
    assert list(read_api(path)) == []


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=14),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_gives_a_company_or_a_refusal(samples: Path, tmp_path: Path, data: st.DataObject) -> None:
    file, key = data.draw(
        st.sampled_from([("insee-sirets-many.json", "etablissements"), ("recherche-entreprises.json", "results")])
    )
    record: dict[str, Any] = json.loads((samples / file).read_text())[key][0]
    places: list[dict[str, Any]] = [record, *(part for part in record.values() if isinstance(part, dict))]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(list(place)))] = data.draw(JSON)
    path = tmp_path / "r.json"
    path.write_text(json.dumps({key: [record]}))
    (outcome,) = read_api(path)
    assert isinstance(outcome, Found | Refused)


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_bodies_are_the_commands_as_json(tmp_path: Path) -> None:
    (company,), _ = read(table(tmp_path / "u.csv", [UNIT]))
    assert msgspec.json.decode(to_body(company), type=Company) == company
    assert msgspec.json.decode(to_batch_body([company, company]), type=list[Company]) == [company, company]
