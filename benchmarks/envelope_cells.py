"""What emptying an envelope came to, for each number of processes and way of posting."""

from dataclasses import dataclass, field
from typing import Any, Final

from rich.table import Table

from benchmarks.shown import grid

TARGET: Final = 2000
"""Reservations a second against one envelope, from many processes."""


@dataclass(slots=True)
class Cell:
    """One number of processes and one way of posting.

    Attributes:
        processes: of the service.
        batch: applications a request.
        seconds: from the first request until the envelope could serve no more.
        reserved: applications served in that time.
        waiting: applications put on the waiting list.
        total_cents: what the envelope held.
        granted_cents: what clients were told they have.
        left_cents: what the ledger says is left.
        faults: what the books found wrong, empty when nothing is.
        cores: role → cores kept busy.
    """

    processes: int
    batch: int
    seconds: float = 0.0
    reserved: int = 0
    waiting: int = 0
    total_cents: int = 0
    granted_cents: int = 0
    left_cents: int = 0
    faults: list[str] = field(default_factory=list[str])
    cores: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def rate(self) -> float:
        """Reservations a second."""
        return self.reserved / self.seconds if self.seconds else 0.0

    @property
    def exact(self) -> bool:
        """Whether what was told, what is left and what there was agree to the cent, and the books are right."""
        return not self.faults and self.granted_cents + self.left_cents == self.total_cents


@dataclass(slots=True)
class Reservations:
    """Every cell."""

    cells: list[Cell] = field(default_factory=list[Cell])

    @property
    def reached(self) -> bool:
        """Whether some number of processes above one reaches the target, every cell being exact."""
        return all(c.exact for c in self.cells) and any(c.rate >= TARGET for c in self.cells if c.processes > 1)

    def document(self) -> dict[str, Any]:
        """The result as JSON."""
        cells = [
            {
                "processes": cell.processes,
                "applications_per_request": cell.batch,
                "reservations_per_second": round(cell.rate),
                "reserved": cell.reserved,
                "waiting": cell.waiting,
                "seconds": round(cell.seconds, 3),
                "total_cents": cell.total_cents,
                "granted_cents": cell.granted_cents,
                "left_cents": cell.left_cents,
                "exact": cell.exact,
                "faults": cell.faults,
                "cores": cell.cores,
            }
            for cell in self.cells
        ]
        return {"benchmark": "envelope", "target_reached": self.reached, "cells": cells}

    def table(self) -> Table:
        """The result for people."""
        columns = ("processes", "a request", "reservations/s", "reserved", "waiting", "left €", "to the cent", "cores")
        rows = [
            (
                cell.processes,
                cell.batch,
                f"{cell.rate:,.0f}",
                f"{cell.reserved:,}",
                f"{cell.waiting:,}",
                f"{cell.left_cents / 100:,.2f}",
                "yes" if cell.exact else "; ".join(cell.faults) or "NO",
                round(sum(cell.cores.values()), 2),
            )
            for cell in self.cells
        ]
        return grid(
            "Reservations on one envelope until it is empty",
            columns,
            rows,
            f"Target: ≥ {TARGET:,} reservations/s from many processes, exact to the cent",
        )
