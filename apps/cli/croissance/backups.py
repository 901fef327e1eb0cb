"""`croissance backup` and `croissance restore`: copies of the embedded database, and back to one of them."""

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from croissance.console import DEFAULT_DATA, Data, fail, say
from embedded.backups import FOLDER, BackupError, back_up, backups
from embedded.backups import restore as put_back
from embedded.state import BusyError, state_of

DATA = Path(DEFAULT_DATA)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)")


def backup(data: Data = DATA) -> None:
    """Sauvegarde la base qui tourne ici, pendant qu’elle travaille.

    La copie est dans --data/backups, sous son heure (UTC). À partir de la première sauvegarde, le journal de la base
    y est gardé aussi, par segments (au plus tard chaque minute) : on peut revenir à n’importe quel moment depuis.
    Copiez ce dossier sur une autre machine. Kafka et la boîte aux lettres n’en font pas partie.

    Exemple: croissance backup
    """
    state = state_of(data)
    if state is None or "postgres" not in state["children"]:
        fail(f"aucune base à nous ne tourne sur {data}", "croissance up d’abord. Une base à vous : pg_basebackup.")
    try:
        made = asyncio.run(back_up(data.absolute(), state["dsn"]))
    except (BackupError, OSError) as error:
        fail(str(error))
    say(f"Sauvegarde faite : {made}")


def restore(
    name: Annotated[str, typer.Argument(help="Nom de la sauvegarde ; la dernière par défaut.")] = "",
    *,
    data: Data = DATA,
    to: Annotated[
        str, typer.Option(help="« backup » : la fin de la sauvegarde ; ou un moment : 2026-11-28T18:30:00+01:00.")
    ] = "",
) -> None:
    """Remet la base à une sauvegarde et au journal gardé depuis. Rien ne doit tourner sur --data.

    Sans --to, tout le journal gardé est repris. Les anciens fichiers de la base restent à côté. Ensuite
    `croissance up`, qui dit si la base est en retard sur Kafka, et `croissance recover`.

    \b
    Exemples:
      croissance restore
      croissance restore --to backup
      croissance restore 2026-11-28T17-30-00Z --to "2026-11-28 18:45:00+01"
    """  # noqa: D301
    if to not in ("", "backup") and not MOMENT.fullmatch(to):
        raise typer.BadParameter(f"{to} : attendu « backup », ou un moment avec son fuseau, 2026-11-28T18:30:00+01:00")
    try:
        former = put_back(data, name, to)
    except (BackupError, BusyError, OSError) as error:
        known = ", ".join(backups(data))
        fail(str(error), f"Sauvegardes : {known}." if known else f"Aucune sauvegarde dans {data / FOLDER}.")
    say(f"La base est remise ; ses anciens fichiers, s’il en restait : {former}. Ensuite : croissance up.")
