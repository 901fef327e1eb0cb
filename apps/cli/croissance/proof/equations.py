"""The promises of the chain: what each fact of the domain must lead to, exactly once."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from croissance.proof.database import Place, Schema
from croissance.proof.findings import Findings
from croissance.proof.log import MASK, Fact, PartitionLog, short
from croissance.proof.mechanism import Marks
from croissance.proof.wiring import TOLD


class _Measure(msgspec.Struct, gc=False):
    subject: str


class _Diagnosed(msgspec.Struct, gc=False):
    diagnostic_id: str
    measures: list[_Measure]
    gaps: list[str]


class _Voucher(msgspec.Struct, gc=False):
    voucher_id: str
    amount_cents: int = 0
    status: str = ""


class _Delivery(msgspec.Struct, gc=False):
    cause: str
    template: str


class _Label(msgspec.Struct, gc=False):
    label_id: str
    cohort_year: int


class File(NamedTuple):
    """Where a chèque stands according to the events."""

    status: str
    granted_cents: int


STATUS: Final = {
    "vouchers.VoucherRequested": "depose",
    "vouchers.VoucherWaitlisted": "liste_attente",
    "vouchers.VoucherReserved": "depose",
    "vouchers.VoucherGranted": "accorde",
    "vouchers.VoucherRefused": "refuse",
    "vouchers.VoucherExpired": "expire",
    "vouchers.VoucherRenounced": "",
}
"""Event → status it brings a file to ("": the event says it)."""

FIRST_ANSWERS: Final = frozenset({"matching.ConnectorMatched", "matching.NeedUnserved"})
DELIVERIES: Final = frozenset({"notifications.NotificationSent", "notifications.NotificationFailed"})
GRANTED: Final = "labels.LabelGranted"
REQUESTED: Final = "vouchers.VoucherRequested"
DIAGNOSED: Final = "diagnostic.DiagnosticCompleted"

WANTED: Final = frozenset({DIAGNOSED, GRANTED, *FIRST_ANSWERS, *DELIVERIES, *STATUS, *TOLD})
"""Events whose content or id an equation needs."""

_diagnosed: Callable[[bytes], _Diagnosed] = msgspec.json.Decoder(_Diagnosed).decode
_voucher: Callable[[bytes], _Voucher] = msgspec.json.Decoder(_Voucher).decode
_delivery: Callable[[bytes], _Delivery] = msgspec.json.Decoder(_Delivery).decode
_label: Callable[[bytes], _Label] = msgspec.json.Decoder(_Label).decode

_READERS: Final[dict[str, Callable[[bytes], object]]] = {
    DIAGNOSED: _diagnosed,
    GRANTED: _label,
    **dict.fromkeys(DELIVERIES, _delivery),
    **dict.fromkeys(STATUS, _voucher),
}


def read_content(name: str, value: bytes) -> object:
    """The part of an event's content that the equations use, or None.

    Raises:
        Exception: one of `common.core.codec.UNREADABLE`: a field they need is missing, of another type, or no JSON.
    """
    reader = _READERS.get(name)
    return None if reader is None else reader(value)


def template_of(name: str) -> str:
    """The template of the message that tells of an event: `label_granted` of `labels.LabelGranted`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name.partition(".")[2]).lower()


def message_mark(cause: int, key: str, template: str) -> int:
    """64 bits of a message: of which fact, of whom. An id alone says neither: only its topic makes it unique."""
    return hash((cause, key, template)) & MASK


class Chain:
    """The equations of the domain, fed one partition number at a time."""

    def __init__(self, findings: Findings, schemas: Mapping[str, Schema]) -> None:
        """Nothing read yet."""
        self.findings = findings
        self.schemas = schemas
        self.told = Marks()
        self.told_later = Marks()
        self.delivered = Marks()
        self.files: dict[str, File] = {}
        self.labels: dict[str, int] = {}
        self.cut: set[str] = set()
        self.unanswered: list[tuple[str, str]] = []

    def partition(self, logs: Mapping[str, PartitionLog]) -> None:
        """Take one partition number of every service's topic (service → log)."""
        answers: Counter[int] = Counter()
        if "matching" in logs:
            answers.update(fact.cause for fact in logs["matching"].facts if fact.name in FIRST_ANSWERS)
        for log in logs.values():
            for fact in log.facts:
                if fact.name in TOLD:
                    self._tell(log, fact)
                if fact.name == DIAGNOSED:
                    self._answered(log, fact, answers[fact.id])
                elif fact.name in STATUS:
                    self._file(log, fact)
                elif fact.name == GRANTED and isinstance(fact.content, _Label):
                    self._granted(log, fact, fact.content)
                elif fact.name in DELIVERIES and isinstance(fact.content, _Delivery):
                    cause = short(fact.content.cause.encode())
                    self.delivered.add((message_mark(cause, fact.key, fact.content.template),))

    def _applied(self, consumer: str, log: PartitionLog, fact: Fact) -> bool | None:
        """Whether a consumer must have applied an event: None when it was set aside or the service does not exist."""
        schema = self.schemas.get(consumer)
        if schema is None or (log.topic, log.partition, fact.sequence) in schema.held:
            return None
        position = schema.positions.get(Place(log.topic, log.partition))
        return position is not None and position.sequence >= fact.sequence

    def _tell(self, log: PartitionLog, fact: Fact) -> None:
        applied = self._applied("notifications", log, fact)
        mark = message_mark(fact.id, fact.key, template_of(fact.name))
        (self.told if applied else self.told_later).add((mark,))

    def _answered(self, log: PartitionLog, fact: Fact, answers: int) -> None:
        """A diagnosis gets one first answer: three connecteurs at most, or nobody; or it joins an open need."""
        self.findings.checked["diagnoses"] += 1
        if answers > 1:
            what = f"{answers} réponses pour le diagnostic numéro {fact.sequence} de {fact.key}"
            self.findings.fault("duplicated", log.name, what, answers - 1)
        content = fact.content
        if answers or not isinstance(content, _Diagnosed) or not self._applied("matching", log, fact):
            return
        if content.gaps or any(measure.subject for measure in content.measures):
            self.unanswered.append((fact.key, content.diagnostic_id))

    def _file(self, log: PartitionLog, fact: Fact) -> None:
        """Follow a chèque from event to event."""
        if not isinstance(fact.content, _Voucher):
            return
        voucher = fact.content
        self._note_cut("vouchers", log, fact, voucher.voucher_id)
        before = self.files.get(voucher.voucher_id)
        status = STATUS[fact.name] or voucher.status
        told_twice = before is not None and (status == before.status or fact.name == REQUESTED)
        if told_twice and voucher.voucher_id not in self.cut:
            self.findings.fault("duplicated", log.name, f"le chèque {voucher.voucher_id} est deux fois « {status} »")
        granted = voucher.amount_cents if status == "accorde" else 0
        self.files[voucher.voucher_id] = File(status, granted)

    def _note_cut(self, service: str, log: PartitionLog, fact: Fact, thing: str) -> None:
        """Remember a thing that its owner has forgotten with its database: only Kafka can say what it is."""
        schema = self.schemas.get(service)
        if schema is not None and (log.topic, log.partition, fact.sequence) in schema.forgotten:
            self.cut.add(thing)

    def _granted(self, log: PartitionLog, fact: Fact, label: _Label) -> None:
        self._note_cut("labels", log, fact, label.label_id)
        if label.label_id in self.labels:
            self.findings.fault("duplicated", log.name, f"le label {label.label_id} est attribué deux fois")
        self.labels[label.label_id] = label.cohort_year


async def check_joined(connection: Any, findings: Findings, schema: str, unanswered: list[tuple[str, str]]) -> None:
    """Diagnoses without an answer of their own must be attached to a need of their company."""
    if not unanswered:
        return
    wanted = [(siren.encode(), msgspec.json.encode(diagnostic_id)) for siren, diagnostic_id in unanswered]
    rows = await connection.fetch(JOINED.format(schema=schema), *map(list, zip(*wanted, strict=True)))
    joined = {tuple(row) for row in rows}
    for (siren, diagnostic_id), place in zip(unanswered, wanted, strict=True):
        if place not in joined:
            findings.fault("lost", "matching", f"le diagnostic {diagnostic_id} de {siren} n’a pas de réponse")


JOINED: Final = """select u.key, u.diagnostic from unnest($1::bytea[], $2::bytea[]) u (key, diagnostic)
    join "{schema}".states s on convert_to(s.key, 'UTF8') = u.key
    where s.kind = 'needs' and position(u.diagnostic in convert_to(s.doc, 'UTF8')) > 0"""
"""By bytes: text from outside may hold what PostgreSQL's has not (a NUL), and as it stands in JSON."""


async def check_messages(connection: Any, findings: Findings, schema: Schema, chain: Chain, *, whole: bool) -> None:
    """One message for each event that companies are told of, one outcome for each message settled.

    Args:
        connection: to the database.
        findings: where faults go.
        schema: of notifications.
        chain: the equations, after the last partition.
        whole: nothing is under way and the log is complete, so that counts must match both ways.
    """
    recorded = Marks()
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(MESSAGES.format(schema=schema.name))
        while rows := await cursor.fetch(5000):
            recorded.add(message_mark(short(str(cause).encode()), siren, name) for cause, siren, name in rows)
    findings.checked["messages"] = len(recorded)
    missing = chain.told.missing_in(recorded)
    findings.fault("lost", "notifications", "des faits n’ont pas leur message", missing)
    findings.fault("duplicated", "notifications", "des messages existent deux fois", recorded.repeated())
    findings.fault("duplicated", "notifications", "des messages ont deux issues", chain.delivered.repeated())
    if not whole:
        return
    every = Marks()
    for marks in (chain.told, chain.told_later):
        for bucket in marks.buckets:
            every.add(bucket)
    findings.fault("duplicated", "notifications", "des messages n’ont pas de cause", recorded.missing_in(every))
    settled = await connection.fetchval(SETTLED.format(schema=schema.name))
    if settled != len(chain.delivered):
        what = f"{settled} messages envoyés ou échoués, {len(chain.delivered)} événements"
        kind = "lost" if settled > len(chain.delivered) else "duplicated"
        findings.fault(kind, "notifications", what, abs(settled - len(chain.delivered)))


MESSAGES: Final = 'select cause, siren, template from "{schema}".messages_to_send'
SETTLED: Final = "select count(*) from \"{schema}\".messages_to_send where status in ('sent', 'failed')"
