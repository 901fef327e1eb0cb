"""The command line reaches the broker through one place, `croissance.login`: what logs in there logs in everywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "apps" / "cli" / "croissance"
CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient"}
OPENERS = CLIENTS | {"reading", "declare_topics"}
PLACE = {"broker_options", "kafka_settings"}


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def around(source: str) -> Iterator[str]:
    """What goes around the place: a client opened without it, settings of the broker read elsewhere."""
    tree = ast.parse(source)
    logged_in = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and name_of(node.value.func) in PLACE
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in OPENERS:
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg is None)]
            if not any(
                (isinstance(each, ast.Call) and name_of(each.func) in PLACE) or name_of(each) in logged_in
                for each in given
            ):
                yield f"{node.lineno}: {name_of(node.func)}"
        elif isinstance(node, ast.Attribute) and node.attr == "kafka":
            yield f"{node.lineno}: .kafka"
        elif isinstance(node, ast.ImportFrom) and {each.name for each in node.names} & {
            "client_options",
            "KafkaSettings",
        }:
            yield f"{node.lineno}: {node.module}"


def test_every_client_of_the_command_line_logs_in_at_one_place() -> None:
    files = [path for path in sorted(FOLDER.rglob("*.py")) if path.name != "login.py"]
    found = {path.name: list(around(path.read_text("utf-8"))) for path in files}
    opened = [path for path in files if any(f"{name}(" in path.read_text("utf-8") for name in OPENERS)]
    assert len(opened) >= 5
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("AIOKafkaConsumer(bootstrap_servers=here)", True),
        ("AIOKafkaAdminClient(**client_options(settings))", True),
        ("AIOKafkaProducer(**broker_options(here), client_id='x')", False),
        ("settings = read_settings(Settings).kafka", True),
        ("from common.kafka.client import client_options", True),
        ("settings = kafka_settings(here)\nreading(settings, 'x')", False),
        ("reading(mine, 'x')", True),
    ],
)
def test_what_goes_around_it_is_seen(source: str, fault: bool) -> None:
    assert bool(list(around(source))) is fault
