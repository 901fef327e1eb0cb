"""The toy services as processes, for tests on the real broker and the real database."""

from common.declare.service import Service
from common.postgres.storage import Storage
from common.process.app import App


def app_of(service: Service) -> App:
    """A service that keeps nothing but states and pools."""
    return App(service=service, storage=Storage())
