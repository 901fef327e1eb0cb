"""The service as a process: its declaration with its SQL and its doors."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from companies import store
from companies.api import routes
from companies.service import SERVICE

APP: Final = App(
    service=SERVICE,
    storage=Storage(migrations=Path(__file__).parent / "migrations", project=store.project, adopt=store.adopt),
    routes=routes,
)
