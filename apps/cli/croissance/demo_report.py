"""The result of a demonstration: tables for people, one document for machines."""

from dataclasses import dataclass, field
from typing import Any, Final

from rich.table import Table

from croissance.campaign_tally import Tally
from croissance.console import say
from croissance.directory import REGION_NAMES
from croissance.journey import Moment
from croissance.output import euros, out
from croissance.proof.findings import Findings
from france.typography import number

OUTCOMES: Final = {
    "attribue": "attribués",
    "liste_attente": "en liste d’attente",
    "refuse": "refusés",
    "accorde": "accordés",
    "depose": "déposés",
    "micro": "micro",
    "petite": "petites",
    "moyenne": "moyennes",
    "hors_pme": "hors PME",
    "inconnu": "de taille inconnue",
}


@dataclass(slots=True)
class Result:
    """What a demonstration came to; times in seconds."""

    tally: Tally
    events: dict[str, int] = field(default_factory=dict[str, int])
    seconds: float = 0.0
    startup_seconds: float = 0.0
    seeding_seconds: float = 0.0
    mail_seconds: float = 0.0
    audit_seconds: float = 0.0
    retries: int = 0
    mails: int | None = None
    budget: dict[str, Any] = field(default_factory=dict[str, Any])
    labels: dict[str, Any] = field(default_factory=dict[str, Any])
    timeline: list[Moment] = field(default_factory=list[Moment])
    siren: str = ""
    findings: Findings = field(default_factory=Findings)


def document(result: Result) -> dict[str, object]:
    """The machine-readable result."""
    tally = result.tally
    return {
        "companies": tally.companies,
        "already_known": known(result),
        "events": result.events,
        "seconds": round(result.seconds, 3),
        "companies_per_second": round(tally.companies / result.seconds, 1) if result.seconds else 0.0,
        "startup_seconds": round(result.startup_seconds, 3),
        "seeding_seconds": round(result.seeding_seconds, 3),
        "mail_seconds": round(result.mail_seconds, 3),
        "retries": result.retries,
        "steps": {
            name: {"count": step.done, "per_second": round(step.rate, 1), "outcomes": dict(step.outcomes)}
            for name, step in tally.steps.items()
        },
        "regions": {code: dict(counters) for code, counters in sorted(tally.regions.items())},
        "budget": {"accounts": result.budget.get("accounts"), "waiting": result.budget.get("waiting")},
        "labels": result.labels,
        "mails": result.mails,
        "timeline": {"siren": result.siren, "events": [moment._asdict() for moment in result.timeline]},
        "refused_items": tally.refused,
        "audit": result.findings.as_json(result.audit_seconds),
    }


def known(result: Result) -> int:
    """Companies that an earlier run had registered already."""
    return max(0, result.tally.companies - result.events.get("CompanyRegistered", 0))


def show(result: Result) -> None:
    """The result for people."""
    _steps(result)
    _regions(result)
    _money(result)
    _story(result)
    tally = result.tally
    for text in tally.refused:
        say(f"Refus inattendu: {text}")
    again = known(result)
    if again:
        text = f"{number(again)} de ces entreprises étaient déjà là: les mêmes demandes n’ont rien doublé."
        out.print(text, soft_wrap=True)
    rate = tally.companies / result.seconds if result.seconds else 0.0
    text = (
        f"{number(tally.companies)} entreprises, {number(sum(result.events.values()))} événements en "
        f"{result.seconds:.1f} s: {number(rate)} entreprises par seconde, de la première porte au dernier message "
        f"enregistré (démarrage {result.startup_seconds:.1f} s, courriels {result.mail_seconds:.1f} s)."
    )
    out.print(text, soft_wrap=True)


def _steps(result: Result) -> None:
    table = Table("Étape", "Nombre", "Par seconde", "Détail", title="Les étapes", title_justify="left")
    for step in result.tally.steps.values():
        parts = [f"{number(count)} {OUTCOMES.get(name, name)}" for name, count in step.outcomes.most_common()]
        table.add_row(step.title, number(step.done), number(step.rate), ", ".join(parts))
    out.print(table)
    table = Table("Événement", "Nombre", "Par seconde", title="Les événements", title_justify="left")
    for name, count in sorted(result.events.items(), key=lambda item: -item[1]):
        rate = count / result.seconds if result.seconds else 0.0
        table.add_row(name, number(count), number(rate))
    out.print(table)


def _regions(result: Result) -> None:
    columns = ("Région", "Entreprises", "Score moyen", "Au-dessus du seuil", "Labels", "Chèques", "Accordés")
    table = Table(*columns, title="Les régions", title_justify="left")
    for code, counters in sorted(result.tally.regions.items(), key=lambda item: -item[1]["companies"]):
        mean = counters["points"] / 10 / counters["diagnostics"] if counters["diagnostics"] else 0.0
        values = (
            number(counters["companies"]),
            f"{mean:.1f}",
            number(counters["able"]),
            number(counters["label attribue"]),
            number(counters["voucher accorde"]),
            euros(counters["granted_cents"]),
        )
        table.add_row(REGION_NAMES.get(code, code or "(inconnue)"), *values)
    out.print(table)


def _money(result: Result) -> None:
    if result.budget:
        accounts: dict[str, int] = result.budget["accounts"]
        out.print(
            f"Chèques numériques: {euros(accounts['engage'])} accordés, {euros(accounts['disponible'])} disponibles "
            f"sur {euros(result.budget['total_cents'])}; {number(result.budget['waiting'])} dossiers en attente.",
            soft_wrap=True,
        )
    if result.labels:
        cohort = result.labels
        out.print(
            f"Labels {cohort['year']}: {number(cohort['granted'])} attribués sur {number(cohort['cap'])}, "
            f"{number(cohort['waiting'])} en liste d’attente.",
            soft_wrap=True,
        )
    if result.mails is not None:
        out.print(f"Courriels reçus dans la boîte: {number(result.mails)}.", soft_wrap=True)


def _story(result: Result) -> None:
    if not result.timeline:
        return
    table = Table("Heure", "Événement", "", title=f"L’histoire de l’entreprise {result.siren}", title_justify="left")
    for moment in result.timeline:
        table.add_row(f"{moment.at:%H:%M:%S.%f}"[:-3], moment.event, moment.text)
    out.print(table)
