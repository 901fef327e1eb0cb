"""The process of the matching service."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from matching.api import routes
from matching.basis import DIRECTORY, LOADS
from matching.places.offers import HOLDERS
from matching.service import SERVICE
from matching.store.directory import DIRECTORY_READER
from matching.store.holders import HOLDERS_TABLE
from matching.store.loads import LOADS_TABLE
from matching.store.project import project

APP: Final = App(
    service=SERVICE,
    storage=Storage(
        migrations=Path(__file__).parent / "migrations",
        pools={LOADS.name: LOADS_TABLE, HOLDERS.name: HOLDERS_TABLE},
        views={DIRECTORY.name: DIRECTORY_READER},
        project=project,
    ),
    routes=routes,
)
