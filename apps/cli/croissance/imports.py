"""`croissance import`: real companies, from INSEE's files or from saved answers of the public APIs."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from croissance.addresses import Addresses, Http, doors_of, find, of_state
from croissance.api import Doors, RefusedError, UnavailableError
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, say
from croissance.import_report import RefusalReport, would_overwrite, writer_to, writing
from croissance.import_tally import LISTED, Tally, document, show
from croissance.sirene import Found, Refused, UnreadableFile, fault_of, read_api, read_sirene, to_batch_body
from croissance.standing import watched
from embedded.state import state_of
from france.typography import number

app = typer.Typer(help="Importer de vraies entreprises.", no_args_is_help=True, rich_markup_mode=None)

BATCH: Final = 1000
IN_FLIGHT: Final = 4
"""Batches under way at once: memory stays flat whatever the size of the file."""


EVERY: Final = 20_000
"""Companies between two lines of progress."""


Report = Annotated[
    Path | None,
    typer.Option("--report", help="Fichier des refus: .csv (pour un tableur), ou .jsonl (une ligne JSON par refus)."),
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
    _import(data, http, report, (unites, etablissements), lambda: read_sirene(unites, etablissements), as_json=as_json)


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
    _import(data, http, report, (file,), lambda: read_api(file), as_json=as_json)


def _import(
    data: Path,
    http: list[str] | None,
    report: Path | None,
    files: Iterable[Path | None],
    read: Callable[[], Iterator[Found | Refused]],
    *,
    as_json: bool,
) -> None:
    if report is not None and report.suffix not in {".csv", ".jsonl"}:
        raise typer.BadParameter(f"{report}: le rapport est un .csv ou un .jsonl")
    if would_overwrite(report, files):
        raise typer.BadParameter(f"{report}: le rapport écraserait le fichier à importer")
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
    except UnreadableFile as error:
        fail(str(error))
    except OSError as error:
        fail(f"{report or data}: {fault_of(error)}")
    seconds = time.monotonic() - began
    if as_json:
        print_json(document(tally, seconds))
    else:
        show(tally, seconds, report)
    if not tally.imported:
        raise typer.Exit(1)


async def _run(
    here: Addresses, data: Path, records: Iterable[Found | Refused], report: Path | None, fixed: bool
) -> Tally:
    """Stream the records through the door, a few batches at once."""

    def locate() -> dict[str, tuple[str, ...]]:
        state = None if fixed else state_of(data)
        return dict(here.doors if state is None else of_state(state).doors)

    def moved() -> int:
        return tally.imported + tally.refused

    tally, began = Tally(), time.monotonic()
    under_way: set[asyncio.Task[None]] = set()
    with writing(report) as file:
        writer = writer_to(report, file)
        async with Doors(locate) as doors, watched(moved, lambda: replace(here, doors=locate())):
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
