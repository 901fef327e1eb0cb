"""A service as a process: its declaration, with the storage, doors, loops and settings that it leaves out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeAlias

from common.declare.service import Service
from common.postgres.storage import Storage
from common.process.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from common.process.context import Context

GROUP = "croissance.services"
"""Entry-point group under which a service package declares its `APP`."""

Routes: TypeAlias = "Callable[[Context], APIRouter]"
Loop: TypeAlias = "Callable[[Context], Awaitable[None]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What a process runs.

    Attributes:
        service: the declaration.
        storage: its SQL.
        routes: builds its HTTP doors.
        loops: long-running side jobs (sending mail); each is started again when it fails.
        settings: what it reads from the environment.
    """

    service: Service
    storage: Storage
    routes: "Routes | None" = None
    loops: "tuple[Loop, ...]" = ()
    settings: type[Settings] = Settings


def installed_apps() -> Mapping[str, App]:
    """Every service installed beside this package, by name, in alphabetical order."""
    found: dict[str, App] = {point.name: point.load() for point in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


def installed_services() -> Mapping[str, Service]:
    """The declarations of `installed_apps`."""
    return {name: app.service for name, app in installed_apps().items()}
