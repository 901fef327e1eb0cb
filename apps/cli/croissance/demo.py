"""`croissance demo`: thousands of companies travel through the whole chain, with a proof at the end."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import stamina
import typer

from common.core import clock
from croissance import demo_report
from croissance.addresses import Addresses, Bootstrap, Dsn, Http, doors_of, of_state
from croissance.api import Doors, RefusedError, UnavailableError
from croissance.audit import show as show_audit
from croissance.campaign import Campaign
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, reason, say
from croissance.demo_report import Result
from croissance.directors import ENVELOPE, Participant, contact, participant
from croissance.directory import connecteurs
from croissance.flow import Flow, StalledError
from croissance.journey import journey
from croissance.population import Population, communes
from croissance.progress import shown
from croissance.proof.run import Unreachable, Where
from croissance.proof.run import audit as run_audit
from croissance.querying import AWAY, connect
from croissance.sirene import Found, UnreadableFile, read_sirene, to_body
from croissance.stack import start_detached
from croissance.standing import watched
from embedded import inbox
from embedded.stack import running
from embedded.state import BusyError, state_of
from embedded.supervisor import StartError

CONTACTS: Final = 500
"""Companies with a contact unless the options say otherwise: the others get no mail."""

MAIL_PATIENCE: Final = 20.0
"""Seconds without any mail leaving after which the demonstration no longer waits for the others."""

AUDIT_PATIENCE: Final = 60.0
EXPECTED: Final = (UnavailableError, RefusedError, StalledError, UnreadableFile)
"""What may go wrong in the system under demonstration: said in one line, without a traceback."""

NOTIFICATIONS: Final = frozenset({"notifications"})

_DUE_MAILS: Final = """select count(*) from "{schema}".messages_to_send
    where status = 'pending' and (mail_id is not null or ready_at <= now() + interval '5 seconds')"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a demonstration."""

    companies: int
    seed: int
    contacts: int
    sirene: Path | None = None
    etablissements: Path | None = None


def demo(
    *,
    companies: Annotated[int, typer.Option(help="Nombre d’entreprises.", min=1, max=5_000_000)] = 2000,
    seed: Annotated[int, typer.Option(help="Graine: la même donne les mêmes entreprises.", min=0)] = 1,
    contacts: Annotated[int, typer.Option(help="Entreprises qui reçoivent des courriels.", min=0)] = CONTACTS,
    sirene: Annotated[
        Path | None, typer.Option(help="StockUniteLegale: de vraies entreprises au lieu d’une population inventée.")
    ] = None,
    etablissements: Annotated[Path | None, typer.Option(help="StockEtablissement qui va avec.")] = None,
    data: Data = Path(DEFAULT_DATA),
    keep: Annotated[bool, typer.Option("--keep", help="Laisser tourner le système à la fin.")] = False,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    http: Http = None,
    as_json: AsJson = False,
) -> None:
    """Fait vivre toute la chaîne: inscription, diagnostic, connecteur, label, chèque, courriels, puis la preuve.

    Une population réaliste (vrais territoires, SIREN valides, secteurs et tailles des PME françaises) passe par les
    portes des six services, comme le feraient ses dirigeants. On voit les événements défiler, puis le bilan: par étape,
    par région, le budget restant, les labels, l’histoire d’une entreprise, et l’audit qui prouve que rien n’a été perdu
    ni doublé.

    Si aucun système ne tourne sur --data, il est démarré, puis arrêté à la fin (sauf --keep). Lancer deux fois la même
    démonstration sur les mêmes données ne double rien.

    \b
    Exemples:
      croissance demo                                2 000 entreprises, moins d’une minute
      croissance demo --companies 50000 --json       le débit de la chaîne, en JSON
      croissance demo --keep                         puis croissance status, croissance events tail…
      croissance demo --sirene StockUniteLegale.csv --etablissements StockEtablissement.csv

    Code de sortie: 0 tout est juste; 1 sinon.
    """  # noqa: D301
    wish = Wish(companies, seed, min(contacts, companies), sirene, etablissements)
    try:
        stream = participants(wish)
        given = Addresses(bootstrap, dsn, "", doors_of(http))
        result = asyncio.run(_session(wish, stream, data, given, keep=keep, quiet=as_json))
    except (BusyError, StartError, RuntimeError) as error:
        fail(str(error), "croissance doctor dit ce qui manque.")
    except Unreachable as error:
        fail(f"courtier ou base injoignable: {reason(error)}", "croissance status dit ce qui tourne.")
    except BaseExceptionGroup as group:
        known, others = group.split(EXPECTED)
        if others is not None or known is None:
            raise
        fail(str(known.exceptions[0]), "croissance status dit ce qui tourne.")
    except EXPECTED as error:
        fail(str(error), "croissance status dit ce qui tourne.")
    _tell(result, as_json=as_json)


def _tell(result: Result, *, as_json: bool) -> None:
    """Report, and end with the code that the result deserves."""
    if as_json:
        print_json(demo_report.document(result))
    else:
        demo_report.show(result)
        show_audit(result.findings, result.audit_seconds)
    if not result.findings.ok or not result.tally.companies:
        raise typer.Exit(1)


def participants(wish: Wish) -> Iterator[Participant]:
    """The companies that take part, one by one.

    Raises:
        UnreadableFile: the SIRENE file cannot be read.
    """
    population = Population(wish.seed)
    if wish.sirene is None:
        return (participant(company) for company in population.draw(0, wish.companies))
    records = read_sirene(wish.sirene, wish.etablissements)
    found = islice((record.company for record in records if isinstance(record, Found)), wish.companies)
    answers = population.draw(0, wish.companies)
    return (
        Participant(real.siren, "", to_body(real), company.answers, company.dice)
        for real, company in zip(found, answers, strict=False)
    )


async def _session(
    wish: Wish, stream: Iterator[Participant], data: Path, given: Addresses, *, keep: bool, quiet: bool
) -> Result:
    """Find or start the system, run the demonstration on it, stop what was started."""
    began = time.monotonic()
    async with _system(data, given, keep=keep) as (here, locate):
        startup = time.monotonic() - began
        result = await perform(wish, stream, here, locate, quiet=quiet)
        result.startup_seconds = startup
    return result


Locate = Callable[[], dict[str, tuple[str, ...]]]


@asynccontextmanager
async def _system(data: Path, given: Addresses, *, keep: bool) -> AsyncGenerator[tuple[Addresses, Locate]]:
    """The system to use: the one named by the options, the one that runs on `data`, or a new one."""
    if given.bootstrap and given.dsn and given.doors:
        yield given, lambda: dict(given.doors)
        return

    def here() -> Addresses:
        state = state_of(data)
        return given if state is None else of_state(state)

    def locate() -> dict[str, tuple[str, ...]]:
        return dict(here().doors)

    if state_of(data) is None and keep:
        await asyncio.to_thread(start_detached, data, [])
    if state_of(data) is not None:
        await _until_up(data)
        yield here(), locate
        return
    say("Démarrage du système…")
    async with running(data, None, None, say):
        yield here(), locate


async def _until_up(data: Path) -> None:
    """Wait for a system that is just starting."""
    limit = time.monotonic() + 300
    while (state := state_of(data)) is not None and state["status"] != "up":
        if time.monotonic() > limit:
            fail("le système ne finit pas de démarrer", f"Voir {data}/logs.")
        await asyncio.sleep(0.2)


async def perform(wish: Wish, stream: Iterator[Participant], here: Addresses, locate: Locate, *, quiet: bool) -> Result:
    """The demonstration on a running system: prepare, let companies flow, wait for rest, for mails, then audit."""
    async with (
        Doors(locate) as doors,
        Flow(here.dsn, here.namespace) as flow,
        watched(lambda: flow.moved_at, lambda: replace(here, doors=locate())),
    ):
        campaign = Campaign(doors, flow, wish.seed)
        result = Result(campaign.tally)
        began = time.monotonic()
        await _prepare(wish, campaign, doors)
        await flow.at_rest(ignoring=NOTIFICATIONS)
        result.seeding_seconds = time.monotonic() - began
        total = 0 if wish.sirene else wish.companies
        began = time.monotonic()
        async with shown(flow, campaign.tally, doors, total, quiet=quiet):
            await campaign.run(stream)
            await flow.at_rest(ignoring=NOTIFICATIONS)
            result.seconds = time.monotonic() - began
            began = time.monotonic()
            await _mails(here, flow)
            result.mail_seconds = time.monotonic() - began
        async for attempt in _outliving():
            with attempt:
                await flow.count()
        result.events = dict(sorted(flow.events.items()))
        result.retries = doors.retries
        await _ask(doors, result)
    began = time.monotonic()
    async for attempt in _outliving():
        with attempt:
            result.findings = await run_audit(Where(here.bootstrap, here.dsn, here.namespace), AUDIT_PATIENCE)
    result.audit_seconds = time.monotonic() - began
    result.siren = campaign.tally.example
    if result.siren:
        result.timeline = await journey(here.dsn, result.siren, here.namespace)
    if here.inbox is not None:
        result.mails = await asyncio.to_thread(inbox.count, here.inbox)
    return result


def _outliving() -> AsyncIterator[stamina.Attempt]:
    """Take what only reads from its beginning again when the broker or the database went away in the middle of it."""
    return stamina.retry_context(on=Unreachable, attempts=5, timeout=None, wait_initial=1.0, wait_max=5.0)


async def _prepare(wish: Wish, campaign: Campaign, doors: Doors) -> None:
    """The directory of connecteurs, and contacts of the first companies."""
    if doors.has("matching"):
        desks = connecteurs(wish.companies, communes(), wish.seed)
        taken = await campaign.seed_door("matching", "/v1/connecteurs:batch", desks)
        say(f"{taken} connecteurs dans l’annuaire.")
    if doors.has("notifications") and wish.contacts:
        if wish.sirene is not None:
            sirens = [who.siren for who in islice(participants(wish), wish.contacts)]
        else:
            population = Population(wish.seed)
            sirens = [population.siren(rank) for rank in range(wish.contacts)]
        taken = await campaign.seed_door("notifications", "/v1/contacts:batch", [contact(siren) for siren in sirens])
        say(f"{taken} contacts: les autres entreprises ne recevront pas de courriel.")


async def _mails(here: Addresses, flow: Flow) -> None:
    """Wait until the mails that may leave now have left, as long as their number moves."""
    if "notifications" not in flow.services:
        return
    schema = here.namespace.replace(".", "_").replace("-", "_") + "notifications"
    before, moved_at = 0, time.monotonic()
    while due := await _due_mails(here.dsn, schema):
        if due != before:
            before, moved_at = due, time.monotonic()
        elif time.monotonic() - moved_at > MAIL_PATIENCE:
            say(f"{due} courriels partiront plus tard (expéditeur arrêté en route, ou serveur lent).")
            return
        await asyncio.sleep(0.25)
    await flow.at_rest()


async def _due_mails(dsn: str, schema: str) -> int:
    """Mails that should leave within seconds; -1 while the database cannot say."""
    try:
        connection = await connect(dsn)
        try:
            return await connection.fetchval(_DUE_MAILS.format(schema=schema))
        finally:
            await connection.close()
    except AWAY:
        return -1


async def _ask(doors: Doors, result: Result) -> None:
    """What the envelope and the cohort of the year say."""
    if doors.has("vouchers"):
        result.budget = await doors.get("vouchers", f"/v1/envelopes/{ENVELOPE}")
    if doors.has("labels"):
        result.labels = await doors.get("labels", f"/v1/cohorts/{clock.now().year}")
