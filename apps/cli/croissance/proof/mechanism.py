"""The promises of the mechanism: the log equals the outboxes, every consumer applied everything once, in order."""

from array import array
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Final

from croissance.proof.database import Place, Row, Schema
from croissance.proof.findings import Findings
from croissance.proof.log import PartitionLog
from croissance.proof.wiring import CONSUMES

BUCKETS: Final = 256

NONE: Final[set[int]] = set()


class Marks:
    """Many 64-bit marks in eight bytes each, cut into buckets so that comparing needs little more memory."""

    def __init__(self) -> None:
        """Empty."""
        self.buckets: tuple[array[int], ...] = tuple(array("Q") for _ in range(BUCKETS))

    def add(self, marks: Iterable[int]) -> None:
        """Add marks; the same one may come again."""
        buckets = self.buckets
        for mark in marks:
            buckets[mark & 255].append(mark)

    def __len__(self) -> int:
        """How many were added."""
        return sum(map(len, self.buckets))

    def repeated(self) -> int:
        """How many were added beyond the first time."""
        return sum(len(bucket) - len(set(bucket)) for bucket in self.buckets)

    def missing_in(self, other: "Marks") -> int:
        """How many different marks are here and not there."""
        pairs = zip(self.buckets, other.buckets, strict=True)
        return sum(len(set(mine) - set(theirs)) for mine, theirs in pairs)


async def compare_outbox(findings: Findings, log: PartitionLog, schema: Schema, rows: AsyncIterable[Row]) -> None:
    """The rows still kept of an outbox partition and its records are the same, number by number."""
    place = Place(log.topic, log.partition)
    published, expected, last = schema.published.get(place, 0), 0, log.last
    async for row in rows:
        findings.checked["outbox_rows"] += 1
        if expected and row.sequence != expected:
            findings.fault("gaps", f"outbox {log.name}", f"le numéro {expected} manque", row.sequence - expected)
        expected = row.sequence + 1
        if row.sequence > last:
            if row.sequence <= published and log.ahead < row.sequence:
                findings.fault("lost", log.name, f"le numéro {row.sequence} est publié selon la base, absent de Kafka")
        elif row.sequence > log.base:
            index = row.sequence - log.base - 1
            if log.prints[index] != row.mark:
                same = log.ids[index] == row.id
                what = "n’a pas le contenu décidé" if same else "n’est pas l’événement décidé"
                findings.fault("altered", log.name, f"le numéro {row.sequence} {what}")
    head = max(schema.heads.get(place, 0), expected - 1)
    if last > head:
        what = f"Kafka va jusqu’au numéro {last}, la base n’en a décidé que {head}"
        findings.fault("cut", log.name, what, last - head)
    if last < published and not expected:
        what = f"Kafka s’arrête au numéro {last}, {published} étaient publiés"
        findings.fault("lost", log.name, what, published - last)


def check_publishing(findings: Findings, schema: Schema) -> None:
    """What is numbered and not acknowledged yet is under way; more published than numbered cannot be."""
    for place, head in schema.heads.items():
        published = schema.published[place]
        findings.pending += max(0, head - published)
        if published > head:
            what = f"{published} publiés, {head} numérotés"
            findings.fault("lost", f"outbox {place.topic}[{place.partition}]", what, published - head)


def check_consumer(findings: Findings, schema: Schema, log: PartitionLog) -> None:
    """A consumer stands at the last number of a partition and counted each one once."""
    position = schema.positions.get(Place(log.topic, log.partition))
    where = f"{schema.service} ← {log.name}"
    if position is None:
        findings.pending += log.last
        return
    findings.checked["positions"] += 1
    if position.sequence > log.last:
        what = f"appliqué jusqu’à {position.sequence}, Kafka s’arrête à {log.last}"
        findings.fault("lost", where, what, position.sequence - log.last)
    if position.sequence < log.base:
        what = f"attend le numéro {position.sequence + 1}, le journal commence au numéro {log.base + 1}"
        findings.fault("gaps", where, what, log.base - position.sequence)
    findings.pending += max(0, log.last - position.sequence)
    if position.applied > position.sequence:
        what = f"{position.applied} effets pour {position.sequence} événements"
        findings.fault("duplicated", where, what, position.applied - position.sequence)
    elif position.applied < position.sequence:
        what = f"{position.applied} effets pour {position.sequence} événements"
        findings.fault("lost", where, what, position.sequence - position.applied)
    for record in log.foreign:
        findings.checked["foreign_records"] += 1
        if record.offset < position.next_offset and tuple(record) not in schema.set_aside:
            what = f"l’enregistrement sans numéro à l’offset {record.offset} n’est pas mis de côté"
            findings.fault("lost", where, what)


def check_order(findings: Findings, logs: Mapping[str, PartitionLog], schemas: Mapping[str, Schema]) -> None:
    """Effects follow their causes: per company and input topic, in each output topic (service → its log).

    Takes the same partition number of every topic: a company's events have it everywhere. A cause is looked for in the
    topics that the service reads, for an id is unique with its topic only; one that two of them have tells nothing.
    Where the database of the service went back in time (`cuts`), its decisions begin again at earlier causes.
    """
    places = {
        service: dict(zip(log.ids, range(log.base + 1, log.last + 1), strict=True)) for service, log in logs.items()
    }
    for service, log in logs.items():
        read = [(number, places[name]) for number, name in enumerate(CONSUMES.get(service, ())) if name in places]
        seen: dict[tuple[int, int], int] = {}
        ends = schemas[service].cuts.get(Place(log.topic, log.partition), NONE) if service in schemas else NONE
        for own, (cause, key) in enumerate(zip(log.causes, log.keys, strict=True), log.base):
            if own in ends:
                seen = {}
            found = [(source, numbers[cause]) for source, numbers in read if cause in numbers]
            if len(found) != 1:
                continue
            findings.checked["causes"] += 1
            source, sequence = found[0]
            if seen.get((source, key), 0) > sequence:
                what = f"l’effet du numéro {sequence} suit celui d’un numéro plus grand"
                findings.fault("out_of_order", log.name, what)
            seen[source, key] = sequence
