"""What every command shares: where the data is, how to speak, how to end."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from croissance.output import Plain, json_text

DEFAULT_DATA = ".croissance"

Data = Annotated[
    Path,
    typer.Option(
        "--data", help="Dossier des données (variable CROISSANCE_DATA).", envvar="CROISSANCE_DATA", show_default=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Résultat en JSON sur la sortie standard.")]

people = Plain(stderr=True, highlight=False)
"""Talk for people goes to the error stream, results to the output."""


def say(text: str) -> None:
    """Tell people what happens."""
    people.print(text, soft_wrap=True)


def fail(text: str, mend: str = "") -> NoReturn:
    """Say what is wrong and how to mend it; exit 1."""
    people.print(f"Erreur: {text}", style="red", soft_wrap=True)
    if mend:
        people.print(mend, soft_wrap=True)
    raise typer.Exit(1)


def reason(error: BaseException) -> str:
    """What an error says, or what it is: a timeout has no text."""
    return str(error) or type(error).__name__


def print_json(value: Any) -> None:
    """One JSON document on the output."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def environment(name: str) -> str:
    """A variable of the user's environment, or ""."""
    return os.environ.get(name, "")  # noqa: TID251  the command line is a process's edge
