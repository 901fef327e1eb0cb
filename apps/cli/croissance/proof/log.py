"""The log as a receiver takes it: numbers in order, repeats dropped, gaps noticed. Pure: Kafka is read by `reader`."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, NamedTuple

from common.core.codec import UNREADABLE
from common.core.inbox import sequence_of
from croissance.proof.findings import Findings

MASK: Final = (1 << 64) - 1
TYPE_PREFIX: Final = "fr.croissanceconnectee."
REQUIRED: Final = ("ce_id", "ce_time", "ce_correlationid", "ce_causationid")
"""Headers that every event of ours carries, beside `ce_sequence`, `ce_subject` and those that its type determines.
`ce_subject` is the key, and as empty as the key of a dead letter whose record had none that can be read."""

FIXED: Final = ("ce_specversion", "ce_type", "ce_source", "ce_dataschema", "content-type")
"""Headers that the type of an event determines."""


class Fact(NamedTuple):
    """An event that an equation looks at; `content` is what it needs of the data."""

    sequence: int
    name: str
    id: int
    cause: int
    key: str
    content: object


class Foreign(NamedTuple):
    """A record on our topic without a usable number: nobody applies it, every consumer must set it aside."""

    topic: str
    partition: int
    offset: int


class Line(NamedTuple):
    """What is kept of one number: 64 bits each."""

    mark: int
    id: int
    cause: int
    key: int


@dataclass(slots=True)
class PartitionLog:
    """One partition of one topic after dedupe; columns have one entry a number, from `base` + 1 on.

    Attributes:
        topic: its topic.
        partition: its number.
        base: numbers up to this one are no longer in Kafka: deleted by its retention, or lost with a disk.
        prints: fingerprint of key, headers and value.
        ids: 64 bits of each event's id.
        causes: 64 bits of the id of what caused it.
        keys: 64 bits of its key.
        facts: events whose content is needed.
        foreign: records without a number.
        early: numbers up to `base` that were sent again, behind larger ones: the log was lost and healed.
        ahead: highest number seen beyond a gap.
    """

    topic: str
    partition: int
    base: int = 0
    prints: "array[int]" = field(default_factory=lambda: array("Q"))
    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    causes: "array[int]" = field(default_factory=lambda: array("Q"))
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    facts: list[Fact] = field(default_factory=list[Fact])
    foreign: list[Foreign] = field(default_factory=list[Foreign])
    early: dict[int, Line] = field(default_factory=dict[int, Line])
    ahead: int = 0

    @property
    def last(self) -> int:
        """The last number of an unbroken series."""
        return self.base + len(self.prints)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.topic}[{self.partition}]"


def fingerprint(parts: tuple[bytes | None, ...]) -> int:
    """64 bits of key, value and headers; the same in one run of the program only."""
    return hash(parts) & MASK


def short(text: bytes) -> int:
    """64 bits of an id or a key; the same in one run of the program only."""
    return hash(text) & MASK


class Receiver:
    """Takes records as a consumer must, and keeps what the audit needs of them."""

    def __init__(
        self, wanted: frozenset[str], read_content: Callable[[str, bytes], object], findings: Findings
    ) -> None:
        """`wanted` names the events that are kept, with what `read_content` takes of their data."""
        self._wanted = wanted
        self._read_content = read_content
        self._findings = findings
        self._names: dict[tuple[bytes | None, ...], str] = {}

    def take(self, log: PartitionLog, records: list[Any], end: int) -> None:
        """Add records as a receiver does: the next number is taken, a lower one compared, a higher one waits.

        The first number is taken whatever it is: Kafka may have deleted the beginning (retention) or lost it (a disk).
        Where it was sent again behind larger numbers, `close` puts it before them. Nobody may stand before the
        beginning: `check_consumer` looks.
        """
        for record in records:
            if record.offset >= end:
                return
            headers: dict[str, bytes | None] = dict(reversed(record.headers))  # the first of each name, as services do
            sequence = sequence_of(record)
            if sequence is None:
                log.foreign.append(Foreign(log.topic, log.partition, record.offset))
                continue
            if not log.prints and not log.base:
                log.base = sequence - 1
            last = log.base + len(log.prints)
            if sequence > last + 1:
                log.ahead = max(log.ahead, sequence)
                continue
            mark = mark_of(record.key, record.value, headers)
            if sequence == last + 1:
                self._append(log, self._line(log, sequence, record, headers, mark))
            elif sequence <= log.base and sequence not in log.early:
                log.early[sequence] = self._line(log, sequence, record, headers, mark)
            else:
                self._findings.checked["repeats"] += 1
                early = log.early.get(sequence)
                if mark != (early.mark if early else log.prints[sequence - log.base - 1]):
                    what = f"le numéro {sequence} porte deux événements différents"
                    self._findings.fault("duplicated", log.name, what)

    @staticmethod
    def _append(log: PartitionLog, line: Line) -> None:
        for column, value in zip((log.prints, log.ids, log.causes, log.keys), line, strict=True):
            column.append(value)

    def _line(self, log: PartitionLog, sequence: int, record: Any, headers: dict[str, bytes | None], mark: int) -> Line:
        key: bytes = record.key or b""
        identity, _, _, cause = found = tuple([headers.get(name) for name in REQUIRED])
        if headers.get("ce_subject") != key or not all(found):
            wrong = next((name for name, value in zip(REQUIRED, found, strict=True) if not value), "ce_subject")
            self._findings.fault("altered", log.name, f"numéro {sequence} : en-tête {wrong} absent ou faux")
        identity_mark, cause_mark = hash(identity) & MASK, hash(cause) & MASK
        fixed = tuple([headers.get(name) for name in FIXED])
        name = self._names.get(fixed)
        if name is None:
            name = self._names[fixed] = self._name(log, sequence, fixed)
        self._findings.events[name] += 1
        if name in self._wanted:
            content = self._content(log, sequence, name, record.value or b"")
            log.facts.append(Fact(sequence, name, identity_mark, cause_mark, key.decode(errors="replace"), content))
        return Line(mark, identity_mark, cause_mark, hash(key) & MASK)

    def _name(self, log: PartitionLog, sequence: int, fixed: tuple[bytes | None, ...]) -> str:
        """`diagnostic.DiagnosticCompleted`, from the headers that are the same for all events of a type."""
        version, event_type, source, schema, content_type = [(value or b"").decode(errors="replace") for value in fixed]
        name = event_type.removeprefix(TYPE_PREFIX)
        service, _, short_name = name.partition(".")
        expected = ("1.0", f"{TYPE_PREFIX}{name}", f"/croissance/{service}", "application/json")
        schema_ok = schema.startswith(f"/schemas/{service}/{short_name}.v") and schema.endswith(".json")
        if (version, event_type, source, content_type) != expected or not schema_ok:
            what = f"numéro {sequence} : enveloppe CloudEvents fausse pour « {event_type} »"
            self._findings.fault("altered", log.name, what)
        return name

    def _content(self, log: PartitionLog, sequence: int, name: str, value: bytes) -> object:
        try:
            return self._read_content(name, value)
        except UNREADABLE as error:
            self._findings.fault("altered", log.name, f"numéro {sequence} : {error}")
            return None

    def close(self, log: PartitionLog) -> None:
        """Count what was read; what waits beyond a gap is missing, what was sent again goes before what is there."""
        if log.early:
            self._prepend(log)
        self._findings.checked["events"] += len(log.prints)
        self._findings.checked["partitions"] += 1
        if log.ahead > log.last:
            what = f"le numéro {log.last + 1} manque, le numéro {log.ahead} est là"
            self._findings.fault("gaps", log.name, what, log.ahead - log.last)

    def _prepend(self, log: PartitionLog) -> None:
        """Let the log begin as early as its numbers reach back without a hole."""
        first = log.base + 1
        while first - 1 in log.early:
            first -= 1
        whole = PartitionLog(log.topic, log.partition)
        for number in range(first, log.base + 1):
            self._append(whole, log.early[number])
        for column, before in (
            (log.prints, whole.prints),
            (log.ids, whole.ids),
            (log.causes, whole.causes),
            (log.keys, whole.keys),
        ):
            column[:0] = before
        log.base = first - 1
        log.facts = sorted((fact for fact in log.facts if fact.sequence >= first), key=itemgetter(0))


def mark_of(key: bytes | None, value: bytes | None, headers: dict[str, bytes | None]) -> int:
    """The fingerprint of a record: its key, its value and the headers that differ from event to event."""
    return fingerprint(
        (
            key or b"",
            value or b"",
            headers.get("ce_id"),
            headers.get("ce_type"),
            headers.get("ce_time"),
            headers.get("ce_correlationid"),
            headers.get("ce_causationid"),
            headers.get("ce_region") or b"",
            headers.get("traceparent") or b"",
        )
    )
