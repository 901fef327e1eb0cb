"""The command line answers before it has loaded what its commands need."""

import os
import subprocess
import sys

import pytest
import typer

from croissance.main import COMMANDS, Lazy, app, loaded

HEAVY = ("aiokafka", "asyncpg", "fastapi", "faststream", "httpx", "aiosmtpd", "jgo", "labels")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_what_its_function_says(name: str) -> None:
    command = loaded(name)

    assert command.name == name
    assert (command.help or command.callback.__doc__).startswith(COMMANDS[name][1])
    assert Lazy().get_command(None, name).name == name


def test_what_is_no_command_is_none() -> None:
    assert Lazy().get_command(None, "upp") is None
    assert typer.main.get_command(app).list_commands(None) == list(COMMANDS)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--data", "/nowhere"]])
def test_what_needs_neither_broker_nor_database_loads_no_client_of_them(arguments: list[str]) -> None:
    code = f"""
import sys
from croissance.main import app
try:
    app({arguments!r})
except SystemExit:
    pass
print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    elsewhere = ("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN")
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout or "Rien ne tourne" in done.stderr
