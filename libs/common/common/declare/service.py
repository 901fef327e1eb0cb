"""The declaration of a service: everything that can be derived of it. Pure: it knows no database and no process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.declare.aggregate import Aggregate, Foreign, Rule
from common.declare.errors import Misconfigured
from common.declare.event import Event
from common.declare.inputs import Command, Consumed, Deadline, FollowUp, Undecoded
from common.declare.pool import Pool, View

PARTITIONS = 12
"""Partitions of every topic, decided once: the same key has the same partition number everywhere."""

BASES = (Consumed, Command, Deadline, FollowUp, Undecoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as data. Topics, schemas, ACLs, documents and the process itself are derived from it.

    Attributes:
        name: import name of the package, Postgres schema, last word of the consumer group and of the topic.
        title: one French line for people.
        aggregates: its table of contents: kinds of things, each with its rules.
        publishes: the event classes of this service's topic.
        also: other topic → the event classes written to it.
        passes: topics that records are passed on to as they came.
        pools: what its rules draw on.
        views: the indexes that its rules read.

    Raises:
        Misconfigured: an input has no rule or two, a name is taken twice; the text lists every fault.
    """

    name: str
    title: str
    aggregates: tuple[Aggregate[Any], ...]
    publishes: tuple[type[Event], ...] = ()
    also: Mapping[str, tuple[type[Event], ...]] = field(default_factory=dict[str, tuple[type[Event], ...]])
    passes: tuple[str, ...] = ()
    pools: tuple[Pool[Any], ...] = ()
    views: tuple[View[Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table that forgets or doubles something."""
        if faults := list(_faults(self)):
            raise Misconfigured(f"service {self.name} is declared wrong:\n" + "\n".join(f"  {f}" for f in faults))

    @property
    def rules(self) -> tuple[Rule[Any], ...]:
        """The lines of every table."""
        return tuple(rule for aggregate in self.aggregates for rule in aggregate.rules)

    def inputs(self, base: type) -> tuple[type, ...]:
        """The inputs of a base class, in the order of the tables."""
        return tuple(rule.input for rule in self.rules if issubclass(rule.input, base))

    @property
    def consumes(self) -> dict[str, tuple[type, ...]]:
        """Producing service → the inputs read from its topic."""
        found: dict[str, tuple[type, ...]] = {}
        for rule in self.rules:
            origins = () if isinstance(rule.origin, Foreign) else rule.origin
            for producer in (origins,) if isinstance(origins, str) else origins:
                if producer:
                    found[producer] = (*found.get(producer, ()), rule.input)
        return found

    @property
    def foreign(self) -> dict[Foreign, tuple[type, ...]]:
        """Topics that others write → the inputs read from them."""
        found: dict[Foreign, tuple[type, ...]] = {}
        for rule in self.rules:
            if isinstance(rule.origin, Foreign):
                found[rule.origin] = (*found.get(rule.origin, ()), rule.input)
        return found

    @property
    def outputs(self) -> dict[str, tuple[type[Event], ...]]:
        """Topic → the event classes written to it; none where records are passed on."""
        return {self.topic: self.publishes, **self.also, **dict.fromkeys(self.passes, ())}

    @property
    def topic(self) -> str:
        """The topic this service owns."""
        return topic_of(self.name)

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that this service could not apply."""
        return f"croissance.{self.name}.dead-letter.v1"

    @property
    def group(self) -> str:
        """The consumer group of this service."""
        return f"croissance.{self.name}"


def topic_of(service: str) -> str:
    """The topic that a service owns."""
    return f"croissance.{service}.v1"


def _faults(service: Service) -> Iterable[str]:
    """What is wrong with a declaration, one line each."""
    ruled = [rule.input for rule in service.rules]
    for kind in sorted({kind.__name__ for kind in ruled if ruled.count(kind) > 1}):
        yield f"{kind} has several rules"
    for kind in _declared(BASES, f"{service.name}."):
        if kind not in ruled:
            yield f"{kind.__name__} ({kind.__module__}) has no rule"
    for rule in service.rules:
        consumed = issubclass(rule.input, (Consumed, Undecoded))
        if consumed != bool(rule.origin):
            said = "does not say where it comes from" if consumed else "is not consumed and has an origin"
            yield f"{rule.input.__name__} {said}"
    names = [aggregate.kind for aggregate in service.aggregates] + [pool.name for pool in service.pools]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} names two things"
    for topic, producers in service.consumes.items():
        by_name = [kind.__name__ for kind in producers]
        for name in sorted({name for name in by_name if by_name.count(name) > 1}):
            yield f"{name} of {topic} is read twice"


def _declared(bases: Iterable[type], package: str) -> list[type]:
    """Every class below `bases` that a module of `package` defines, that is no base of another one."""
    found: list[type] = []
    for base in bases:
        below = base.__subclasses__()
        found += [kind for kind in below if kind.__module__.startswith(package) and not kind.__subclasses__()]
        found += _declared(below, package)
    return found
