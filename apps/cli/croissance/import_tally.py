"""What an import came to, for people and for programs."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.table import Table

from croissance.console import say
from croissance.output import one_line, out
from croissance.sirene import Refused
from france.typography import number

LISTED: Final = 100
"""Up to so many companies, each is listed with its class and why."""


CLASSES: Final = {
    "micro": "micro-entreprises",
    "petite": "petites entreprises",
    "moyenne": "moyennes entreprises",
    "hors_pme": "hors PME",
    "inconnu": "taille inconnue",
}


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


def document(tally: Tally, seconds: float) -> dict[str, object]:
    """For programs."""
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


def show(tally: Tally, seconds: float, report: Path | None) -> None:
    """For people: a short list in full, a long one in figures; `report` is where every refusal was written."""
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
    out.print(summary, soft_wrap=True)
    if classes:
        out.print(f"Classes: {classes}.", soft_wrap=True)
    for refused in tally.refusals[: LISTED // 5]:
        where = f"{refused.file}, ligne {refused.line}" if refused.line else refused.file
        told = f"  {where} ({refused.identifier or '?'}): {refused.field or 'ligne'}: {refused.reason}"
        out.print(one_line(told))
    if report is not None and tally.refused:
        say(f"Tous les refus: {report}")
    sys.stdout.flush()
