"""The service as a process: its declaration with its SQL and its doors."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from vouchers.api import routes
from vouchers.ledger.envelope import ENVELOPES
from vouchers.service import SERVICE
from vouchers.store.pools import EnvelopeTable, WaitingTable
from vouchers.store.projection import project
from vouchers.waiting.head import WAITING

APP: Final = App(
    service=SERVICE,
    storage=Storage(
        migrations=Path(__file__).parent / "migrations",
        pools={ENVELOPES.name: EnvelopeTable(), WAITING.name: WaitingTable()},
        project=project,
    ),
    routes=routes,
)
