"""What readers get: files with their history, envelopes to the cent, the ledger."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypedDict

import msgspec
from msgspec.structs import asdict

from common.declare.decision import Moment
from vouchers.eligibility.facts import Declarations, Line
from vouchers.eligibility.grant import Ceiling, plain
from vouchers.files.model import Status, VoucherAnswer, VoucherFile, answer_of
from vouchers.ledger.accounts import Account, Balances
from vouchers.ruleset import Ruleset


class FileView(VoucherAnswer, frozen=True, kw_only=True):
    """A file as its company and its instructor read it."""

    ceiling: Ceiling = ""
    calculation: str = ""
    submitted_at: Moment
    granted_on: date | None
    lines: tuple[Line, ...]
    declarations: Declarations


class Change(TypedDict):
    """A change of status of a file: who asked, and why."""

    from_status: Status | None
    to_status: Status
    actor: str
    reason: str
    at: Moment


class FileWithHistory(FileView, frozen=True, kw_only=True):
    """A file and all its changes, in order."""

    history: Sequence[Change]


class FilesView(TypedDict):
    """The files of a company."""

    siren: str
    vouchers: list[FileView]


class LedgerHead(TypedDict):
    """How far the ledger of an envelope is: how many movements, the hash of the last."""

    movements: int
    last_hash: str


class EnvelopeView(TypedDict):
    """An envelope to the cent, with the rules in force; amounts in euro cents."""

    id: str
    programme: str
    title: str
    total_cents: int
    opens_on: date | None
    closes_on: date | None
    exhausted: bool
    waiting: int
    accounts: Balances
    ledger: LedgerHead
    rules: Ruleset | None


class EnvelopesView(TypedDict):
    """Every envelope."""

    envelopes: list[EnvelopeView]


class MovementView(TypedDict):
    """A movement of the ledger, chained by its hash to the one before."""

    number: int
    voucher_id: str
    from_account: Account
    to_account: Account
    amount_cents: int
    at: Moment
    cause_id: str
    cause_index: int
    hash: str


class MovementsView(TypedDict):
    """A page of the ledger; `next_cursor` continues."""

    movements: Sequence[MovementView]
    next_cursor: int | None


def shown_file(siren: str, file: VoucherFile, position: int | None = None) -> FileView:
    """A file as its company and its instructor read it; `position`: its rank on the waiting list now."""
    answer = asdict(answer_of(siren, file, position))
    answer["ceiling"] = file.ceiling
    answer["calculation"] = file.calculation or (plain(file.base_cents, file.rate_percent) if file.asked_cents else "")
    return FileView(
        **answer,
        submitted_at=file.submitted_at,
        granted_on=file.granted_on,
        lines=file.lines,
        declarations=file.declarations,
    )


def with_history(file: FileView, history: Sequence[Mapping[str, Any]]) -> FileWithHistory:
    """The file with its changes as they are stored."""
    changes: Any = history
    return FileWithHistory(**asdict(file), history=changes)


def shown_envelope(row: Mapping[str, Any]) -> EnvelopeView:
    """An envelope to the cent, with the rules in force as they are stored."""
    rules: Any = None if row["rules"] is None else msgspec.Raw(row["rules"].encode())
    return {
        "id": row["id"],
        "programme": row["programme"],
        "title": row["title"],
        "total_cents": row["total_cents"],
        "opens_on": row["opens_on"],
        "closes_on": row["closes_on"],
        "exhausted": row["exhausted"],
        "waiting": row["waiting"],
        "accounts": Balances(*[row[f"{account}_cents"] for account in Balances.__struct_fields__]),
        "ledger": {"movements": row["movements"], "last_hash": row["chain"]},
        "rules": rules,
    }


def shown_movements(rows: Sequence[Mapping[str, Any]], limit: int) -> MovementsView:
    """A page of the ledger; it goes on where it is full."""
    movements: Any = rows
    return {"movements": movements, "next_cursor": rows[-1]["number"] if len(rows) == limit else None}
