"""What an audit finds: counts by kind of fault, a few examples of each, and how much was checked."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "lost",
    "duplicated",
    "out_of_order",
    "gaps",
    "cut",
    "altered",
    "overspent_cents",
    "over_cap",
    "over_capacity",
    "unbalanced",
]

KINDS: Final[dict[Kind, str]] = {
    "lost": "perdus : un événement ou son effet manque",
    "duplicated": "doublés : un événement ou son effet compte deux fois",
    "out_of_order": "désordonnés : les effets d’une entreprise ne suivent pas l’ordre de leurs causes",
    "gaps": "trous : un numéro manque dans une partition",
    "cut": "coupés : la base, remise à un moment passé, a oublié ce que Kafka porte (croissance recover)",
    "altered": "altérés : le contenu publié n’est pas celui qui a été décidé",
    "overspent_cents": "centimes dépensés en trop",
    "over_cap": "labels au-delà du plafond de la cohorte",
    "over_capacity": "connecteurs au-delà de leur capacité",
    "unbalanced": "comptes qui ne tombent pas juste",
}
"""Kind of fault → what it means, in French."""

EXAMPLES: Final = 5
"""Examples kept of each kind."""


class Example(NamedTuple):
    """One fault: where it is and what is wrong, in French."""

    kind: Kind
    where: str
    what: str


@dataclass(slots=True)
class Findings:
    """The result of an audit, filled in as it goes.

    Attributes:
        faults: kind → how many.
        examples: the first few of each kind.
        checked: what was looked at → how many (events, repeats, messages, movements …).
        events: event name → how many were published.
        pending: events not yet published, plus events not yet applied by one of their consumers.
        held: events set aside on purpose (dead letters and what is parked behind them).
        notes: things worth knowing that are no fault, in French.
    """

    faults: Counter[Kind] = field(default_factory=Counter[Kind])
    examples: list[Example] = field(default_factory=list[Example])
    checked: Counter[str] = field(default_factory=Counter[str])
    events: Counter[str] = field(default_factory=Counter[str])
    pending: int = 0
    held: int = 0
    notes: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Nothing is wrong and nothing is still under way."""
        return self.pending == 0 and not any(self.faults.values())

    def fault(self, kind: Kind, where: str, what: str, count: int = 1) -> None:
        """Count a fault and keep it as an example if there are few of its kind."""
        if count <= 0:
            return
        self.faults[kind] += count
        if sum(example.kind == kind for example in self.examples) < EXAMPLES:
            self.examples.append(Example(kind, where, what))

    def as_json(self, seconds: float) -> dict[str, object]:
        """The machine-readable result."""
        return {
            "ok": self.ok,
            **{kind: self.faults[kind] for kind in KINDS},
            "pending": self.pending,
            "held": self.held,
            "checked": dict(sorted(self.checked.items())),
            "events": dict(sorted(self.events.items())),
            "examples": [example._asdict() for example in self.examples],
            "notes": self.notes,
            "seconds": round(seconds, 3),
        }
