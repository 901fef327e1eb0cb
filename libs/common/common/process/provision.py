"""Schemas, migrations and topics of every installed service: run once before the services start, harmless to repeat."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import asyncpg

from common.core.codec import Codec
from common.declare.errors import CroissanceError
from common.kafka.client import declare_topics as declare_kafka_topics
from common.postgres.faults import DATABASE_ERRORS
from common.postgres.migrations import declare_topics, migrate
from common.process.app import App, installed_apps
from common.process.settings import Settings, read_settings


async def provision(apps: Sequence[App], settings: Settings) -> list[str]:
    """Create what these services need; returns what was made, in words.

    Raises:
        Misconfigured: a migration changed after it was applied, or a topic has another number of partitions.
        OSError: broker or database cannot be reached.
    """
    made: list[str] = []
    codecs = [(Codec(app.service, settings.namespace, writers=settings.writers), app.storage) for app in apps]
    connection: Any = await asyncpg.connect(settings.database.dsn.get_secret_value(), timeout=10)
    try:
        for codec, storage in codecs:
            made += [f"{codec.schema}: {name}" for name in await migrate(connection, codec.schema, storage.migrations)]
            await declare_topics(connection, codec.topics, codec.owned_topics)
    finally:
        await connection.close()
    topics = sorted({topic for codec, _ in codecs for topic in (*codec.owned_topics, *codec.topics)})
    made += [f"topic {topic}" for topic in await declare_kafka_topics(settings.kafka, topics)]
    return made


def main() -> None:
    """The command line: exit 0 when everything is in place, 1 with the reason when not."""
    argparse.ArgumentParser(prog="python -m common.process.provision", description=__doc__).parse_args()
    try:
        settings = read_settings(Settings)
        made = asyncio.run(provision(list(installed_apps().values()), settings))
    except (CroissanceError, *DATABASE_ERRORS) as error:
        sys.exit(f"provisioning failed: {error}")
    for line in made:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"provisioned: {len(made)} new\n")


if __name__ == "__main__":
    main()
