"""This service as a process: its declaration with its SQL, doors, side job and settings."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from diagnostic import store
from diagnostic.api import routes
from diagnostic.service import SERVICE
from diagnostic.settings import DiagnosticSettings
from diagnostic.upkeep import fold_benchmark

APP: Final = App(
    service=SERVICE,
    storage=Storage(migrations=Path(__file__).parent / "migrations", project=store.project),
    routes=routes,
    loops=(fold_benchmark,),
    settings=DiagnosticSettings,
)
