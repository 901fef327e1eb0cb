"""Logs and metrics."""

import logging
import sys
from collections.abc import Iterable
from typing import Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.process.settings import log_level

Log = structlog.typing.FilteringBoundLogger

CounterName = Literal[
    "events_applied",  # records applied, by topic
    "events_published",  # events acknowledged by the broker
    "duplicates_dropped",  # records delivered again and dropped by their sequence
    "dead_letters",  # records set aside, by topic
    "parked",  # records that wait behind a dead letter
    "transient_failures",  # batches taken again after a pause
    "relay_failures",  # relays that had to start over with a new producer
    "commands",  # HTTP commands decided
    "deadlines",  # deadlines decided
]
GaugeName = Literal[
    "consumer_lag",  # records not handled yet, by topic
    "outbox_waiting",  # events committed and not published yet, of the whole service
    "unpublished_seconds",  # for how long events wait and none goes out, of the whole service
    "dead_letters_open",  # dead letters that nobody has settled, of the whole service
    "sequence_gaps",  # partitions that wait for a missing number: must be 0
]
HistogramName = Literal[
    "batch_records",  # records in a batch
    "batch_seconds",  # time of one batch, from hand-over to commit
]


def configure_logs(service: str, instance: str) -> Log:
    """JSON lines on stdout (readable lines on a terminal), with service and instance on each."""
    level = logging.getLevelNamesMapping().get(log_level(), logging.INFO)
    terminal = sys.stdout.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not terminal else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stdout, format="%(levelname)s %(name)s %(message)s"
    )
    structlog.contextvars.bind_contextvars(service=service, instance=instance)
    return structlog.get_logger()


class Metrics:
    """The metrics of one process; names are checked by the type checker and prefixed `croissance_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"croissance_{name}", name.replace("_", " "), ["topic"], registry=self.registry)
            for name in get_args(CounterName)
        }
        self._gauges = {
            name: Gauge(f"croissance_{name}", name.replace("_", " "), ["topic"], registry=self.registry)
            for name in get_args(GaugeName)
        }
        self._histograms = {
            "batch_records": Histogram(
                "croissance_batch_records",
                "records in a batch",
                buckets=(1, 10, 50, 200, 500, 1000, 2000, 5000),
                registry=self.registry,
            ),
            "batch_seconds": Histogram("croissance_batch_seconds", "seconds of a batch", registry=self.registry),
        }

    def created(self, reads: Iterable[str]) -> None:
        """Show every counter at 0: an increase from nothing is none to Prometheus, so the first would go unseen."""
        topics = {"events_applied": reads, "dead_letters": reads}
        for name, counter in self._counters.items():
            for topic in topics.get(name, ("",)):
                counter.labels(topic)

    def add(self, name: CounterName, amount: float = 1, *, topic: str = "") -> None:
        """Increase a counter."""
        if amount:
            self._counters[name].labels(topic).inc(amount)

    def set(self, name: GaugeName, value: float, *, topic: str = "") -> None:
        """Set a gauge."""
        self._gauges[name].labels(topic).set(value)

    def observe(self, name: HistogramName, value: float) -> None:
        """Add an observation."""
        self._histograms[name].observe(value)
