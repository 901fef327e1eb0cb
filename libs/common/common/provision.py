"""Schemas, migrations and topics of every installed service: run once before the services start, harmless to repeat."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

import asyncpg

from common import kafka
from common.codec import Codec
from common.errors import CroissanceError
from common.postgres import TRANSIENT, declare_topics, migrate
from common.service import Service
from common.settings import Settings, read_settings

GROUP = "croissance.services"
"""Entry-point group under which a service package declares its `SERVICE`."""


def installed_services() -> dict[str, Service[Any, Any]]:
    """Every service installed beside this package, by name, in alphabetical order."""
    found = {point.name: point.load() for point in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


async def provision(services: Sequence[Service[Any, Any]], settings: Settings) -> list[str]:
    """Create what the services need; returns what was made, in words.

    Raises:
        Misconfigured: a migration changed after it was applied, or a topic has another number of partitions.
        OSError: broker or database cannot be reached.
    """
    made: list[str] = []
    codecs = [Codec(service, settings.namespace) for service in services]
    connection: Any = await asyncpg.connect(settings.database.dsn.get_secret_value(), timeout=10)
    try:
        for codec in codecs:
            made += [
                f"{codec.schema}: {name}" for name in await migrate(connection, codec.schema, codec.service.migrations)
            ]
            await declare_topics(connection, codec.topics, codec.owned_topics)
    finally:
        await connection.close()
    topics = sorted({topic for codec in codecs for topic in (*codec.owned_topics, *codec.topics)})
    made += [f"topic {topic}" for topic in await kafka.declare_topics(settings.kafka, topics)]
    return made


def main() -> None:
    """The command line: exit 0 when everything is in place, 1 with the reason when not."""
    argparse.ArgumentParser(prog="python -m common.provision", description=__doc__).parse_args()
    try:
        settings = read_settings(Settings)
        made = asyncio.run(provision(list(installed_services().values()), settings))
    except (CroissanceError, asyncpg.PostgresError, *TRANSIENT) as error:
        sys.exit(f"provisioning failed: {error}")
    for line in made:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"provisioned: {len(made)} new\n")


if __name__ == "__main__":
    main()
