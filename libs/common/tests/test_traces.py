"""A trace is one tree, from the door over each service that hears of it: read from what is really exported."""

import re
from collections.abc import Generator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import TracerProvider

from common.core import clock
from common.core.commands import Ask, to_message
from common.core.deadlines import apply_due
from common.core.inbox import StoredRecord
from common.core.records import apply_records
from common.core.replays import apply_replay
from common.core.requests import apply_commands
from common.declare.message import Message, entered, is_sampled, sampled
from common.process import tracing
from common.process.settings import Settings, TelemetrySettings
from common.testing.breakable import Faults, breakable
from common.testing.chain import COUNTER, READER, Count
from common.testing.otlp import Collector, Span, collecting

from .places import NOW, OpenPlace, record

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
NOTHING, ALL = TelemetrySettings(sample_ratio=0), TelemetrySettings(sample_ratio=1)


def message(traceparent: str) -> Message[object]:
    return Message(None, "k", 0, UUID(int=1), NOW, UUID(int=1), "", traceparent)


@pytest.mark.parametrize(
    ("flags", "yes"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True), ("", False)]
)
def test_sampled_is_a_bit_of_the_flags(flags: str, yes: bool) -> None:
    assert bool(sampled([message(f"00-{TRACE}-{CALLER}-{flags}")])) is yes


@pytest.mark.parametrize("text", ["", "-01", "x" * 55, "x" * 54 + "1", f"00-{'0' * 32}-{CALLER}-01", "1" * 200])
def test_what_is_no_trace_context_is_not_sampled(text: str) -> None:
    assert sampled([message(text)]) == []


def test_the_span_of_a_message_has_the_same_name_each_time_and_another_in_another_service() -> None:
    one = message(f"00-{TRACE}-{CALLER}-03")
    assert entered(one, "a") == entered(one, "a") != entered(one, "b")
    assert entered(one, "a").traceparent[:36] == f"00-{TRACE}-"
    assert entered(one, "a").traceparent[52:] == "-03"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Generator[Collector]:
    """Where this process exports to."""
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


def tracer_of(service: str, providers: list[TracerProvider], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tracer that exports, with the provider it comes from."""

    class Kept(TracerProvider):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            providers.append(self)

    monkeypatch.setattr(tracing, "TracerProvider", Kept)
    settings = Settings(instance=f"{service}-7", telemetry=TelemetrySettings(sample_ratio=float(service == "door")))
    return tracing.configure_traces(settings, service)


async def test_a_trace_is_one_tree_from_the_caller_to_the_last_event(
    open_place: OpenPlace, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []
    door, reader = tracer_of("door", providers, monkeypatch), tracer_of("reader", providers, monkeypatch)
    here, there = await open_place(COUNTER), await open_place(READER)

    with tracing.started_chain(door, ALL, "POST", "/companies/{siren}", f"00-{TRACE}-{CALLER}-03") as traceparent:
        asked = await apply_commands(here.codec, here.begin, [to_message(Ask(Count(), "k"), 0, "", traceparent)])
    tracing.created_spans(door, asked.created)
    read = record(there.codec, 1)
    read = read._replace(headers=(("ce_sequence", b"1"), *asked.created[0].event.headers))
    report = await apply_records(there.codec, there.begin, (read,), NOW)
    tracing.handled_spans(reader, there.codec, report.sampled, 1, 1)
    reminded = await apply_due(here.codec, here.begin, clock.now() + timedelta(minutes=2))
    tracing.handled_spans(door, here.codec, reminded.sampled, 1, reminded.count)
    tracing.created_spans(door, reminded.created)
    for provider in providers:
        provider.shutdown()

    assert {(span.service, span.instance) for span in collector.spans} == {
        ("croissance-door", "door-7"),
        ("croissance-reader", "reader-7"),
    }
    assert {span.trace for span in collector.spans} == {TRACE}
    names = {CALLER: "caller"} | {span.id: span.name for span in collector.spans}
    topics = [each.created[0].event.topic for each in (asked, reminded)]
    assert sorted((names[span.parent], span.name) for span in collector.spans) == sorted(
        [
            ("caller", "POST /companies/{siren}"),
            ("POST /companies/{siren}", f"create {topics[0]}"),
            (f"create {topics[0]}", f"process {read.topic}"),
            ("POST /companies/{siren}", "deadline Remind"),
            ("deadline Remind", f"create {topics[1]}"),
        ]
    )
    assert unconventional(collector.spans) == set()
    process = next(span.attributes for span in collector.spans if span.name.startswith("process"))
    assert {"messaging.kafka.offset", "messaging.consumer.group.name", "messaging.message.id"} <= set(process)


convention: Any = import_module("opentelemetry.semconv._incubating.attributes.messaging_attributes")
CONVENTION = Path(convention.__file__).read_text("utf-8")
CURRENT = set(re.findall(r'^MESSAGING_\w+: Final = "([\w.]+)"\n(?!"""\nDeprecated)', CONVENTION, re.MULTILINE))
"""The attributes that the locked version of the conventions has and does not call deprecated."""


def unconventional(spans: list[Span]) -> set[str]:
    """The attributes and operations of messaging that the conventions do not know."""
    types = {each.value for each in convention.MessagingOperationTypeValues} - {"deliver", "publish"}
    names = {name for span in spans for name in span.attributes if name.startswith("messaging.")}
    return (names - CURRENT) | ({span.attributes.get("messaging.operation.type", "create") for span in spans} - types)


async def test_a_batch_is_linked_to_each_sampled_event_and_they_to_it(
    open_place: OpenPlace, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []
    tracer = tracer_of("reader", providers, monkeypatch)
    place = await open_place(READER)
    chains = {1: f"00-{TRACE}-{CALLER}-03", 3: f"00-{'1' * 32}-{'2' * 16}-01"}

    batch = [traced(record(place.codec, number), chains.get(number)) for number in (1, 2, 3)]
    report = await apply_records(place.codec, place.begin, batch, NOW)
    tracing.handled_spans(tracer, place.codec, report.sampled, 1, len(batch))
    providers[0].shutdown()

    (whole,) = [span for span in collector.spans if span.name == "apply"]
    assert (whole.trace, whole.parent, whole.links) == (TRACE, CALLER, (CALLER, "2" * 16))
    assert whole.attributes["messaging.batch.message_count"] == "3"
    each = [span for span in collector.spans if span.name != "apply"]
    assert {(span.parent, span.links) for span in each} == {(CALLER, (whole.id,)), ("2" * 16, (whole.id,))}
    assert [span for span in each if "messaging.batch.message_count" in span.attributes] == []
    assert unconventional(collector.spans) == set()


async def test_what_is_replayed_goes_on_with_its_trace(
    open_place: OpenPlace, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []
    tracer = tracer_of("reader", providers, monkeypatch)
    faults: Faults = {1: "raises"}
    place = await open_place(breakable(READER, faults))
    letter, behind = [traced(record(place.codec, number), f"00-{TRACE}-{CALLER}-03") for number in (1, 2)]
    await apply_records(place.codec, place.begin, [letter, behind], NOW)
    faults.clear()
    await place.replay(*[letter.id for letter in await place.letters()])

    done = await apply_replay(place.codec, place.begin, NOW)

    assert done is not None
    assert (done.count, len(done.sampled)) == (2, 2)
    tracing.handled_spans(tracer, place.codec, done.sampled, 1, done.count)
    providers[0].shutdown()
    spans = [span for span in collector.spans if span.name.startswith("process")]
    assert {span.parent for span in spans} == {CALLER}
    assert len({span.id for span in spans}) == 2


def traced(plain: StoredRecord, traceparent: str | None) -> StoredRecord:
    """The same record in a chain."""
    return (
        plain
        if traceparent is None
        else plain._replace(headers=(*plain.headers, ("traceparent", traceparent.encode())))
    )


async def test_what_is_no_trace_context_is_not_kept(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    forged = to_message(Ask(Count(), "k"), 0, "", f"00-{TRACE}-{CALLER}-\0\x01")

    decided = await apply_commands(place.codec, place.begin, [forged])

    assert decided.created == []
    assert [due.traceparent for due in await place.deadlines()] == [None]


def test_a_mail_of_several_chains_hangs_in_the_first_and_is_linked_to_the_others(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []
    tracer = tracer_of("reader", providers, monkeypatch)
    first, other = f"00-{TRACE}-{CALLER}-03", f"00-{'1' * 32}-{'2' * 16}-01"
    with tracing.mail_span(tracer, UUID(int=1), [None, first, other, first], "smtp.example") as told:
        pass
    with tracing.mail_span(tracer, UUID(int=2), [None], "smtp.example") as untold:
        pass
    providers[0].shutdown()

    (span,) = collector.spans
    assert (span.name, span.trace, span.parent, span.links) == ("send mail", TRACE, CALLER, ("2" * 16,))
    assert (told, untold) == (f"00-{TRACE}-{span.id}-03", "")


def chains(settings: TelemetrySettings, parent: str, count: int) -> list[bool]:
    """Which of so many requests of one caller are sampled."""
    tracer = tracing.configure_traces(Settings(telemetry=settings), "door")
    found: list[bool] = []
    for _ in range(count):
        with tracing.started_chain(tracer, settings, "POST", "/x", parent) as traceparent:
            found.append(bool(traceparent))
    return found


def test_a_caller_cannot_have_everything_traced() -> None:
    assert not any(chains(NOTHING, f"00-{TRACE}-{CALLER}-01", 3))
    for trace_id in ("0" * 31 + "1", "f" * 32):  # a share of the ids would be the caller's choice
        drawn = chains(TelemetrySettings(sample_ratio=0.5), f"00-{trace_id}-{CALLER}-01", 100)
        assert any(drawn)
        assert not all(drawn)


def test_a_gateway_of_ours_decides_what_is_traced() -> None:
    nothing, everything = (TelemetrySettings(sample_ratio=share, follow_callers=True) for share in (0, 1))
    assert all(chains(nothing, f"00-{TRACE}-{CALLER}-01", 3))
    assert not any(chains(everything, f"00-{TRACE}-{CALLER}-00", 3))
    assert all(chains(everything, "", 3))
    assert all(chains(everything, "no trace context", 3))


def test_of_two_messages_with_one_id_only_the_sampled_one_is_named_anew() -> None:
    both = [message(f"00-{TRACE}-{CALLER}-01"), message("")]
    assert [is_sampled(each) for each in both] == [True, False]


@pytest.mark.parametrize("parent", ["", f"00-{TRACE}-{CALLER}-00", f"00-{TRACE}-{CALLER}-01", "x"])
def test_an_unsampled_request_gives_its_events_no_context(parent: str) -> None:
    assert not any(chains(NOTHING, parent, 3))
