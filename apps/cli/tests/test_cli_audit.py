"""The audit finds each kind of fault. Logs and tables are made by hand: the checker is what is under test."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from croissance.audit import line
from croissance.proof.database import Place, Position, Row, Schema
from croissance.proof.equations import DIAGNOSED, WANTED, Chain, check_messages, read_content, template_of
from croissance.proof.findings import Findings
from croissance.proof.log import Fact, PartitionLog, Receiver, short
from croissance.proof.mechanism import Marks, check_consumer, check_order, check_publishing, compare_outbox
from croissance.proof.wiring import CONSUMES, TOLD, topic

TOPIC = topic("", "diagnostic")
IN, OUT = topic("", "companies"), topic("", "diagnostic")


def record(sequence: int, *, offset: int | None = None, key: str = "111", value: bytes = b"{}", **changes: Any) -> Any:
    """A record as the relay writes it; `changes` replace headers, None removes one."""
    headers: dict[str, bytes | None] = {
        "ce_sequence": b"%d" % sequence,
        "ce_specversion": b"1.0",
        "ce_type": b"fr.croissanceconnectee.diagnostic.DiagnosticStarted",
        "ce_source": b"/croissance/diagnostic",
        "ce_dataschema": b"/schemas/diagnostic/DiagnosticStarted.v1.json",
        "content-type": b"application/json",
        "ce_id": b"id-%d" % sequence,
        "ce_subject": key.encode(),
        "ce_time": b"2026-11-23T08:00:00Z",
        "ce_correlationid": b"c",
        "ce_causationid": b"cause-%d" % sequence,
    }
    headers |= {name.replace("__", "-"): text for name, text in changes.items()}
    kept = [(name, text) for name, text in headers.items() if text is not None]
    place = sequence - 1 if offset is None else offset
    return SimpleNamespace(offset=place, key=key.encode(), value=value, headers=kept)


async def read(records: Iterable[Any]) -> tuple[PartitionLog, Findings]:
    """What the reader makes of a partition."""
    findings = Findings()
    receiver = Receiver(WANTED, read_content, findings)
    log = PartitionLog(TOPIC, 4)
    receiver.take(log, list(records), 10**9)
    receiver.close(log)
    return log, findings


async def rows(*given: Row) -> AsyncIterator[Row]:
    for row in given:
        yield row


def faults(findings: Findings) -> dict[str, int]:
    return {kind: count for kind, count in findings.faults.items() if count}


# --- reading the log -------------------------------------------------------------------------------------------------


async def test_a_clean_partition_has_no_fault() -> None:
    log, findings = await read(record(n) for n in (1, 2, 3))
    assert (log.last, faults(findings), findings.events["diagnostic.DiagnosticStarted"]) == (3, {}, 3)


async def test_repeats_are_dropped_and_counted() -> None:
    log, findings = await read([record(1), record(2), record(1, offset=2), record(2, offset=3), record(3, offset=4)])
    assert (log.last, findings.checked["repeats"], faults(findings)) == (3, 2, {})


async def test_a_repeat_with_other_content_is_a_double() -> None:
    _, findings = await read([record(1), record(1, offset=1, value=b'{"other": 1}')])
    assert faults(findings) == {"duplicated": 1}


async def test_a_missing_number_is_a_gap() -> None:
    log, findings = await read([record(1), record(3), record(4)])
    assert (log.last, faults(findings)) == (1, {"gaps": 3})


async def test_a_gap_that_is_sent_again_is_none() -> None:
    log, findings = await read([record(1), record(3), record(2, offset=2), record(3, offset=3)])
    assert (log.last, faults(findings)) == (3, {})


@pytest.mark.parametrize("offset", [40, 0])
async def test_a_log_whose_beginning_is_gone_starts_where_it_starts(offset: int) -> None:
    log, findings = await read([record(41, offset=offset), record(42, offset=offset + 1)])
    assert (log.base, log.last, faults(findings)) == (40, 42, {})


async def test_a_range_sent_again_after_newer_events_is_no_fault() -> None:
    order = [41, 42, 38, 39, 40, 41, 42, 43]
    log, findings = await read([record(number, offset=offset) for offset, number in enumerate(order)])
    assert (log.base, log.last, faults(findings)) == (37, 43, {})
    assert list(log.ids) == [short(b"id-%d" % number) for number in range(38, 44)]
    assert (findings.checked["events"], findings.checked["repeats"]) == (6, 2)


async def test_a_beginning_that_was_sent_again_is_verified_as_far_as_it_has_no_hole() -> None:
    name: dict[str, Any] = {
        "ce_type": b"fr.croissanceconnectee.labels.LabelGranted",
        "ce_source": b"/croissance/labels",
    }
    name |= {
        "ce_dataschema": b"/schemas/labels/LabelGranted.v1.json",
        "value": b'{"label_id": "l", "cohort_year": 2026}',
    }
    order = [5, 6, 1, 3, 4, 3]
    log, findings = await read([record(number, offset=offset, **name) for offset, number in enumerate(order)])
    assert (log.base, log.last, [fact.sequence for fact in log.facts]) == (2, 6, [3, 4, 5, 6])
    assert (findings.checked["repeats"], faults(findings)) == (1, {})

    _, findings = await read([record(2), record(1, offset=1), record(1, offset=2, value=b"{ }")])
    assert faults(findings) == {"duplicated": 1}


async def test_the_announcement_of_a_dead_letter_without_a_key_has_no_subject() -> None:
    _, findings = await read([record(1, key="")])
    assert faults(findings) == {}


@pytest.mark.parametrize("sequence", [None, b"", b"0", b"00", b"-1", b"x", b"9" * 19, b"9" * 5_000])
async def test_a_record_without_a_number_is_foreign(sequence: bytes | None) -> None:
    log, findings = await read([record(1), record(2, ce_sequence=sequence)])
    assert (log.last, len(log.foreign), faults(findings)) == (1, 1, {})


async def test_of_a_header_that_is_repeated_the_first_counts_as_for_the_services() -> None:
    twice = record(2)
    twice.headers = [*twice.headers, *((name, b"9") for name, _ in twice.headers)]
    log, findings = await read([record(1), twice, record(3)])
    assert (log.last, log.foreign, faults(findings)) == (3, [], {})


@pytest.mark.parametrize("value", [b"\xff", b"[" * 100_000, b"", b'{"diagnostic_id": 3}'])
async def test_a_fact_that_cannot_be_read_is_a_fault_and_the_audit_goes_on(value: bytes) -> None:
    wanted: dict[str, Any] = {
        "ce_type": b"fr.croissanceconnectee.diagnostic.DiagnosticCompleted",
        "ce_dataschema": b"/schemas/diagnostic/DiagnosticCompleted.v1.json",
    }
    log, findings = await read([record(1, value=value, **wanted), record(2)])
    assert (log.last, faults(findings)) == (2, {"altered": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"ce_id": None},
        {"ce_subject": b"222"},
        {"ce_time": b""},
        {"ce_specversion": b"0.3"},
        {"content__type": b"text/plain"},
        {"ce_source": b"/other"},
        {"ce_dataschema": None},
    ],
)
async def test_a_wrong_envelope_is_named(changes: dict[str, Any]) -> None:
    _, findings = await read([record(1, **changes)])
    assert faults(findings) == {"altered": 1}


async def test_content_that_breaks_its_contract_is_named() -> None:
    name: dict[str, Any] = {"ce_type": b"fr.croissanceconnectee.diagnostic.DiagnosticCompleted"}
    name |= {"ce_dataschema": b"/schemas/diagnostic/DiagnosticCompleted.v1.json"}
    _, findings = await read([record(1, value=b'{"diagnostic_id": 3}', **name)])
    assert faults(findings) == {"altered": 1}


# --- the log and the outbox ------------------------------------------------------------------------------------------


def schema_of(head: int, published: int | None = None) -> Schema:
    place = Place(TOPIC, 4)
    return Schema("diagnostic", "diagnostic", {place: head}, {place: head if published is None else published})


async def compared(sequences: Iterable[int], kept: Iterable[int], schema: Schema, spoil: int = 0) -> dict[str, int]:
    log, findings = await read(record(n) for n in sequences)
    twin, _ = await read(record(n) for n in range(1, 10))
    marks = [Row(n, short(b"id-%d" % n), twin.prints[n - 1] ^ (n == spoil)) for n in kept]
    await compare_outbox(findings, log, schema, rows(*marks))
    return faults(findings)


async def test_equal_outbox_and_log() -> None:
    assert await compared([1, 2, 3], [1, 2, 3], schema_of(3)) == {}


async def test_rotated_segments_are_not_missed() -> None:
    assert await compared([1, 2, 3], [3], schema_of(3)) == {}
    assert await compared([1, 2, 3], [], schema_of(3)) == {}


async def test_not_published_yet_is_not_lost() -> None:
    assert await compared([1, 2], [1, 2, 3], schema_of(3, published=2)) == {}


async def test_published_and_absent_from_kafka_is_lost() -> None:
    assert await compared([1, 2], [1, 2, 3], schema_of(3)) == {"lost": 1}
    assert await compared([1, 2], [], schema_of(3)) == {"lost": 1}


async def test_in_kafka_and_unknown_to_the_database_is_lost() -> None:
    assert await compared([1, 2, 3], [1, 2], schema_of(2)) == {"cut": 1}


async def test_other_content_is_altered() -> None:
    assert await compared([1, 2, 3], [1, 2, 3], schema_of(3), spoil=2) == {"altered": 1}


async def test_a_hole_in_the_outbox_is_a_gap() -> None:
    assert await compared([1, 2, 3], [1, 3], schema_of(3)) == {"gaps": 1}


def test_unpublished_is_pending_overpublished_is_lost() -> None:
    findings = Findings()
    check_publishing(findings, schema_of(5, published=3))
    check_publishing(findings, schema_of(5, published=6))
    assert (findings.pending, faults(findings)) == (2, {"lost": 1})


# --- consumers -------------------------------------------------------------------------------------------------------


async def consumed(position: Position | None, set_aside: set[tuple[str, int, int]] | None = None) -> Findings:
    log, findings = await read([record(1), record(2), record(9, offset=2, ce_sequence=None), record(3, offset=3)])
    schema = Schema("matching", "matching", set_aside=set_aside or set())
    if position is not None:
        schema.positions[Place(TOPIC, 4)] = position
    check_consumer(findings, schema, log)
    return findings


async def test_a_consumer_that_stands_before_the_beginning_misses_events() -> None:
    log, _ = await read([record(41, offset=0)])
    schema, findings = Schema("matching", "matching"), Findings()
    schema.positions[Place(TOPIC, 4)] = Position(38, 38, 38)
    check_consumer(findings, schema, log)
    assert (findings.pending, faults(findings)) == (3, {"gaps": 2})


async def test_a_consumer_at_the_end_is_right() -> None:
    findings = await consumed(Position(3, 4, 3), {(TOPIC, 4, 2)})
    assert (findings.pending, faults(findings)) == (0, {})


@pytest.mark.parametrize(
    ("position", "pending", "found"),
    [
        (None, 3, {}),
        (Position(1, 1, 1), 2, {}),
        (Position(3, 4, 4), 0, {"duplicated": 1, "lost": 1}),
        (Position(3, 4, 2), 0, {"lost": 2}),
        (Position(5, 6, 5), 0, {"lost": 3}),
        (Position(3, 4, 3), 0, {"lost": 1}),
    ],
)
async def test_what_a_position_tells(position: Position | None, pending: int, found: dict[str, int]) -> None:
    findings = await consumed(position)
    assert (findings.pending, faults(findings)) == (pending, found)


def partition(name: str, ids: list[str], causes: list[str], keys: list[str]) -> PartitionLog:
    log = PartitionLog(name, 0)
    log.prints.extend(range(len(ids)))
    log.ids.extend(short(i.encode()) for i in ids)
    log.causes.extend(short(c.encode()) for c in causes)
    log.keys.extend(short(k.encode()) for k in keys)
    return log


@pytest.mark.parametrize(
    ("causes", "keys", "wrong"),
    [
        (["a", "b", "c"], ["1", "1", "1"], 0),
        (["a", "a", "b"], ["1", "1", "1"], 0),
        (["b", "a", "c"], ["1", "1", "1"], 1),
        (["b", "a", "c"], ["2", "1", "2"], 0),
        (["b", "elsewhere", "a"], ["1", "1", "1"], 1),
    ],
)
def test_effects_follow_their_causes_per_company(causes: list[str], keys: list[str], wrong: int) -> None:
    findings = Findings()
    source = partition(IN, ["a", "b", "c"], ["x", "y", "z"], ["1", "1", "1"])
    output = partition(OUT, ["d", "e", "f"], causes, keys)
    check_order(findings, {"companies": source, "diagnostic": output}, {})
    assert findings.faults["out_of_order"] == wrong


@pytest.mark.parametrize(("cut", "wrong"), [(1, 1), (2, 0)])
def test_decisions_begin_again_where_the_database_went_back(cut: int, wrong: int) -> None:
    findings = Findings()
    source = partition(IN, ["a", "b"], ["x", "y"], ["1", "1"])
    output = partition(OUT, ["d", "e", "f"], ["a", "b", "a"], ["1", "1", "1"])
    schema = Schema("diagnostic", "diagnostic", cuts={Place(OUT, 0): {cut}})
    check_order(findings, {"companies": source, "diagnostic": output}, {"diagnostic": schema})
    assert findings.faults["out_of_order"] == wrong


def test_one_id_in_two_topics_makes_no_disorder() -> None:
    """A cause is an event of a topic that the service reads; one that two such topics have is left out."""
    findings = Findings()
    logs = {
        "companies": partition(topic("", "companies"), ["a", "b"], ["x", "y"], ["1", "1"]),
        "labels": partition(topic("", "labels"), ["b", "a"], ["z", "z"], ["1", "1"]),
        "diagnostic": partition(OUT, ["d", "e"], ["a", "b"], ["1", "1"]),
        "vouchers": partition(topic("", "vouchers"), ["f", "g"], ["b", "a"], ["1", "1"]),
    }
    check_order(findings, logs, {})
    assert (findings.checked["causes"], faults(findings)) == (2, {})


def test_marks_tell_repeats_and_what_is_missing() -> None:
    some, others = Marks(), Marks()
    some.add([1, 2, 257, 2])
    others.add([1, 257])
    assert (len(some), some.repeated(), some.missing_in(others), others.missing_in(some)) == (4, 1, 1, 0)


# --- the chain -------------------------------------------------------------------------------------------------------


def fact(name: str, sequence: int, identity: str, cause: str, content: dict[str, Any] | None = None) -> Any:
    parsed = None if content is None else read_content(name, msgspec.json.encode(content))
    return Fact(sequence, name, short(identity.encode()), short(cause.encode()), "111", parsed)


def chain_of(
    matching_at: int = 9, held: set[tuple[str, int, int]] | None = None
) -> tuple[Chain, dict[str, PartitionLog]]:
    diagnostic, matching = topic("", "diagnostic"), topic("", "matching")
    schemas = {
        "matching": Schema("matching", "matching", held=held or set()),
        "notifications": Schema("notifications", "notifications"),
    }
    schemas["matching"].positions[Place(diagnostic, 0)] = Position(matching_at, 0, matching_at)
    for name in (diagnostic, matching):
        schemas["notifications"].positions[Place(name, 0)] = Position(9, 0, 9)
    logs = {"diagnostic": PartitionLog(diagnostic, 0), "matching": PartitionLog(matching, 0)}
    done = {"diagnostic_id": "d1", "measures": [{"subject": "cybersecurite"}], "gaps": []}
    logs["diagnostic"].facts.append(fact(DIAGNOSED, 1, "e1", "command", done))
    return Chain(Findings(), schemas), logs


def test_one_answer_to_a_diagnosis_is_right_two_are_a_double() -> None:
    chain, logs = chain_of()
    logs["matching"].facts.append(fact("matching.ConnectorMatched", 1, "m1", "e1"))
    chain.partition(logs)
    assert (faults(chain.findings), chain.unanswered) == ({}, [])
    chain, logs = chain_of()
    logs["matching"].facts += [
        fact("matching.ConnectorMatched", 1, "m1", "e1"),
        fact("matching.NeedUnserved", 2, "m2", "e1"),
    ]
    chain.partition(logs)
    assert faults(chain.findings) == {"duplicated": 1}


def test_a_diagnosis_without_answer_must_be_joined_unless_it_waits_or_is_held() -> None:
    chain, logs = chain_of()
    chain.partition(logs)
    assert chain.unanswered == [("111", "d1")]
    for matching_at, held in ((0, None), (9, {(topic("", "diagnostic"), 0, 1)})):
        chain, logs = chain_of(matching_at, held)
        chain.partition(logs)
        assert chain.unanswered == []


def told(*facts: Any) -> Chain:
    """The chain after these facts of labels, vouchers or notifications, all applied by notifications."""
    names = ("labels", "vouchers", "notifications")
    schema = Schema("notifications", "notifications")
    schema.positions |= {Place(topic("", name), 0): Position(9, 0, 9) for name in names}
    logs = {name: PartitionLog(topic("", name), 0) for name in names}
    for each in facts:
        logs[each.name.partition(".")[0]].facts.append(each)
    chain = Chain(Findings(), {"notifications": schema})
    chain.partition(logs)
    return chain


class Rows:
    """A connection to a table of messages: (cause, siren, template)."""

    def __init__(self, *messages: tuple[str, str, str]) -> None:
        self.messages = list(messages)

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncGenerator[None]:
        yield

    async def cursor(self, _: str) -> "Rows":
        return self

    async def fetch(self, size: int) -> list[tuple[str, str, str]]:
        taken, self.messages = self.messages[:size], self.messages[size:]
        return taken

    async def fetchval(self, _: str) -> int:
        return 0


async def after_messages(chain: Chain, *messages: tuple[str, str, str]) -> dict[str, int]:
    schema = chain.schemas["notifications"]
    await check_messages(Rows(*messages), chain.findings, schema, chain, whole=True)
    return faults(chain.findings)


REQUESTED = {"voucher_id": "v"}


async def test_two_facts_of_one_id_need_two_messages() -> None:
    """As one idempotency key at labels and vouchers made them: told by id alone, the audit missed 20 legal mails."""

    def chain() -> Chain:
        requested = fact("vouchers.VoucherRequested", 1, "e1", "e1", REQUESTED)
        return told(fact("labels.LabelApplied", 1, "e1", "e1"), requested)

    applied, deposited = ("e1", "111", "label_applied"), ("e1", "111", "voucher_requested")
    assert await after_messages(chain(), applied, deposited) == {}
    assert await after_messages(chain(), applied) == {"lost": 1}
    assert await after_messages(chain(), applied, applied, deposited) == {"duplicated": 1}


async def test_one_id_of_two_companies_is_no_double() -> None:
    applied = fact("labels.LabelApplied", 1, "e1", "e1")
    chain = told(applied, applied._replace(sequence=2, key="222"))
    messages = (("e1", "111", "label_applied"), ("e1", "222", "label_applied"))
    assert await after_messages(chain, *messages) == {}


def test_an_outcome_is_that_of_one_message() -> None:
    sent = "notifications.NotificationSent"
    outcomes = [fact(sent, n, f"n{n}", "c", {"cause": "e1", "template": t}) for n, t in enumerate(("a", "b", "a"), 1)]
    assert (told(*outcomes[:2]).delivered.repeated(), told(*outcomes).delivered.repeated()) == (0, 1)


def test_a_voucher_granted_twice_is_a_double() -> None:
    chain, logs = chain_of()
    logs["vouchers"] = PartitionLog(topic("", "vouchers"), 0)
    granted = {"voucher_id": "v", "amount_cents": 500_000}
    logs["vouchers"].facts += [
        fact("vouchers.VoucherRequested", 1, "v1", "c", {"voucher_id": "v"}),
        fact("vouchers.VoucherGranted", 2, "v2", "c", granted),
    ]
    chain.partition(logs)
    assert (chain.files["v"], faults(chain.findings)) == (("accorde", 500_000), {})
    logs["vouchers"].facts = [fact("vouchers.VoucherGranted", 3, "v3", "c", granted)]
    logs["diagnostic"].facts = []
    chain.partition(logs)
    assert faults(chain.findings) == {"duplicated": 1}


# --- as a whole ------------------------------------------------------------------------------------------------------


def test_the_wiring_is_that_of_the_declarations() -> None:
    from common.process.app import installed_services  # noqa: PLC0415  the services are needed by this test only

    declared = {name: service.consumes for name, service in installed_services().items()}
    assert {name: tuple(sorted(consumes)) for name, consumes in declared.items()} == CONSUMES
    told = {f"{producer}.{kind.__name__}" for producer, kinds in declared["notifications"].items() for kind in kinds}
    assert told == TOLD
    rules = [rule for kind in installed_services()["notifications"].aggregates for rule in kind.rules]
    templates = {rule.input.__name__: name for rule in rules if (name := getattr(rule.decide, "template", None))}
    assert {name: template_of(f"any.{name}") for name in templates} == templates


def test_the_line_for_people_says_all() -> None:
    findings = Findings()
    assert line(findings, 1.2).startswith("Audit ✔ 0 perdu, 0 doublé, 0 désordonné, 0 trou, 0 centime de trop")
    findings.fault("lost", "ici", "quelque chose", 2)
    findings.fault("over_cap", "cohorte 2026", "trop", 1)
    findings.pending = 4
    assert "Audit ✘ 2 perdu" in line(findings, 1.2)
    assert "1 labels au-delà du plafond de la cohorte, 4 en cours" in line(findings, 1.2)
    assert not findings.ok
    assert findings.as_json(1.0)["lost"] == 2


def test_faults_keep_a_few_examples() -> None:
    findings = Findings()
    for n in range(20):
        findings.fault("gaps", "partition", f"le numéro {n} manque")
    findings.fault("gaps", "partition", "rien", 0)
    assert (findings.faults["gaps"], len(findings.examples)) == (20, 5)


def test_nothing_to_reach_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN"):
        monkeypatch.delenv(name, raising=False)
    from typer.testing import CliRunner  # noqa: PLC0415

    from croissance.main import app  # noqa: PLC0415

    runner = CliRunner()
    assert runner.invoke(app, ["audit", "--data", str(tmp_path)]).exit_code == 1
    away = ["audit", "--bootstrap", "127.0.0.1:1", "--dsn", "postgresql://a@127.0.0.1:1/b", "--data", str(tmp_path)]
    assert runner.invoke(app, away).exit_code == 2
    asyncio.set_event_loop(None)
