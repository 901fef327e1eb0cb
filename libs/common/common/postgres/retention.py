"""What is kept for a while only: answers to commands, settled dead letters, ids of records that others wrote."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from common.postgres.connections import ConnectionPool
from common.postgres.rows import affected

AT_ONCE: Final = 500
"""Rows of one statement: each commits by itself, holds few locks, and leaves room for what has to be fast."""

ANSWERS: Final = """delete from idempotency where key in (
    select key from idempotency where at < $1 order by at limit $2 for update skip locked)"""
ARRIVALS: Final = """delete from arrivals where (writer, id) in (
    select writer, id from arrivals where at < $1 order by at limit $2 for update skip locked)"""
LETTERS: Final = """delete from dead_letters where id in (
    select id from dead_letters where settled_at < $1 and sequence is not null
    order by settled_at limit $2 for update skip locked)"""
CONTENTS: Final = """update dead_letters set settled_at = 'infinity', key = null, value = null, headers = '[]',
    raw_headers = '' where id in (select id from dead_letters where settled_at < $1 and sequence is null
        order by settled_at limit $2 for update skip locked)"""
"""Of a record without a number its place stays, by which the audit knows that it was not lost."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long.

    Attributes:
        answers: to commands: the same `Idempotency-Key` gets the same answer for so long.
        letters: dead letters, once they are replayed or dropped. Open ones stay.
        arrivals: ids of records of partners' topics: one that is written again later counts as new.
    """

    answers: timedelta
    letters: timedelta
    arrivals: timedelta


async def forget(pool: ConnectionPool, now: datetime, kept: Kept, at_once: int = AT_ONCE) -> int:
    """Delete what is older, in small transactions; returns how many rows. Any process may, several at once too.

    Raises:
        Transient: the database is away; what was deleted is deleted.
    """
    forgotten = 0
    for statement, age in (
        (ANSWERS, kept.answers),
        (LETTERS, kept.letters),
        (CONTENTS, kept.letters),
        (ARRIVALS, kept.arrivals),
    ):
        more = True
        while more:
            gone = affected(await pool.execute(statement, now - age, at_once))
            forgotten += gone
            more = gone == at_once
    return forgotten
