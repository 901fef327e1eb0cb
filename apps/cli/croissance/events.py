"""`croissance events tail`: what happens, as it happens, read from Kafka like any subscriber would."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from common.kafka.reading import tolerate
from croissance.addresses import Addresses, Bootstrap, Dsn, Namespace, find
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, reason
from croissance.login import broker_options
from croissance.output import json_text, one_line, out

app = typer.Typer(help="Suivre les événements.", no_args_is_help=True, rich_markup_mode=None)

PARTITIONS: Final = 12
SUMMARY: Final = 110
"""Characters of the data shown on a line."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show; an empty field shows all."""

    types: frozenset[str] = frozenset()
    region: str = ""
    siren: str = ""

    def keeps(self, name: str, headers: Mapping[str, str], key: str) -> bool:
        """Whether an event passes."""
        return (
            (not self.types or name in self.types)
            and (not self.region or headers.get("ce_region") == self.region)
            and (not self.siren or key == self.siren)
        )


@app.command()
def tail(
    *,
    data: Data = Path(DEFAULT_DATA),
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Type d’événement, par exemple LabelGranted (répétable).")
    ] = None,
    region: Annotated[str, typer.Option(help="Code INSEE d’une région: 84, 11, 53…")] = "",
    siren: Annotated[str, typer.Option(help="Une entreprise, par ses 9 chiffres.")] = "",
    since: Annotated[
        str,
        typer.Option(
            "--from", help="D’où partir: beginning, end, ou un instant (2026-11-23T08:00, UTC si rien n’est dit)."
        ),
    ] = "end",
    limit: Annotated[int, typer.Option(help="S’arrêter après N événements; 0: suivre sans fin.", min=0)] = 0,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Affiche les événements de tous les services à mesure qu’ils sont publiés. Ctrl-C pour arrêter.

    Chaque ligne dit l’heure, le service, le type, l’entreprise, la place dans le journal (partition#numéro) et le
    contenu. Les numéros d’une partition se suivent: 1, 2, 3…

    \b
    Exemples:
      croissance events tail                                        ce qui arrive à partir de maintenant
      croissance events tail --type LabelGranted --region 84        les labels d’Auvergne-Rhône-Alpes
      croissance events tail --siren 732829320 --from beginning     toute l’histoire d’une entreprise
      croissance events tail --from 2026-11-23T08:00 --limit 100 --json | jq .data
    """  # noqa: D301  \b keeps the lines of the examples apart
    here = find(data, bootstrap, dsn, namespace=namespace)
    wanted = Filter(frozenset(types or ()), region, siren)
    try:
        asyncio.run(_tail(here, wanted, start_of(since), limit, as_json=as_json))
    except (KafkaError, OSError) as error:
        fail(f"courtier injoignable: {reason(error)}", "croissance status dit si le système tourne.")
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def start_of(text: str) -> str | int:
    """`beginning`, `end`, or an instant as milliseconds since 1970.

    Raises:
        typer.BadParameter: none of these.
    """
    if text in {"beginning", "end"}:
        return text
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"« {text} »: attendu beginning, end ou un instant comme 2026-11-23T08:00") from None
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


async def _tail(here: Addresses, wanted: Filter, since: str | int, limit: int, *, as_json: bool) -> None:
    tolerate()
    consumer = AIOKafkaConsumer(
        **broker_options(here.bootstrap), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    shown = 0
    try:
        await consumer.start()
        places = places_of(await consumer.topics(), here.namespace, wanted.siren)
        if not places:
            fail("aucun topic d’événements sur ce courtier", "croissance up les crée.")
        consumer.assign(places)
        await _seek(consumer, places, since)
        ends = await consumer.end_offsets(places)
        if wanted.siren and since != "end":
            for record in in_time(await _history(consumer, ends, wanted)):
                shown += show_record(record, wanted, as_json=as_json)
                if shown == limit:
                    return
        while not (limit and shown == limit):
            records = in_time(await _batch(consumer))
            for record in records:
                shown += show_record(record, wanted, as_json=as_json)
                if shown == limit:
                    return
            if limit and not records and since != "end" and await _at_end(consumer, ends):
                return
    finally:
        with suppress(KafkaError):
            await consumer.stop()


async def _batch(consumer: AIOKafkaConsumer) -> list[Any]:
    batches: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=500)
    return [record for batch in batches.values() for record in batch]


async def _history(consumer: AIOKafkaConsumer, ends: Mapping[Any, int], wanted: Filter) -> list[Any]:
    """What one company went through up to now: few enough to be put in order of time."""
    key = wanted.siren.encode()
    kept: list[Any] = []
    while not await _at_end(consumer, ends):
        kept += [record for record in await _batch(consumer) if record.key == key]
    return kept


def in_time(records: list[Any]) -> list[Any]:
    """Records in the order of their facts; those of one partition keep theirs."""
    return sorted(records, key=lambda record: (dict(record.headers).get("ce_time") or b"", record.timestamp))


async def _at_end(consumer: AIOKafkaConsumer, ends: Mapping[Any, int]) -> bool:
    """Whether everything that was there at the start has been read."""
    return all([await consumer.position(place) >= end for place, end in ends.items()])


def places_of(topics: set[str], namespace: str, siren: str) -> list[TopicPartition]:
    """The partitions to read: one of each topic is enough for one company."""
    prefix = f"{namespace}croissance."
    names = sorted(name for name in topics if name.startswith(prefix) and not name.endswith(".dead-letter.v1"))
    numbers = range(PARTITIONS) if not siren else [(murmur2(siren.encode()) & 0x7FFFFFFF) % PARTITIONS]
    return [TopicPartition(name, number) for name in names for number in numbers]


async def _seek(consumer: AIOKafkaConsumer, places: list[TopicPartition], since: str | int) -> None:
    if since == "beginning":
        await consumer.seek_to_beginning(*places)
        return
    await consumer.seek_to_end(*places)
    if isinstance(since, int):
        found: dict[Any, Any] = await consumer.offsets_for_times(dict.fromkeys(places, since))
        for place, at in found.items():
            if at is not None:
                consumer.seek(place, at.offset)


def show_record(record: Any, wanted: Filter, *, as_json: bool) -> bool:
    """Print a record if it passes; whatever it holds, it never stops the reading."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in reversed(record.headers)}
    service, _, name = headers.get("ce_type", "").removeprefix("fr.croissanceconnectee.").rpartition(".")
    key = (record.key or b"").decode(errors="replace")
    if not wanted.keeps(name, headers, key):
        return False
    text = (record.value or b"").decode(errors="replace")
    if as_json:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        document = {"type": name, "key": key, **place, "headers": headers}
        try:
            line = json_text({**document, "data": json.loads(text)})
        except (ValueError, RecursionError):  # no JSON, or a number that JSON cannot say again (NaN, 1e999)
            line = json_text({**document, "data": text})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        return True
    moment = headers.get("ce_time", "")[11:19] or "--:--:--"
    place = f"{record.partition:>2}#{headers.get('ce_sequence', '?')}"
    summary = text if len(text) <= SUMMARY else text[: SUMMARY - 1] + "…"
    out.print(
        one_line(f"{moment} {service:<13} {name or '(sans type)':<24} {key:<10} {place:<9} {summary}"),
        soft_wrap=True,
    )
    return True
