"""The life of one company across the services, as its events tell it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from croissance.proof.wiring import CONSUMES, topic
from croissance.querying import connect

PARTITIONS: Final = 12
STORY: Final = """select type, meta, value from "{schema}".outbox
    where topic = $1 and partition = $2 and key = $3 order by sequence"""


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
    moments: list[Moment] = []
    try:
        for service in CONSUMES:
            if await connection.fetchval("select to_regclass($1) is null", f"{prefix}{service}.outbox"):
                continue
            rows = await connection.fetch(
                STORY.format(schema=prefix + service), topic(namespace, service), partition, siren
            )
            for event_type, meta, value in rows:
                event = event_type.split(".")[1]
                instant = datetime.fromisoformat(msgspec.json.decode(meta)[0])
                moments.append(Moment(instant, event, describe(event, msgspec.json.decode(value))))
    finally:
        await connection.close()
    return sorted(moments, key=lambda moment: moment.at)


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
