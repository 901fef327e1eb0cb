"""Settings, read once from the environment (`CROISSANCE_…`, `__` between levels) and passed down frozen."""

import os
import sys
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.errors import Misconfigured
from common.record_batch import Compression


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


class DatabaseSettings(BaseModel):
    """How to reach PostgreSQL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/croissance")
    pool_size: Annotated[int, Field(ge=3, le=50)] = 8


class HttpSettings(BaseModel):
    """Where the service answers HTTP; port 0 picks a free one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    max_body_bytes: Annotated[int, Field(ge=1024, description="largest request body")] = 1024 * 1024
    max_batch_bytes: Annotated[int, Field(ge=1024, description="largest body of a `:batch` door")] = 8 * 1024 * 1024


class SmtpSettings(BaseModel):
    """Where mail goes: `smtp://[user:password@]host:port`, `smtps://…` for TLS from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = SecretStr("smtp://127.0.0.1:1025")


class TelemetrySettings(BaseModel):
    """Traces: the share of chains sampled at their start; exported when `OTEL_EXPORTER_OTLP_ENDPOINT` is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.001


class OutboxSettings(BaseModel):
    """How long published events stay in the outbox, from where they can be sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment_hours: Annotated[float, Field(gt=0)] = 24
    keep_hours: Annotated[float, Field(ge=0)] = 24 * 7


class Settings(BaseSettings):
    """Everything a service process reads from its environment."""

    model_config = SettingsConfigDict(
        env_prefix="CROISSANCE_", env_nested_delimiter="__", frozen=True, extra="ignore", secrets_dir=None
    )

    kafka: KafkaSettings = KafkaSettings()
    database: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    smtp: SmtpSettings = SmtpSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    outbox: OutboxSettings = OutboxSettings()
    namespace: Annotated[
        str, Field(pattern=r"^([a-z][a-z0-9]{0,19}\.)?$", description="prefix of topics and schemas")
    ] = ""
    instance: str = ""
    public_url: str = "http://127.0.0.1:8000"
    environment: Annotated[Literal["dev", "test", "prod"], Field(alias="CROISSANCE_ENV")] = "dev"
    stuck_after_seconds: Annotated[
        float, Field(ge=5, description="no progress with lag for so long ends the process")
    ] = 60


SettingsType = TypeVar("SettingsType", bound=BaseSettings)


def read_settings(kind: type[SettingsType], **overrides: Any) -> SettingsType:
    """Read settings from the environment.

    Raises:
        Misconfigured: lists every bad value by its variable name.
    """
    try:
        return kind(**overrides)
    except ValidationError as error:
        faults = [
            f"  CROISSANCE_{'__'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise Misconfigured("settings are wrong:\n" + "\n".join(faults)) from None


def log_level() -> str:
    """The level of the standard `LOG_LEVEL` variable; INFO by default."""
    return os.environ.get("LOG_LEVEL", "INFO").upper()


def otlp_endpoint() -> str:
    """The standard OTLP endpoint variable, or ""."""
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")


def database_address() -> str:
    """The DSN that the environment names: what tests on the real database run on.

    Raises:
        Misconfigured: none is named.
    """
    found = os.environ.get("CROISSANCE_DATABASE__DSN", "")
    if not found:
        raise Misconfigured("no database: run through `make test`, or set CROISSANCE_DATABASE__DSN")
    return found


def show(settings: BaseSettings) -> None:
    """Print the effective settings as JSON, secrets hidden."""
    sys.stdout.write(settings.model_dump_json(indent=2) + "\n")
