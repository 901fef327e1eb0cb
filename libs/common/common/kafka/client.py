"""How to reach the broker, and its topics."""

import ssl
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.helpers import create_ssl_context
from faststream.security import BaseSecurity, SASLScram512
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from common.core.record_batch import Compression
from common.declare.errors import Misconfigured
from common.declare.service import PARTITIONS

RETRY_BACKOFF_MS = 300
"""Pause before a client asks a broker again that does not answer: asking three times as often costs each process a
twentieth of a core while the broker is down, which the broker needs to come back."""


class KafkaSettings(BaseModel):
    """How to reach the broker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ca_file: Annotated[str, Field(description="certificates to believe; the machine's when empty")] = ""
    replication_factor: Annotated[int, Field(ge=1, le=5, description="of the topics this installation creates")] = 1
    session_timeout_ms: Annotated[
        int, Field(ge=6000, le=60000, description="after which the partitions of a dead process go to others")
    ] = 6000
    batch_records: Annotated[int, Field(ge=1, le=20000, description="most records in one transaction")] = 2000
    fetch_min_bytes: Annotated[int, Field(ge=1)] = 1
    fetch_max_wait_ms: Annotated[int, Field(ge=1, le=1000)] = 500
    partition_fetch_bytes: Annotated[int, Field(ge=16384, description="compressed")] = 65536
    compression: Annotated[Compression, Field(description="of published record batches")] = "zstd"


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The connection arguments of a raw aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
    }
    if settings.security_protocol != "PLAINTEXT":
        options |= {
            "security_protocol": settings.security_protocol,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.security_protocol == "SASL_SSL":
        options["ssl_context"] = _trust(settings)
    return options


def _trust(settings: KafkaSettings) -> ssl.SSLContext:
    """Which certificates are believed: those of `ca_file`, or the machine's."""
    return create_ssl_context(cafile=settings.ca_file or None)


def security_of(settings: KafkaSettings) -> BaseSecurity | None:
    """The same for FastStream; None where nothing is secured."""
    if settings.security_protocol == "PLAINTEXT":
        return None
    encrypted = settings.security_protocol == "SASL_SSL"
    return SASLScram512(
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        use_ssl=encrypted,
        ssl_context=_trust(settings) if encrypted else None,
    )


def raised(topic: str, partitions: int) -> str:
    """What it means that an operator gave a topic more partitions; "" when it has as many as it should."""
    if partitions <= PARTITIONS:
        return ""
    return (
        f"{topic} has {partitions} partitions instead of {PARTITIONS}: somebody raised them. Nothing is lost: services "
        f"write to the first {PARTITIONS} as before, and the others stay empty. Kafka cannot take partitions away: to "
        "be rid of them, stop the services, delete the topic, start (it is made again), then croissance outbox "
        "republish --missing. Never write there with a partitioner of your own."
    )


async def declare_topics(settings: KafkaSettings, topics: Sequence[str]) -> list[str]:
    """Create the topics that do not exist; returns those created.

    Raises:
        Misconfigured: an existing topic has too few partitions, or one cannot be created; the text says what to do.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        known = {
            t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(list(topics)) if not t["error_code"]
        }
        few = {topic: count for topic, count in known.items() if count < PARTITIONS}
        if few:
            raise Misconfigured(
                f"topics must have {PARTITIONS} partitions, these have less: {few}. Delete them, or raise them to "
                f"{PARTITIONS} if nothing was written yet, and start again; then croissance outbox republish --missing"
            )
        missing = [topic for topic in topics if topic not in known]
        if missing:
            new = [NewTopic(topic, PARTITIONS, settings.replication_factor) for topic in missing]
            answer = await admin.create_topics(new)
            failed = [f"{error[0]}: {error[2]}" for error in answer.topic_errors if error[1] not in (0, 36)]
            if failed:
                raise Misconfigured(f"topics could not be created: {failed}")
        return missing
    finally:
        await admin.close()
