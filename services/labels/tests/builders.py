"""What the tests of this service are made of: companies, diagnoses, files, and pools."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from common.core import clock
from common.declare.message import Message
from common.declare.pool import Ref
from common.testing.rules import decided, message_of
from labels.applications.inputs import ApplyForLabel, Company, DiagnosticCompleted, Engagement
from labels.applications.model import LabelFile
from labels.places.cohort import COHORTS, Cohort
from labels.places.waiting import ALL, TURNS, WAITING, Turn, Waiting
from labels.service import SERVICE

NOW = datetime(2026, 11, 12, 14, 0, tzinfo=UTC)
SIREN = "732829320"
VECTOR_B = {"D1": 52.5, "D2": 40.714, "D3": 46.429, "D4": 61.905, "D5": 16.0, "D6": 45.0}
VECTOR_C = {"D1": 90.0, "D2": 84.286, "D3": 86.607, "D4": 100.0, "D5": 68.0, "D6": 80.0}
COMPANY = Company("Ateliers Lumière", "62.01Z", "69", "84", active=True, sme_category="petite")
STARS = (1, 2, 3, 4, 5, 6)


def mean(scores: dict[str, float]) -> float:
    """Global score: mean of the six dimensions, unrounded."""
    return sum(scores[f"D{n}"] for n in range(1, 7)) / 6


def diagnosed(
    scores: dict[str, float] | None = None, at: datetime = NOW - timedelta(days=30), **changes: Any
) -> DiagnosticCompleted:
    """A full diagnosis; golden vector C unless other scores are given."""
    marks = VECTOR_C if scores is None else scores
    base = DiagnosticCompleted("d-" + at.isoformat(), "complet", "T0", at, marks, mean(marks), COMPANY)
    return replace(base, **changes)


def engagements(*, proved: Iterable[int] = STARS, taken: Iterable[int] = range(1, 13)) -> tuple[Engagement, ...]:
    """All twelve commitments: those taken, those with a proof."""
    taken, proved = set(taken), set(proved)
    return tuple(
        Engagement(n, n in taken, (f"https://exemple.fr/preuve-{n}",) if n in proved else ()) for n in range(1, 13)
    )


def application(**changes: Any) -> ApplyForLabel:
    """A complete application."""
    return replace(
        ApplyForLabel("2026.1", engagements(), signed=True, signed_on=date(2026, 11, 10), no_insolvency=True,
                      no_clawback_debt=True),
        **changes,
    )  # fmt: skip


def message(content: Any, at: datetime = NOW, key: str = SIREN, salt: str = "") -> Message[Any]:
    """A message about a key; its id follows from all of this."""
    return message_of(content, key, at, id=uuid5(NAMESPACE_URL, f"{content}/{at}/{key}/{salt}"))


def pools(
    cap: int = 1, granted: int = 0, *, waiting: Waiting | None = None, turn: Turn | None = None, day: str = "2026-11-12"
) -> dict[Ref, Any]:
    """The cohort of 2026, the waiting list, and whose turn it is on a day."""
    return {
        COHORTS.at("2026"): Cohort(2026, cap, granted, {"84": granted} if granted else {}),
        WAITING.at(ALL): waiting or Waiting(),
        TURNS.at(day): turn or Turn(),
    }


def ready_file(**changes: Any) -> LabelFile:
    """A file whose last diagnosis passes."""
    return replace(decided(SERVICE, LabelFile(SIREN), message(diagnosed())).state, **changes)


def move_clock(to: datetime) -> None:
    """Make the clock of this process say `to`."""
    clock.shift(timedelta(0))
    clock.shift(to - clock.now())


def sirens(count: int) -> list[str]:
    """That many different valid SIRENs."""
    found: list[str] = []
    stem = 10000000
    while len(found) < count:
        digits = [int(digit) for digit in str(stem)]
        odd = [sum(divmod(2 * digit, 10)) for digit in digits[-1::-2]]
        total = sum(odd) + sum(digits[-2::-2])
        found.append(f"{stem}{-total % 10}")
        stem += 1
    return found
