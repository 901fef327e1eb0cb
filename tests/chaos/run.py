"""The run: load that never stops, one fault after another, the time until each is recovered, and at the end the audit.

A fault is **recovered** when every process answers that it is ready, companies that registered after the fault's end
have gone through every door, and all that was decided by then is published and applied everywhere. The recovery time
counts from the fault's end: the death of a killed process, the SIGCONT of a frozen one, the opening of a cut link. It
contains the journey of those companies, which takes `Report.undisturbed` seconds without any fault.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from chaos.faults import FAULTS
from chaos.load import LOOK_EVERY, Load, load
from chaos.schedule import SHAPES, Fault, Kind
from chaos.setting_back import set_back
from chaos.system import System, system
from embedded.progress import Say

PATIENCE = 90.0
"""Seconds after which a fault counts as not recovered."""

TARGET = 10.0
"""Seconds within which every fault is to be recovered."""

REST = "60"
"""Seconds that the audit gives the chain to come to rest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fault, whom it befell, and how many seconds after its end all was well again; None: not in time."""

    fault: Fault
    befell: str
    recovery: float | None


@dataclass(slots=True)
class Report:
    """What a run came to.

    Attributes:
        seed: of the schedule and of the companies.
        undisturbed: seconds that recovery takes when nothing happened.
        outcomes: the faults in order.
        companies: that registered.
        refused: answers that a door should not have given.
        audit: the document of `croissance audit --json`.
        seconds: from the first fault to the end of the audit.
    """

    seed: int
    undisturbed: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    companies: int = 0
    refused: list[str] = field(default_factory=list[str])
    audit: dict[str, Any] = field(default_factory=dict[str, Any])
    seconds: float = 0.0

    def wrong(self, limit: float | None) -> list[str]:
        """What is wrong, in French; empty when all is well. `limit`: seconds that a recovery may take."""
        wrong: list[str] = []
        if not self.audit.get("ok"):
            wrong.append(f"l’audit n’est pas net: {self.audit.get('examples') or self.audit}")
        if self.audit.get("held"):
            wrong.append(f"{self.audit['held']} événements mis de côté, alors qu’aucun n’était faux")
        wrong += [f"refusé: {text}" for text in self.refused]
        for outcome in self.outcomes:
            name = f"{SHAPES[outcome.fault.kind].title} ({outcome.befell})"
            if outcome.recovery is None:
                wrong.append(f"{name}: pas de reprise en {PATIENCE:.0f} s")
            elif limit is not None and outcome.recovery > limit:
                wrong.append(f"{name}: reprise en {outcome.recovery:.1f} s, plus de {limit:.0f} s")
        return wrong

    def by_kind(self) -> dict[Kind, list[float | None]]:
        """Recovery times of each kind of fault, in the order of the table of kinds."""
        return {
            kind: found for kind in SHAPES if (found := [o.recovery for o in self.outcomes if o.fault.kind == kind])
        }

    def document(self, limit: float | None) -> dict[str, Any]:
        """The machine-readable result."""
        return {
            "ok": not self.wrong(limit),
            "wrong": self.wrong(limit),
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "companies": self.companies,
            "undisturbed_seconds": round(self.undisturbed, 2),
            "kinds": {kind: _figures(times) for kind, times in self.by_kind().items()},
            "faults": [
                {
                    "kind": each.fault.kind,
                    "befell": each.befell,
                    "lasted_seconds": round(each.fault.seconds, 2),
                    "recovery_seconds": None if each.recovery is None else round(each.recovery, 2),
                }
                for each in self.outcomes
            ],
            "audit": self.audit,
        }


def _figures(times: Sequence[float | None]) -> dict[str, Any]:
    known = [seconds for seconds in times if seconds is not None]
    return {
        "count": len(times),
        "median_seconds": round(median(known), 2) if known else None,
        "worst_seconds": round(max(known), 2) if len(known) == len(times) else None,
    }


async def run(data: Path, seed: int, faults: Sequence[Fault], say: Say) -> Report:
    """Bring the faults about one after another on a system of our own, then audit.

    Raises:
        ExceptionGroup: the load was refused or not answered for minutes: the system stopped.
    """
    report = Report(seed)
    async with system(data, say) as under_test, load(under_test, seed) as flowing:
        over, began = asyncio.Event(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(flowing.flow_steadily(over))
            report.undisturbed = await recovered(under_test, flowing) or 0.0
            say(f"charge établie; sans panne un aller complet prend {report.undisturbed:.1f} s")
            for number, fault in enumerate(faults, 1):
                outcome = await suffer(under_test, flowing, fault)
                report.outcomes.append(outcome)
                seconds = "jamais" if outcome.recovery is None else f"{outcome.recovery:.1f} s"
                title = SHAPES[fault.kind].title
                say(f"{number:3}/{len(faults)}  {title} ({outcome.befell}): reprise {seconds}")
            over.set()
        tally = flowing.campaign.tally
        report.companies, report.refused = tally.companies, tally.refused
        await flowing.flow.at_rest(ignoring=frozenset({"notifications"}))
        report.audit = json.loads(await under_test.croissance("audit", "--json", "--wait", REST, codes=(0, 1)))
        report.seconds = time.monotonic() - began
    return report


async def suffer(under_test: System, flowing: Load, fault: Fault) -> Outcome:
    """One fault, from the pause before it to its recovery."""
    await asyncio.sleep(fault.pause)
    if fault.kind is Kind.SET_BACK:
        befell = await set_back(under_test, flowing, fault)
    else:
        befell = await FAULTS[fault.kind](under_test, fault)
    return Outcome(fault, befell, await recovered(under_test, flowing))


async def recovered(under_test: System, flowing: Load) -> float | None:
    """Seconds from now until the system is whole again, as this module defines it; None when it takes too long."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            while not await under_test.all_ready():  # noqa: ASYNC110  other processes give no event
                await asyncio.sleep(LOOK_EVERY)
            await flowing.one_batch()
            await flowing.flow.caught_up()
            while not await under_test.all_ready():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        return None
    return time.monotonic() - began
