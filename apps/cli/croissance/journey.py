"""The life of one company across the services, as its events tell it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from common.core.envelope import event_name, read_envelope
from common.core.record_batch import Entry, unseal
from croissance.proof.wiring import CONSUMES, topic
from croissance.querying import connect

PARTITIONS: Final = 12
BATCHES: Final = 'select data from "{schema}".outbox where topic = $1 and partition = $2 order by last'


class Moment(NamedTuple):
    """One event of a company, in words."""

    at: datetime
    event: str
    text: str


async def journey(dsn: str, siren: str, namespace: str = "") -> list[Moment]:
    """Every event of a company that the outboxes still keep, oldest first."""
    connection = await connect(dsn)
    partition = (murmur2(siren.encode()) & 0x7FFFFFFF) % PARTITIONS
    prefix = namespace.replace(".", "_").replace("-", "_")
    key = siren.encode()
    moments: list[Moment] = []
    try:
        for service in CONSUMES:
            if await connection.fetchval("select to_regclass($1) is null", f"{prefix}{service}.outbox"):
                continue
            async with connection.transaction(readonly=True):
                batches = BATCHES.format(schema=prefix + service)
                async for (data,) in connection.cursor(batches, topic(namespace, service), partition):
                    moments += [_moment(entry) for entry in unseal(data) if entry.key == key]
    finally:
        await connection.close()
    return sorted(moments, key=lambda moment: moment.at)


def _moment(entry: Entry) -> Moment:
    headers = dict(entry.headers)
    event = event_name(headers["ce_type"])
    data = msgspec.json.decode(entry.value or b"")
    return Moment(read_envelope(headers).time, event, describe(event, data))


def describe(event: str, data: dict[str, Any]) -> str:
    """What an event says, in one French line; "" for those without more to say."""
    tell = _TELL.get(event)
    return "" if tell is None else tell(data)


def _registered(data: dict[str, Any]) -> str:
    company = data["company"]
    name = company["name"] or "entreprise"
    place = f", commune {company['commune']}" if company["commune"] else ""
    return f"{name}, {company['naf']}{place} ({company['sme_category']})"


def _diagnosed(data: dict[str, Any]) -> str:
    return f"{data['global_score']:.1f} sur 100 ({data['band']}), {len(data['measures'])} mesures proposées"


def _matched(data: dict[str, Any]) -> str:
    return "proposés: " + " · ".join(proposal["connector_name"] for proposal in data["proposals"])


def _labelled(data: dict[str, Any]) -> str:
    return f"n° {data['rank']} de la cohorte {data['cohort_year']}, valable jusqu’au {data['expires_at'][:10]}"


def _requested(data: dict[str, Any]) -> str:
    return f"{data['amount_asked_cents'] / 100:.0f} € demandés pour {len(data['lines'])} dépense(s)"


def _granted(data: dict[str, Any]) -> str:
    return f"{data['amount_cents'] / 100:.0f} €, convention à signer avant le {data['agreement_by']}"


def _reasons(data: dict[str, Any]) -> str:
    return " ".join(data["reasons"])


def _position(data: dict[str, Any]) -> str:
    return f"place {data['position']}"


_TELL: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "CompanyRegistered": _registered,
    "DiagnosticCompleted": _diagnosed,
    "NeedOpened": lambda data: "besoin: " + ", ".join(data["subjects"]),
    "ConnectorMatched": _matched,
    "AidsRecommended": lambda data: f"{len(data['programmes'])} aides et ressources",
    "LabelGranted": _labelled,
    "LabelRefused": _reasons,
    "LabelWaitlisted": _position,
    "VoucherRequested": _requested,
    "VoucherGranted": _granted,
    "VoucherRefused": _reasons,
    "VoucherWaitlisted": _position,
    "NotificationSent": lambda data: f"courriel « {data['template']} »",
}
"""Event → what it says."""
