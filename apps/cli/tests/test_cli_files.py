"""Files as people have them: packed by other tools, cut, saved by other systems; each gives one French sentence."""

import csv
import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from croissance.import_report import cell, would_overwrite, writer_to, writing
from croissance.sirene import Found, Refused, UnreadableFile, read_api, read_sirene
from croissance.sirene.opening import fault_of, shown
from croissance.sirene.rows import OFFICES, UNITS

VALUES = {
    "siren": "732829320",
    "statutDiffusionUniteLegale": "O",
    "etatAdministratifUniteLegale": "A",
    "denominationUniteLegale": "ÉCHOPPE",
    "categorieJuridiqueUniteLegale": "5710",
    "activitePrincipaleUniteLegale": "62.01Z",
    "trancheEffectifsUniteLegale": "11",
    "nicSiegeUniteLegale": "00074",
}
NAMES, LINE = ",".join(VALUES), ",".join(VALUES.values())
TEXT = f"{NAMES}\n{LINE}\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("u.csv")
        info.size = len(TEXT.encode())
        archive.addfile(info, io.BytesIO(TEXT.encode()))
    return out.getvalue()


def flagged(archive: bytes, offset: int, value: bytes) -> bytes:
    """An archive of one member with other flags or another method, in its header and in the table of contents."""
    changed = bytearray(archive)
    for start in (archive.index(b"PK\x03\x04") + 6, archive.index(b"PK\x01\x02") + 8):
        changed[start + offset : start + offset + 2] = value
    return bytes(changed)


def read(path: Path, content: bytes) -> list[Found | Refused]:
    path.write_bytes(content)
    return list(read_sirene(path))


@pytest.mark.parametrize("name", ["u.csv", "u.csv.gz", "U.ZIP", "sans suffixe"])
@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        gzip.compress(TEXT.encode()),
        zipped(("u.csv", TEXT.encode())),
        zipped(("u.csv", TEXT.encode()), method=zipfile.ZIP_LZMA),
        zipped(("__MACOSX/._u.csv", b"\0\x05"), ("dossier/U.CSV", TEXT.encode())),
    ],
)
def test_what_a_file_holds_counts_not_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    (found,) = read(tmp_path / name, content)
    assert isinstance(found, Found)
    assert (found.company.name, found.company.siret) == ("ÉCHOPPE", "73282932000074")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "fichier vide, ou sans en-tête en ligne 1"),
        (b"\n\n", "fichier vide, ou sans en-tête en ligne 1"),
        (gzip.compress(b""), "fichier vide, ou sans en-tête en ligne 1"),
        (gzip.compress(TEXT.encode())[:-9], "archive abîmée ou incomplète, à télécharger de nouveau"),
        (b"\x1f\x8b" + b"\0" * 40, "archive abîmée ou incomplète, à télécharger de nouveau"),
        (gzip.compress(TEXT.encode())[:12] + b"\xff" * 60, "archive abîmée ou incomplète, à télécharger de nouveau"),
        (zipped(("u.csv", TEXT.encode()))[:-30], "archive abîmée ou incomplète, à télécharger de nouveau"),
        (b"PK\x03\x04", "archive abîmée ou incomplète, à télécharger de nouveau"),
        (zipped(("lisez-moi.txt", b"")), "aucun fichier CSV dans cette archive"),
        (zipped(("a.csv", b""), ("b.csv", b"")), "plusieurs fichiers CSV dans cette archive (a.csv, b.csv): extraire"),
        (flagged(zipped(("u.csv", b"")), 0, b"\1\0"), "archive protégée par un mot de passe"),
        (flagged(zipped(("u.csv", b"")), 2, b"\x09\0"), "archive d'une compression que Python ne lit pas"),
        (
            zipped(("xl/workbook.xml", b""), ("u.csv", b"")),
            "un classeur de tableur, à enregistrer en « CSV UTF-8 »",
        ),
        (b"7z\xbc\xaf\x27\x1c\0", "c'est une archive 7-Zip; sont lus un CSV, un CSV compressé en .gz et un .zip"),
        (b"Rar!\x1a\x07", "c'est une archive RAR"),
        (lzma.compress(b"x"), "c'est une archive xz"),
        (b"PAR1\x15", "c'est un fichier Parquet"),
        (b"<!DOCTYPE html><title>404</title>", "c'est une page web"),
        (tarred(), "c'est une archive tar"),
        (gzip.compress(tarred()), "c'est une archive tar"),
        (TEXT.replace("\n", "\r").encode(), "fins de ligne d'un ancien Mac (CR seul)"),
        (TEXT.encode("utf-16"), "en-tête illisible, un texte UTF-8 est attendu (« CSV UTF-8 »)"),
        (TEXT.encode("utf-16-le"), "en-tête illisible, un texte UTF-8 est attendu (« CSV UTF-8 »)"),
        (f"{NAMES},siren\n{LINE},1\n".encode(), "ligne 1: colonne en double: siren"),
        (f"{NAMES},nicSiegeUniteLegale\n{LINE},1\n".encode(), "ligne 1: colonne en double: nicSiegeUniteLegale"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_french_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile) as told:
        read(tmp_path / "u.csv", content)
    assert str(told.value).startswith("u.csv")
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


def test_a_column_that_nobody_reads_may_be_there_twice(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "u.csv", f"{NAMES},x,x\n{LINE},1,2\n".encode())
    assert isinstance(found, Found)


def test_an_archive_that_breaks_off_late_is_told_after_what_came_before(tmp_path: Path) -> None:
    content = TEXT + f"{LINE}\n" * 20_000
    packed = tmp_path / "u.csv.gz"
    packed.write_bytes(gzip.compress(content.encode(), compresslevel=0)[:-1_000])
    outcomes = read_sirene(packed)
    assert isinstance(next(outcomes), Found)
    with pytest.raises(UnreadableFile, match="archive abîmée ou incomplète"):
        list(outcomes)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (FileNotFoundError(), "fichier introuvable"),
        (IsADirectoryError(), "c'est un dossier, pas un fichier"),
        (PermissionError(), "le système en refuse l'accès"),
        (OSError(5, "Input/output error"), "le système ne peut pas y accéder (erreur 5)"),
    ],
)
def test_what_the_system_says_is_told_in_french(error: OSError, why: str) -> None:
    assert fault_of(error) == why


def test_a_folder_a_pipe_and_a_name_of_other_bytes(tmp_path: Path) -> None:
    for reader in (read_sirene, read_api):
        with pytest.raises(UnreadableFile, match=r"c'est un dossier, pas un fichier$"):
            reader(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for reader, path in product((read_sirene, read_api), (tmp_path / "pipe", Path("/dev/zero"))):
        with pytest.raises(UnreadableFile, match=r"c'est un tube ou un périphérique, pas un fichier$"):
            reader(path)
    named = tmp_path / os.fsdecode("entreprises-\xe9t\xe9.csv".encode("latin-1"))
    assert shown(named) == "entreprises-?t?.csv"
    (fault,) = read(named, f"{NAMES}\n{LINE.replace('732829320', '732829321')}\n".encode())
    assert isinstance(fault, Refused)
    assert fault.file == "entreprises-?t?.csv"


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_to_an_archive_gives_companies_or_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([gzip.compress(TEXT.encode()), zipped(("u.csv", TEXT.encode()))]))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=4)) if damaged else ():
        damaged[place] = data.draw(st.integers(0, 255))
    outcomes: list[Found | Refused] = []
    with suppress(UnreadableFile):  # any other exception is what this test looks for
        outcomes = read(tmp_path / "u.bin", bytes(damaged))
    assert len(outcomes) <= len(TEXT)


def test_a_saved_answer_with_a_mark_or_as_windows_saves_it(samples: Path, tmp_path: Path) -> None:
    text = (samples / "insee-siret.json").read_text("utf-8")
    path = tmp_path / "r.json"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        (found,) = read_api(path)
        assert isinstance(found, Found)
    path.write_bytes(text.encode("utf-16")[:101])
    with pytest.raises(UnreadableFile, match="fichier abîmé ou coupé"):
        read_api(path)


# --- the report ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝"])
def test_no_cell_of_the_report_is_a_formula(start: str) -> None:
    told = cell(f'{start}cmd|" /C calc"!A0')
    assert isinstance(told, str)
    assert told.startswith("'")


def test_the_report_opens_in_french_excel(tmp_path: Path) -> None:
    report = tmp_path / "refus.csv"
    with writing(report) as file:
        writer = writer_to(report, file)
        writer.add(Refused("u.csv", 3, "732829321", "siren", "clé fausse; à revoir"))
        writer.add(Refused("=1+1.csv", 4, "@SUM(A1)", "", "reçu « a\nb »"))
    content = report.read_bytes()
    assert content.startswith(b"\xef\xbb\xbffichier;ligne;identifiant;champ;raison\r\n")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert lines[1:] == [
        ["u.csv", "3", "732829321", "siren", "clé fausse; à revoir"],
        ["'=1+1.csv", "4", "'@SUM(A1)", "", "reçu « a b »"],
    ]


def test_the_report_for_programs_keeps_every_value_as_it_is(tmp_path: Path) -> None:
    report = tmp_path / "refus.jsonl"
    with writing(report) as file:
        writer_to(report, file).add(Refused("=1+1.csv", 4, "@SUM(A1)", "", "reçu « a\nb »"))
    assert json.loads(report.read_text("utf-8")) == {
        "file": "=1+1.csv",
        "line": 4,
        "identifier": "@SUM(A1)",
        "field": "",
        "reason": "reçu « a\nb »",
    }


def test_the_report_is_never_the_file_that_is_read(tmp_path: Path) -> None:
    units = tmp_path / "u.csv"
    assert would_overwrite(tmp_path / "x" / ".." / "u.csv", (units, None))
    assert not would_overwrite(tmp_path / "refus.csv", (units, None))
    assert not would_overwrite(None, (units,))
    with writing(None) as file:
        writer_to(None, file).add(Refused("u.csv", 1, "", "", ""))


def test_the_columns_that_are_read_are_each_asked_for_once() -> None:
    for columns in (UNITS, OFFICES):
        names = (*columns.required, *columns.optional)
        assert len(set(names)) == len(names)
