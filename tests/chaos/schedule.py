"""Which fault comes when, and to whom: drawn from a seed. Pure: seed, length and services give the schedule."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

from common.process.app import installed_services

_DECLARED: Final = installed_services()
SERVICES: Final = tuple(_DECLARED)
DOUBLED: Final = ("diagnostic", "matching", "vouchers")
"""Services that run as two processes: when one of them is frozen, the other takes its partitions and its lease."""

PUBLISHERS: Final = tuple(name for name in SERVICES if any(name in service.consumes for service in _DECLARED.values()))
"""Services whose events others apply."""

PAUSE: Final = (0.5, 2.5)
"""Seconds of undisturbed load before a fault."""

RECOVERY: Final = 5.0
"""Seconds that the schedule allows for the recovery of each fault; the run takes the time that it needs."""


SELDOM: Final = 600.0
"""Seconds of a schedule in which the database is set back once at most: what only Kafka knows then is for people."""


class Kind(StrEnum):
    """A kind of fault; the value is how reports name it."""

    KILL_WORKER = "kill-worker"
    KILL_RELAY = "kill-relay"
    KILL_BROKER = "kill-broker"
    KILL_POSTMASTER = "kill-postmaster"
    FREEZE = "freeze"
    SCALE = "scale"
    CUT_BROKER = "cut-broker"
    CUT_DATABASE = "cut-database"
    SILENCE_BROKER = "silence-broker"
    SILENCE_DATABASE = "silence-database"
    LOSE_ANSWERS = "lose-answers"
    SLOW_NETWORK = "slow-network"
    DISK_FULL = "disk-full"
    POISON = "poison"
    CLOCK_JUMP = "clock-jump"
    READ_ONLY = "read-only"
    ABORTED = "aborted"
    TOPIC_ANEW = "topic-anew"
    HUGE_HEADER = "huge-header"
    SILENT_CALLERS = "silent-callers"
    SET_BACK = "set-back"


class Shape(NamedTuple):
    """What is drawn for a kind.

    Attributes:
        seconds: how long it lasts, from and to; a kill is over at once.
        victims: services it may befall.
        title: for people.
    """

    seconds: tuple[float, float]
    victims: tuple[str, ...]
    title: str


SHAPES: Final[dict[Kind, Shape]] = {
    Kind.KILL_WORKER: Shape((0, 0), SERVICES, "kill -9 d’un processus"),
    Kind.KILL_RELAY: Shape((0, 0), SERVICES, "kill -9 de celui qui publie"),
    Kind.KILL_BROKER: Shape((0, 0), ("kafka",), "kill -9 du courtier"),
    Kind.KILL_POSTMASTER: Shape((0, 0), ("postgres",), "kill -9 de la base"),
    # past the session (6 s), the lease (3 s) and the idle transaction (5 s); before the supervisor kills it (15 s)
    Kind.FREEZE: Shape((9.5, 12.5), DOUBLED, "SIGSTOP puis SIGCONT"),
    Kind.SCALE: Shape((2, 4), DOUBLED, "deux processus de plus, puis de moins"),
    Kind.CUT_BROKER: Shape((2, 7), SERVICES, "liaison coupée avec le courtier"),
    Kind.CUT_DATABASE: Shape((2, 7), SERVICES, "liaison coupée avec la base"),
    Kind.SILENCE_BROKER: Shape((4, 9), SERVICES, "courtier muet"),
    Kind.SILENCE_DATABASE: Shape((4, 9), SERVICES, "base muette"),
    # past the relay's patience (10 s): it sends again what the broker has, and the log holds it twice
    Kind.LOSE_ANSWERS: Shape((11, 13), PUBLISHERS, "réponses du courtier perdues"),
    Kind.SLOW_NETWORK: Shape((4, 8), SERVICES, "liaisons lentes"),
    Kind.DISK_FULL: Shape((2, 6), SERVICES, "disque plein"),
    Kind.POISON: Shape((0, 0), SERVICES, "enregistrements illisibles"),
    Kind.CLOCK_JUMP: Shape((2, 4), SERVICES, "horloge en avance d’un an"),
    Kind.READ_ONLY: Shape((2, 6), ("postgres",), "base en lecture seule"),
    Kind.ABORTED: Shape((0, 0), SERVICES, "transactions annulées"),
    Kind.TOPIC_ANEW: Shape((0, 0), PUBLISHERS, "topic supprimé"),
    Kind.HUGE_HEADER: Shape((0, 0), SERVICES, "en-tête HTTP énorme"),
    Kind.SILENT_CALLERS: Shape((3, 6), SERVICES, "appelants muets"),
    Kind.SET_BACK: Shape((3, 6), ("postgres",), "base perdue et remise d’une copie"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schedule.

    Attributes:
        kind: what happens.
        victim: the service, or "kafka", or "postgres".
        pause: seconds of undisturbed load before it.
        seconds: how long it lasts.
    """

    kind: Kind
    victim: str
    pause: float
    seconds: float

    @property
    def share(self) -> float:
        """Seconds of the run that are set aside for it."""
        return self.pause + self.seconds + RECOVERY


def schedule(seed: int, minutes: float) -> list[Fault]:
    """The faults of a run: rounds in which every kind comes once, in an order of their own, until time is filled."""
    rng = Random(f"chaos/{seed}")
    faults: list[Fault] = []
    spent, set_back_at = 0.0, -SELDOM
    while True:
        for kind in rng.sample(list(SHAPES), len(SHAPES)):
            shape = SHAPES[kind]
            fault = Fault(kind, rng.choice(shape.victims), rng.uniform(*PAUSE), rng.uniform(*shape.seconds))
            if kind is Kind.SET_BACK and spent < set_back_at + SELDOM:
                continue
            if spent + fault.share > minutes * 60 and len(faults) >= len(SHAPES):
                return faults
            if kind is Kind.SET_BACK:
                set_back_at = spent
            spent += fault.share
            faults.append(fault)
