"""Where the running system is: the stack of a data directory, or the broker and database of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from croissance.console import fail
from embedded.state import state_of

Bootstrap = Annotated[
    str,
    typer.Option("--bootstrap", help="Adresses du courtier Kafka.", envvar="CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"),
]
Dsn = Annotated[str, typer.Option("--dsn", help="Adresse de la base PostgreSQL.", envvar="CROISSANCE_DATABASE__DSN")]
Namespace = Annotated[
    str,
    typer.Option("--namespace", help="Préfixe des topics et des schémas (essais).", envvar="CROISSANCE_NAMESPACE"),
]
Http = Annotated[
    list[str] | None,
    typer.Option("--http", help="Adresse HTTP d’un service : --http companies=http://127.0.0.1:8001 (répétable)."),
]


@dataclass(frozen=True, slots=True)
class Addresses:
    """How to reach a running system.

    Attributes:
        bootstrap: broker addresses.
        dsn: of the database.
        namespace: prefix of topics and schemas, or "".
        doors: service → base URLs of its processes.
        inbox: mbox of every mail sent, if the system has one.
    """

    bootstrap: str
    dsn: str
    namespace: str = ""
    doors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    inbox: Path | None = None


def of_state(state: Mapping[str, Any], namespace: str = "") -> Addresses:
    """The addresses that a supervisor wrote down."""
    doors = {
        name: tuple(instance["http_url"] for instance in service["instances"])
        for name, service in state["services"].items()
    }
    return Addresses(state["bootstrap_servers"], state["dsn"], namespace, doors, Path(state["inbox"]))


def find(
    data: Path, bootstrap: str = "", dsn: str = "", *, namespace: str = "", http: list[str] | None = None
) -> Addresses:
    """The system to work with: what runs on `data`, unless the options or the environment name another one.

    Raises:
        typer.Exit: nothing runs there and nothing else is named; people are told.
    """
    state = state_of(data)
    if state is None and not (bootstrap and dsn):
        fail(
            f"aucun système ne tourne sur {data}",
            "Démarrez-le: croissance up. Ou nommez le vôtre: --bootstrap HÔTE:PORT --dsn postgresql://…",
        )
    doors = doors_of(http)
    if state is None:
        return Addresses(bootstrap, dsn, namespace, doors)
    here = of_state(state, namespace)
    return Addresses(bootstrap or here.bootstrap, dsn or here.dsn, namespace, {**here.doors, **doors}, here.inbox)


def doors_of(http: list[str] | None) -> dict[str, tuple[str, ...]]:
    """`--http NAME=URL` options as doors; the same name again adds a process.

    Raises:
        typer.BadParameter: an option has another form.
    """
    doors: dict[str, tuple[str, ...]] = {}
    for value in http or []:
        name, _, url = value.partition("=")
        if not name or not url.startswith(("http://", "https://")):
            raise typer.BadParameter(f"{value}: attendu SERVICE=http://hôte:port")
        doors[name] = (*doors.get(name, ()), url.rstrip("/"))
    return doors
