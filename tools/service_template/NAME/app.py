"""The service as a process: its declaration with SQL and doors."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from NAME import store
from NAME.api import routes
from NAME.service import SERVICE

APP: Final = App(
    service=SERVICE,
    storage=Storage(migrations=Path(__file__).parent / "migrations", project=store.project),
    routes=routes,
)
