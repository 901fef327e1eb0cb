"""What may be set without a new rule set. The figures of the diagnosis itself are in `data/ruleset.toml`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from common.process.settings import Settings


class BenchmarkSettings(BaseModel):
    """Upkeep of the benchmark's read model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fold_seconds: Annotated[float, Field(gt=0, le=3600, description="pause between two folds of the changes")] = 5.0
    fold_rows: Annotated[int, Field(ge=1, le=1_000_000, description="most changes folded in one transaction")] = 50_000


class DiagnosticSettings(Settings):
    """Settings of this service: `CROISSANCE_BENCHMARK__FOLD_SECONDS=…`."""

    benchmark: BenchmarkSettings = BenchmarkSettings()
