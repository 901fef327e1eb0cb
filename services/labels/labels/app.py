"""The process of the service: its declaration with its SQL and its doors."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from labels.api import routes
from labels.places.cohort import COHORTS
from labels.places.waiting import TURNS, WAITING
from labels.service import SERVICE
from labels.store.pools import CohortTable, TurnTable, WaitingTable
from labels.store.projection import project

APP: Final = App(
    service=SERVICE,
    storage=Storage(
        migrations=Path(__file__).parent / "migrations",
        pools={COHORTS.name: CohortTable(), WAITING.name: WaitingTable(), TURNS.name: TurnTable()},
        project=project,
    ),
    routes=routes,
)
