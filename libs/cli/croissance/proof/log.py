"""Reading the log as a receiver would: numbers in order, repeats dropped, gaps noticed; one partition at a time."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from croissance.proof.findings import Findings

MASK: Final = (1 << 64) - 1
TYPE_PREFIX: Final = "fr.croissanceconnectee."
REQUIRED: Final = ("ce_id", "ce_subject", "ce_time", "ce_correlationid", "ce_causationid")
"""Headers that every event of ours carries, beside `ce_sequence` and those that its type determines."""

FIXED: Final = ("ce_specversion", "ce_type", "ce_source", "ce_dataschema", "content-type")
"""Headers that the type of an event determines."""

PARTITION_BYTES: Final = 4 << 20
"""Most that one fetch brings of a partition."""


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


@dataclass(slots=True)
class PartitionLog:
    """One partition of one topic after dedupe; columns have one entry a number, from `base` + 1 on.

    Attributes:
        topic: its topic.
        partition: its number.
        base: numbers up to this one were deleted by Kafka's retention before the audit.
        prints: fingerprint of key, headers and value.
        ids: 64 bits of each event's id.
        causes: 64 bits of the id of what caused it.
        keys: 64 bits of its key.
        facts: events whose content is needed.
        foreign: records without a number.
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


class LogReader:
    """Reads every topic, partition number by partition number, from its beginning to its end when asked."""

    def __init__(
        self, bootstrap: str, wanted: frozenset[str], read_content: Callable[[str, bytes], object], findings: Findings
    ) -> None:
        """`wanted` names the events that are kept, with what `read_content` takes of their data."""
        self._wanted = wanted
        self._read_content = read_content
        self._findings = findings
        self._names: dict[tuple[bytes | None, ...], str] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=PARTITION_BYTES,
            fetch_max_bytes=8 * PARTITION_BYTES,
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def topics(self) -> set[str]:
        """The topics that exist."""
        return set(await self._consumer.topics())

    async def read(self, topics: Sequence[str], partition: int) -> dict[str, PartitionLog]:
        """The same partition number of every topic."""
        places = [TopicPartition(topic, partition) for topic in topics]
        logs = {topic: PartitionLog(topic, partition) for topic in topics}
        if not places:
            return logs
        self._consumer.assign(places)
        first = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        open_places = {place for place in places if first[place] < ends[place]}
        truncated = {place.topic for place in places if first[place] > 0}
        while open_places:
            batches: dict[Any, list[Any]] = await self._consumer.getmany(*open_places, timeout_ms=1000)
            for place, records in batches.items():
                self._take(logs[place.topic], records, ends[place], truncated=place.topic in truncated)
            for place in list(open_places):
                if await self._consumer.position(place) >= ends[place]:
                    open_places.discard(place)
        for log in logs.values():
            self._close(log)
        return logs

    def _take(self, log: PartitionLog, records: list[Any], end: int, *, truncated: bool) -> None:
        """Add records as a receiver does: the next number is taken, a lower one compared, a higher one waits."""
        for record in records:
            if record.offset >= end:
                return
            headers: dict[str, bytes | None] = dict(record.headers)
            number = headers.get("ce_sequence")
            if not number or not number.isdigit() or number == b"0":
                log.foreign.append(Foreign(log.topic, log.partition, record.offset))
                continue
            sequence = int(number)
            if truncated and not log.prints and not log.base:
                log.base = sequence - 1
            last = log.base + len(log.prints)
            if sequence > last + 1:
                log.ahead = max(log.ahead, sequence)
                continue
            mark = _fingerprint(record.key, record.value, headers)
            if sequence == last + 1:
                log.prints.append(mark)
                self._add(log, sequence, record, headers)
            elif sequence > log.base:
                self._findings.checked["repeats"] += 1
                if log.prints[sequence - log.base - 1] != mark:
                    what = f"le numéro {sequence} porte deux événements différents"
                    self._findings.fault("duplicated", log.name, what)

    def _add(self, log: PartitionLog, sequence: int, record: Any, headers: dict[str, bytes | None]) -> None:
        key: bytes = record.key or b""
        identity, subject, _, _, cause = found = tuple([headers.get(name) for name in REQUIRED])
        if subject != key or not all(found):
            wrong = next((name for name, value in zip(REQUIRED, found, strict=True) if not value), "ce_subject")
            self._findings.fault("altered", log.name, f"numéro {sequence} : en-tête {wrong} absent ou faux")
        identity_mark, cause_mark = hash(identity) & MASK, hash(cause) & MASK
        log.ids.append(identity_mark)
        log.causes.append(cause_mark)
        log.keys.append(hash(key) & MASK)
        fixed = tuple([headers.get(name) for name in FIXED])
        name = self._names.get(fixed)
        if name is None:
            name = self._names[fixed] = self._name(log, sequence, fixed)
        self._findings.events[name] += 1
        if name in self._wanted:
            content = self._content(log, sequence, name, record.value or b"")
            log.facts.append(Fact(sequence, name, identity_mark, cause_mark, key.decode(errors="replace"), content))

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
        except msgspec.MsgspecError as error:
            self._findings.fault("altered", log.name, f"numéro {sequence} : {error}")
            return None

    def _close(self, log: PartitionLog) -> None:
        self._findings.checked["events"] += len(log.prints)
        self._findings.checked["partitions"] += 1
        if log.ahead > log.last:
            what = f"le numéro {log.last + 1} manque, le numéro {log.ahead} est là"
            self._findings.fault("gaps", log.name, what, log.ahead - log.last)


def _fingerprint(key: bytes | None, value: bytes | None, headers: dict[str, bytes | None]) -> int:
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
