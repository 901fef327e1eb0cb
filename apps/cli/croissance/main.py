"""The commands of `croissance`: each line names one, and where it is. What nobody asks for is not loaded."""

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": (
        "stack:up",
        "Démarre tout le système sur cette machine: Kafka, PostgreSQL, les services, une boîte aux lettres.",
    ),
    "down": ("stack:down", "Arrête le système qui tourne sur --data (et rien d'autre)."),
    "status": (
        "status:status",
        "Dit ce qui tourne: adresses, processus, redémarrages, retard de chaque service, file d'envoi, lettres mortes.",
    ),
    "scale": ("stack:scale", "Change le nombre de processus d'un service pendant que le système tourne."),
    "doctor": ("doctor:doctor", "Vérifie que la machine a ce qu'il faut; dit ce qui manque et comment y remédier."),
    "version": ("doctor:version", "Dit les versions: Croissance connectée, Kafka, PostgreSQL, Java, Python."),
    "demo": (
        "demo:demo",
        "Fait vivre toute la chaîne: inscription, diagnostic, connecteur, label, chèque, courriels, puis la preuve.",
    ),
    "audit": (
        "audit:audit",
        "Vérifie tout le système, hors des services: rien de perdu, doublé ou désordonné, au centime près.",
    ),
    "backup": ("backups:backup", "Sauvegarde la base qui tourne ici, pendant qu’elle travaille."),
    "restore": ("backups:restore", "Remet la base à une sauvegarde et au journal gardé depuis."),
    "recover": (
        "recover:recover",
        "Après une restauration de la base : reprend les numéros là où Kafka en est, et dit ce que la base a oublié.",
    ),
    "import": ("imports:app", "Importer de vraies entreprises."),
    "events": ("events:app", "Suivre les événements."),
    "dlq": ("dlq:app", "Lettres mortes: les événements qu’un service n’a pas pu appliquer."),
    "outbox": ("outbox:app", "Files d’envoi: ce que chaque service a publié."),
}
"""Name → module and function (or group of commands), and the first line of its help."""


class Lazy(TyperGroup):
    """Loads the module of a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command, or None where there is none of that name."""
        return loaded(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The table itself: help loads nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def loaded(name: str) -> Any:
    """A command or group of commands, as the command line runs it."""
    import_module("stamina.instrumentation").set_on_retry_hooks([])  # retries say nothing of their own
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(f"croissance.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_group(found)  # a group, also of a single command
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        alone.command(name)(found)
        command = typer.main.get_command(alone)
    command.name = name
    return command


app = typer.Typer(
    name="croissance",
    cls=Lazy,
    help="Croissance connectée: démarrer, observer et vérifier le système.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def croissance() -> None:
    """Croissance connectée: démarrer, observer et vérifier le système."""


def main() -> None:
    """Entry point of the console script."""
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries log is not for people
    app()
