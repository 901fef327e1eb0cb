"""`croissance import`: real companies, from INSEE's files or from saved answers of the public APIs."""

import asyncio
import csv
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, Final, Protocol

import msgspec
import typer
from rich.table import Table

from croissance.addresses import Addresses, Http, doors_of, find, of_state
from croissance.api import Doors, RefusedError, UnavailableError
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, say
from croissance.output import out
from croissance.sirene import Found, Refused, UnreadableFile, read_api, read_sirene, to_batch_body
from embedded.stack import state_of
from france.typography import number

app = typer.Typer(help="Importer de vraies entreprises.", no_args_is_help=True, rich_markup_mode=None)

BATCH: Final = 1000
IN_FLIGHT: Final = 4
"""Batches under way at once: memory stays flat whatever the size of the file."""

LISTED: Final = 100
"""Up to so many companies, each is listed with its class and why."""

EVERY: Final = 20_000
"""Companies between two lines of progress."""

CLASSES: Final = {
    "micro": "micro-entreprises",
    "petite": "petites entreprises",
    "moyenne": "moyennes entreprises",
    "hors_pme": "hors PME",
    "inconnu": "taille inconnue",
}

Report = Annotated[
    Path | None, typer.Option("--report", help="Fichier des refus: .csv, ou .jsonl (une ligne JSON par refus).")
]


class _Registered(msgspec.Struct):
    """What the door of companies answers of one company: an entry or a problem."""

    status: int = 0
    siren: str = ""
    outcome: str = ""
    sme_category: str = ""
    sme_reasons: tuple[str, ...] = ()
    detail: str = ""
    field: str = ""


@dataclass(slots=True)
class Tally:
    """What an import came to."""

    read: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    classes: Counter[str] = field(default_factory=Counter[str])
    listed: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    refused: int = 0
    refusals: list[Refused] = field(default_factory=list[Refused])

    @property
    def imported(self) -> int:
        """Companies that are in the register now."""
        return sum(self.outcomes.values())


class RefusalReport(Protocol):
    """Writes refused lines."""

    def add(self, refused: Refused) -> None:
        """Write one."""
        ...


class _Csv:
    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(Refused.__slots__)

    def add(self, refused: Refused) -> None:
        self._writer.writerow([getattr(refused, name) for name in Refused.__slots__])


class _JsonLines:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, refused: Refused) -> None:
        self._file.write(msgspec.json.encode(refused).decode() + "\n")


@app.command()
def sirene(
    unites: Annotated[Path, typer.Argument(help="StockUniteLegale: .csv, .csv.gz ou .zip.")],
    *,
    etablissements: Annotated[
        Path | None, typer.Option("--etablissements", help="StockEtablissement: donne la commune et le SIRET du siège.")
    ] = None,
    report: Report = None,
    data: Data = Path(DEFAULT_DATA),
    http: Http = None,
    as_json: AsJson = False,
) -> None:
    """Importe les fichiers stock SIRENE de l’INSEE (data.gouv.fr), de quelques lignes à la France entière.

    Les colonnes sont reconnues à leur nom. Une ligne inutilisable est refusée avec sa raison, les autres passent; une
    entreprise déjà connue n’est mise à jour que si le fichier est plus récent. Importer deux fois ne double rien.

    \b
    Exemples:
      croissance import sirene StockUniteLegale_utf8.zip --etablissements StockEtablissement_utf8.zip
      croissance import sirene extrait.csv --report refus.csv

    Code de sortie: 0 le fichier a été lu (même avec des lignes refusées); 1 rien n’a pu être importé.
    """  # noqa: D301
    _import(data, http, report, lambda: read_sirene(unites, etablissements), as_json=as_json)


@app.command()
def api(
    file: Annotated[Path, typer.Argument(help="Réponse JSON enregistrée.")],
    *,
    report: Report = None,
    data: Data = Path(DEFAULT_DATA),
    http: Http = None,
    as_json: AsJson = False,
) -> None:
    """Importe une réponse enregistrée de l’API Sirene de l’INSEE (3.11) ou de l’API Recherche d’entreprises.

    \b
    Exemples:
      croissance import api recherche-entreprises.json
      croissance import api insee-siret.json --report refus.jsonl

    Code de sortie: 0 le fichier a été lu (même avec des refus); 1 rien n’a pu être importé.
    """  # noqa: D301
    _import(data, http, report, lambda: read_api(file), as_json=as_json)


def _import(data: Path, http: list[str] | None, report: Path | None, read: Any, *, as_json: bool) -> None:
    if report is not None and report.suffix not in {".csv", ".jsonl"}:
        raise typer.BadParameter(f"{report}: le rapport est un .csv ou un .jsonl")
    here = Addresses("", "", "", doors_of(http)) if http else find(data)
    try:
        records = read()
    except UnreadableFile as error:
        fail(str(error))
    began = time.monotonic()
    try:
        tally = asyncio.run(_run(here, data, records, report, bool(http)))
    except (UnavailableError, RefusedError) as error:
        fail(f"les entreprises n’ont pas pu être inscrites: {error}", "croissance status dit si le service tourne.")
    except (UnreadableFile, OSError) as error:
        fail(str(error))
    seconds = time.monotonic() - began
    if as_json:
        print_json(_document(tally, seconds))
    else:
        _show(tally, seconds, report)
    if not tally.imported:
        raise typer.Exit(1)


async def _run(
    here: Addresses, data: Path, records: Iterable[Found | Refused], report: Path | None, fixed: bool
) -> Tally:
    """Stream the records through the door, a few batches at once."""

    def locate() -> dict[str, tuple[str, ...]]:
        state = None if fixed else state_of(data)
        return dict(here.doors if state is None else of_state(state).doors)

    tally, began = Tally(), time.monotonic()
    under_way: set[asyncio.Task[None]] = set()
    with report.open("w", encoding="utf-8", newline="") if report else _open_nothing() as file:
        writer = _writer(report, file)
        async with Doors(locate) as doors:
            for batch in _batches(records, tally, writer):
                under_way.add(asyncio.create_task(_register(doors, batch, tally, writer)))
                if len(under_way) >= IN_FLIGHT:
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                _progress(tally, began)
            for task in under_way:
                await task
    return tally


def _open_nothing() -> IO[str]:
    """A file that keeps nothing."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _writer(report: Path | None, file: IO[str]) -> RefusalReport:
    return _JsonLines(file) if report is not None and report.suffix == ".jsonl" else _Csv(file)


def _batches(records: Iterable[Found | Refused], tally: Tally, writer: RefusalReport) -> Iterator[list[Found]]:
    """The companies in batches; refusals are written on the way."""

    def companies() -> Iterator[Found]:
        for record in records:
            tally.read += 1
            if isinstance(record, Refused):
                _refuse(tally, writer, record)
            else:
                yield record

    stream = companies()
    while batch := list(islice(stream, BATCH)):
        yield batch


def _refuse(tally: Tally, writer: RefusalReport, refused: Refused) -> None:
    tally.refused += 1
    if len(tally.refusals) < LISTED:
        tally.refusals.append(refused)
    writer.add(refused)


async def _register(doors: Doors, batch: list[Found], tally: Tally, writer: RefusalReport) -> None:
    results = await doors.batch(
        "companies", "/v1/companies:batch", to_batch_body([found.company for found in batch]), _Registered
    )
    for found, result in zip(batch, results, strict=True):
        if result.status >= 400:
            _refuse(tally, writer, found.refused(result.field, result.detail))
            continue
        tally.outcomes[result.outcome] += 1
        tally.classes[result.sme_category] += 1
        if len(tally.listed) < LISTED:
            tally.listed.append(
                {
                    "siren": result.siren,
                    "name": found.company.name,
                    "sme_category": result.sme_category,
                    "sme_reasons": result.sme_reasons,
                    "outcome": result.outcome,
                }
            )


def _progress(tally: Tally, began: float) -> None:
    if tally.read % EVERY < BATCH and tally.read >= EVERY:
        rate = tally.read / (time.monotonic() - began)
        say(f"{number(tally.read)} lignes lues, {number(tally.imported)} inscrites, {number(rate)} par seconde")


def _document(tally: Tally, seconds: float) -> dict[str, object]:
    listed = tally.listed if tally.imported <= LISTED else []
    return {
        "read": tally.read,
        "imported": tally.imported,
        "refused": tally.refused,
        "outcomes": dict(tally.outcomes),
        "classes": dict(tally.classes),
        "companies": listed,
        "refusals": [msgspec.to_builtins(refused) for refused in tally.refusals],
        "seconds": round(seconds, 3),
    }


def _show(tally: Tally, seconds: float, report: Path | None) -> None:
    if 0 < tally.imported <= LISTED:
        table = Table("SIREN", "Entreprise", "PME ?", "Pourquoi")
        for company in sorted(tally.listed, key=lambda company: str(company["sme_category"])):
            category = str(company["sme_category"])
            answer = {"hors_pme": "non", "inconnu": "?"}.get(category, f"oui ({category})")
            reasons: Any = company["sme_reasons"]
            table.add_row(str(company["siren"]), str(company["name"] or "(non diffusible)"), answer, " ".join(reasons))
        out.print(table)
    pme = sum(tally.classes[name] for name in ("micro", "petite", "moyenne"))
    classes = ", ".join(
        f"{number(tally.classes[name])} {text}" for name, text in CLASSES.items() if tally.classes[name]
    )
    outcomes = ", ".join(f"{number(n)} {name}{'s' if n > 1 else ''}" for name, n in tally.outcomes.items())
    summary = (
        f"{number(tally.read)} lignes lues en {seconds:.1f} s: {number(tally.imported)} inscrites "
        f"({outcomes or 'aucune'}), dont {number(pme)} PME; {number(tally.refused)} refusées."
    )
    out.print(summary, markup=False, soft_wrap=True)
    if classes:
        out.print(f"Classes: {classes}.", markup=False, soft_wrap=True)
    for refused in tally.refusals[: LISTED // 5]:
        where = f"{refused.file}, ligne {refused.line}" if refused.line else refused.file
        out.print(
            f"  {where} ({refused.identifier or '?'}): {refused.field or 'ligne'}: {refused.reason}", markup=False
        )
    if report is not None and tally.refused:
        say(f"Tous les refus: {report}")
    sys.stdout.flush()
