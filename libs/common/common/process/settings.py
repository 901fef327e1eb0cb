"""Settings, read once from the environment (`CROISSANCE_…`, `__` between levels) and passed down frozen."""

import os
import sys
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.declare.errors import Misconfigured
from common.http.application import HttpSettings
from common.kafka.client import KafkaSettings
from common.postgres.connections import DatabaseSettings


class TelemetrySettings(BaseModel):
    """Traces: the share of chains sampled at their start; exported when `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

    `follow_callers`: a request with a `traceparent` is sampled if that says so. Only where a gateway of our own stands
    before the doors: whoever sends it could have everything traced. Its ids are taken over in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.001
    follow_callers: bool = False


class OutboxSettings(BaseModel):
    """How long published events stay in the outbox, from where they can be sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment_hours: Annotated[float, Field(gt=0)] = 24
    keep_hours: Annotated[float, Field(ge=0)] = 24 * 7


class RetentionSettings(BaseModel):
    """How long is kept what nobody needs for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers_days: Annotated[
        float, Field(gt=0, description="the same Idempotency-Key gets the same answer for so long")
    ] = 7
    letters_days: Annotated[float, Field(gt=0, description="dead letters once they are replayed or dropped")] = 90
    arrivals_days: Annotated[
        float, Field(gt=0, description="ids of partners' records: one written again later counts as new")
    ] = 400


class Settings(BaseSettings):
    """Everything a service process reads from its environment."""

    model_config = SettingsConfigDict(
        env_prefix="CROISSANCE_", env_nested_delimiter="__", frozen=True, extra="ignore", secrets_dir=None
    )

    kafka: KafkaSettings = KafkaSettings()
    database: DatabaseSettings = DatabaseSettings()
    http: HttpSettings = HttpSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    outbox: OutboxSettings = OutboxSettings()
    retention: RetentionSettings = RetentionSettings()
    namespace: Annotated[
        str, Field(pattern=r"^([a-z][a-z0-9]{0,19}\.)?$", description="prefix of topics and schemas")
    ] = ""
    instance: str = ""
    writers: Annotated[
        tuple[str, ...], Field(description="who else writes topics that a service reads: partners, by id")
    ] = ()
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
