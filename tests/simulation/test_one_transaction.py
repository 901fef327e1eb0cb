"""Commands decided in one transaction come to what they come to one after the other, whatever they are.

Every command of every service, drawn at random over the few companies, connecteurs and files of a simulated run, so
that they meet, contradict and repeat each other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.core.codec import Codec, partition_of
from common.core.record_batch import unseal
from common.core.requests import apply_commands
from common.declare.inputs import Command
from common.declare.message import Message
from common.declare.pool import Ref
from common.testing.memory import MemoryDatabase, MemoryStorage, memory
from common.testing.memory_database import NO_STORAGE
from companies.register.inputs import RegisterCompany
from diagnostic.diagnostics.inputs import SaveAnswers, StartDiagnostic, SubmitDiagnostic
from labels.applications.inputs import ApplyForLabel
from labels.cohorts.inputs import SetCohortCap
from matching.directory.inputs import PutConnector
from matching.needs.inputs import AcceptMatch, DeclineMatch
from notifications.contacts.inputs import EraseContact, SaveContact, Unsubscribe
from notifications.messages.inputs import RecordDelivery
from vouchers.files.inputs import GrantVoucher, RefuseVoucher, WithdrawVoucher

from .chain import SERVICES, Chain
from .storages import STORAGES, messages, states_of, voucher_files
from .story import errands

COMPANIES: Final = 6
Asked = tuple[Command, str]
"""A command, and the key it is about."""


class Standing(NamedTuple):
    """A service in the middle of its work, and what may be asked of it, in groups.

    The rules of one group read nothing that another writes but through a view, which shows what was committed before
    the transaction: a line of the directory that changes beside an answer to its offers is a race by declaration, and
    `ReleaseOffers` comes back to it.
    """

    codec: Codec
    storage: MemoryStorage
    database: MemoryDatabase
    asked: Sequence[Sequence[Asked]]
    now: datetime

    def read(self, database: MemoryDatabase, ref: Ref) -> Any:
        """A pool, as the next transaction reads it."""
        own = self.storage.pools.get(ref.pool)
        return database.pools[ref] if own is None else own(database, ref.key)


@cache
def standing(service: str) -> Standing:
    """A service after half a run of the chain."""
    chain = Chain(3, COMPANIES)
    chain.engine.faults = False
    chain.engine.run(12_000)
    chain.engine.close()
    part = chain.engine.parts[service]
    part.database.kill_sessions()
    asked = [list(make(part.database)) for make in MADE[service]]
    asked[-1] += _errands(service)
    return Standing(part.codec, STORAGES.get(service, NO_STORAGE), part.database, asked, chain.engine.now)


def _errands(service: str) -> Iterator[Asked]:
    for errand in errands(3, COMPANIES):
        if errand.service == service:
            yield errand.ask.input, errand.ask.key


def _companies(_: MemoryDatabase) -> Iterator[Asked]:
    """Another name, a later look, a closure, and the first again."""
    for company, key in _errands("companies"):
        assert isinstance(company, RegisterCompany)
        seen = company.observed_at
        for number, (name, active) in enumerate((("AUTRE NOM", True), (company.name, False), ("AUTRE NOM", False))):
            for days in (0, number + 1):
                at = seen + timedelta(days=days)
                yield msgspec.structs.replace(company, name=name, active=active, observed_at=at), key


def _diagnostic(_: MemoryDatabase) -> Iterator[Asked]:
    ids = ["", "00000000-0000-5000-8000-000000000001", "00000000-0000-5000-8000-000000000002"]
    for submit, key in list(_errands("diagnostic"))[::2]:
        assert isinstance(submit, SubmitDiagnostic)
        some = dict(list(submit.answers.items())[:3])
        for own in ids:
            yield StartDiagnostic(key, "complet", own), key
            yield StartDiagnostic(key, "flash", own), key
            yield SaveAnswers(key, own, some), key
            yield SaveAnswers(key, own, submit.answers), key
            yield msgspec.structs.replace(submit, diagnostic_id=own), key


def _matching(database: MemoryDatabase) -> Iterator[Asked]:
    needs = states_of(_codec("matching"), database, "needs")
    for key, state in needs.items():
        for need in state.needs:
            for match in need.matches:
                yield AcceptMatch(match.match_id), key
                yield DeclineMatch(match.match_id, "autre"), key


def _directory(_: MemoryDatabase) -> Iterator[Asked]:
    for put, key in _errands("matching"):
        assert isinstance(put, PutConnector)
        line = put.connector
        for capacity in (1, 3, line.capacity_30d):
            for status in ("active", "suspended"):
                yield PutConnector(_changed(line, capacity_30d=capacity, status=status)), key


def _changed(line: Any, **fields: Any) -> Any:
    return type(line)(**{**{name: getattr(line, name) for name in line.__dataclass_fields__}, **fields})


def _labels(_: MemoryDatabase) -> Iterator[Asked]:
    for cap in (0, 1, 2, 5, 50):
        yield SetCohortCap(cap), "2026"
    for apply, key in _errands("labels"):
        if isinstance(apply, ApplyForLabel):
            yield msgspec.structs.replace(apply, signed=False), key
            yield msgspec.structs.replace(apply, no_insolvency=False), key


def _vouchers(database: MemoryDatabase) -> Iterator[Asked]:
    files = [(applicant.siren, file.id) for applicant, file in voucher_files(database)]
    for siren, own in [*files, *((siren, "00000000-0000-5000-8000-000000000009") for siren, _ in files[:1])]:
        yield GrantVoucher(own, "instructeur"), siren
        yield GrantVoucher(own, "instructeur", "moins", 150_000), siren
        yield RefuseVoucher(own, "instructeur", "hors objet"), siren
        yield WithdrawVoucher(own, "dirigeant"), siren


def _notifications(database: MemoryDatabase) -> Iterator[Asked]:
    sent = messages(database)
    for siren in sorted({row.siren for row in sent}):
        for email in ("a@exemple.fr", "b@exemple.fr"):
            yield SaveContact(email, "", "fr", ("email",), (), None), siren
            yield SaveContact(email, "Direction", "fr", (), ("aides",), True), siren
        yield SaveContact("a@exemple.fr", "", "fr", ("email",), (), False), siren
        yield EraseContact(), siren
        yield Unsubscribe("inconnu"), siren
        causes = tuple(str(row.cause) for row in sent if row.siren == siren)
        for told in (causes[:1], causes, (*causes[:1], "00000000-0000-5000-8000-000000000009")):
            yield RecordDelivery(told, "sent"), siren
            yield RecordDelivery(told, "failed", "boîte pleine"), siren


MADE: Final[dict[str, tuple[Callable[[MemoryDatabase], Iterator[Asked]], ...]]] = {
    "companies": (_companies,),
    "diagnostic": (_diagnostic,),
    "matching": (_matching, _directory),
    "labels": (_labels,),
    "vouchers": (_vouchers,),
    "notifications": (_notifications,),
}


def _codec(service: str) -> Codec:
    return Codec(next(each for each in SERVICES if each.name == service))


def _result(given: Standing, groups: Sequence[Sequence[Message[Command]]]) -> dict[str, Any]:
    """What a copy of the service comes to: answers, states, pools, rows, deadlines, events."""
    database = deepcopy(given.database)
    begin = memory(given.codec, database, given.storage)
    before = {where: len(batches) for where, batches in database.outbox.items()}
    answers: list[object] = []
    failures: list[str] = []

    async def carry_out() -> None:
        for group in groups:
            decided = await apply_commands(given.codec, begin, group)
            answers.extend(decided.answers)
            failures.extend(repr(failure.error) for failure in decided.failures)

    asyncio.run(carry_out())
    events = defaultdict[Any, list[Any]](list)
    for where, batches in database.outbox.items():
        for batch in batches[before.get(where, 0) :]:
            events[where] += list(unseal(batch.data))
    return {
        "answers": answers,
        "failures": failures,
        "states": {place: doc for place, (doc, _) in database.states.items()},
        "pools": {ref: given.read(database, ref) for ref in database.pools},
        "rows": database.rows,
        "deadlines": database.deadlines,
        "events": dict(events),
        "heads": database.heads,
    }


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_every_command_is_among_those_that_are_drawn(service: str) -> None:
    drawn = {type(command) for group in standing(service).asked for command, _ in group}
    assert drawn == set(_codec(service).service.inputs(Command))


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
@settings(max_examples=100)
@given(data=st.data())
def test_together_is_one_after_the_other(service: str, data: st.DataObject) -> None:
    given = standing(service)
    group = data.draw(st.sampled_from(given.asked))
    asked = data.draw(st.lists(st.sampled_from(group), min_size=2, max_size=8), "asked")
    wanted = [
        Message(command, key, partition_of(key), UUID(int=number), given.now, UUID(int=number))
        for number, (command, key) in enumerate(asked, 1 << 64)
    ]
    together, alone = _result(given, [wanted]), _result(given, [[each] for each in wanted])
    for what, found in alone.items():
        assert together[what] == found, what
