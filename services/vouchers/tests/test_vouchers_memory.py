"""The whole service on the memory unit of work: pools as JSON, follow-ups, the chain of the ledger; no database."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from common.core.codec import Codec
from common.core.deadlines import apply_due
from common.core.requests import apply_commands
from common.declare.pool import Ref
from common.testing.memory import MemoryDatabase, MemoryStorage, memory
from common.testing.rules import message_of
from vouchers.eligibility.facts import Declarations, Line, Measure
from vouchers.files import inputs
from vouchers.files.model import Applicant, VoucherAnswer, VoucherFile
from vouchers.ledger.accounts import Balances, Entry, chained, replay
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset
from vouchers.service import SERVICE
from vouchers.waiting.head import WAITING, Head, Waiting

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
COMPANY = inputs.Company("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")
FINE = Declarations(taxes_up_to_date=True, social_up_to_date=True, no_recovery_order=True)
LINES = (Line("site_ecommerce", "732829320", 3_000_000, "m1"),)
CODEC = Codec(SERVICE)


def envelope_of(database: MemoryDatabase, key: str) -> Envelope:
    return CODEC.decode_pool[ENVELOPES.name](database.pools[ENVELOPES.at(key)])


def files_of(database: MemoryDatabase) -> list[tuple[Applicant, VoucherFile]]:
    states = [CODEC.decode_state[kind](doc) for (kind, _), (doc, _) in database.states.items() if kind == "files"]
    return [(state, file) for state in states for file in state.files]


def head_in_memory(database: MemoryDatabase, key: str) -> Head:
    """What the store reads of `files`: the list of an envelope as committed."""
    waiting = [(s, f) for s, f in files_of(database) if f.status == "liste_attente" and f.envelope_id == key]
    files = [Waiting(s.siren, "84", f.id, f.asked_cents) for s, f in sorted(waiting, key=lambda each: each[1].place)]
    return Head(envelope_of(database, key).mark, tuple(files))


@pytest.mark.parametrize("at_once", [1, 2, 500])
async def test_a_release_serves_the_waiting_and_the_chain_holds(at_once: int) -> None:
    total = 6_000_000
    dated = ((datetime(2026, 1, 1, tzinfo=UTC), Ruleset()),)
    opened = CODEC.encode(Envelope("e1", "cheque", None, None, dated, Balances(total)))
    database = MemoryDatabase(pools={Ref(ENVELOPES.name, "e1"): opened})
    begin = memory(CODEC, database, MemoryStorage(pools={WAITING.name: head_in_memory}))
    sirens = [f"{100_000_000 + rank}" for rank in range(9)]
    measures = (Measure("m1", ()),)
    told = [
        message_of(inputs.DiagnosticCompleted(siren, "d", "complet", NOW, measures, COMPANY), siren, NOW)
        for siren in sirens
    ]
    asked = [
        message_of(inputs.ApplyForVoucher("e1", LINES, FINE), siren, NOW, id=UUID(int=rank))
        for rank, siren in enumerate(sirens, 10)
    ]
    answers = (await apply_commands(CODEC, begin, [*told, *asked])).answers[len(told) :]
    given_up = [
        message_of(inputs.WithdrawVoucher(answer.voucher_id, "dirigeant"), siren, NOW, id=UUID(int=rank))
        for rank, (siren, answer) in enumerate(zip(sirens[:3], answers, strict=False), 100)
        if isinstance(answer, VoucherAnswer)
    ]
    await apply_commands(CODEC, begin, given_up)
    decisions = 0
    while (taken := await apply_due(CODEC, begin, NOW, at_once)).count:
        assert not taken.failures
        decisions += taken.count
        assert decisions < 50
    statuses = {state.siren: file.status for state, file in files_of(database)}
    assert statuses == dict(zip(sirens, ["renonce"] * 3 + ["accorde"] * 4 + ["liste_attente"] * 2, strict=True))
    entries = [row for row in database.rows if isinstance(row, Entry)]
    chain = ""
    for number, entry in enumerate(entries, start=1):
        chain = chained(chain, entry.movement)
        assert (entry.number, entry.hash) == (number, chain)
    envelope = envelope_of(database, "e1")
    assert (envelope.movements, envelope.chain, envelope.offering) == (len(entries), chain, False)
    assert replay(total, (entry.movement for entry in entries)) == envelope.balances == Balances(0, 0, total)
