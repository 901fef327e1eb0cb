"""The real six services in the simulator: their declarations and rules, random stories, what must hold throughout."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from common.core.codec import partition_of
from common.core.commands import Ask
from common.core.record_batch import unseal
from common.core.requests import Request, apply_requests
from common.declare.decision import Refusal
from common.declare.errors import Transient, Unstorable
from common.declare.inputs import Consumed
from common.declare.message import Message
from common.declare.service import topic_of
from common.testing.engine import Engine
from common.testing.memory import MemoryDatabase
from common.testing.memory_database import NO_STORAGE
from common.testing.proof import check_logs
from common.testing.unreliable import pause
from companies.service import SERVICE as COMPANIES
from diagnostic.service import SERVICE as DIAGNOSTIC
from labels.service import SERVICE as LABELS
from matching.needs.inputs import AcceptMatch, DeclineMatch
from matching.service import SERVICE as MATCHING
from notifications.messages.inputs import RecordDelivery
from notifications.service import SERVICE as NOTIFICATIONS
from vouchers.files.inputs import WithdrawVoucher
from vouchers.ledger.accounts import Balances
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset
from vouchers.service import SERVICE as VOUCHERS

from .invariants import check_capacity, check_cohorts, check_ends, check_envelope, check_messages
from .storages import STORAGES, messages, states_of, voucher_files
from .story import STARTS, Errand, errands

SERVICES: Final = (COMPANIES, DIAGNOSTIC, MATCHING, LABELS, VOUCHERS, NOTIFICATIONS)
CHECKS: Final = {
    "matching": check_capacity,
    "labels": check_cohorts,
    "vouchers": check_envelope,
    "notifications": check_messages,
}
TOTAL: Final = 1_500_000
"""Euro cents of the envelope: three to five grants."""

FREE_WILL: Final = 40
"""What directors, advisers and the mail server do beside the errands, in all."""


@dataclass(slots=True)
class Chain:
    """The six services and the people around them."""

    seed: int
    companies: int = 8
    engine: Engine = field(init=False)
    todo: list[tuple[int, Errand]] = field(init=False)
    acts: int = 0

    def __post_init__(self) -> None:
        """Start everything."""
        self.todo = list(enumerate(errands(self.seed % 50, self.companies)))
        keys = [errand.ask.key for _, errand in self.todo]
        self.engine = Engine(self.seed, keys, STARTS, drops=False)
        for service in SERVICES:
            check = CHECKS.get(service.name)
            self.engine.add(service, STORAGES.get(service.name, NO_STORAGE), self._told(check) if check else _nothing)
        vouchers = self.engine.parts["vouchers"]
        dated = ((datetime(2026, 1, 1, tzinfo=UTC), Ruleset()),)
        envelope = Envelope("cheque-2026", "cheque-2026", None, None, dated, Balances(TOTAL))
        vouchers.database.pools[ENVELOPES.at(envelope.id)] = vouchers.codec.encode(envelope)
        for number in range(3):
            self.engine.client(f"client-{number}", self._client)
        for name, start in (("director", self._directors), ("adviser", self._advisers), ("postman", self._post)):
            self.engine.client(name, start)
        self.engine.client("time", self._time)

    def _told(self, check: Any) -> Any:
        def look(database: MemoryDatabase) -> None:
            for fault in check(database):
                self.engine.fail(fault)

        return look

    # --- the actors

    async def _client(self) -> None:
        """Run errands until there are none, each as soon as it can be."""
        draw = self.engine.random
        while self.todo:
            number, errand = draw.choice(self.todo)
            await pause()
            if errand.needs is not None and errand.needs not in self.engine.parts[errand.service].database.states:
                continue
            answer = await self._ask(errand.service, errand.ask, f"errand-{number}")
            if answer is not None and not _is_internal(answer) and (number, errand) in self.todo:
                self.todo.remove((number, errand))

    async def _directors(self) -> None:
        """Give chèques and applications up, now and then."""
        while self.acts < FREE_WILL:
            await pause()
            files = [each for each in voucher_files(self.engine.parts["vouchers"].database) if _is_open(each[1].status)]
            if files and self._wants_to(0.1):
                applicant, file = self.engine.random.choice(files)
                await self._ask("vouchers", Ask(WithdrawVoucher(file.id, "dirigeant"), applicant.siren))

    async def _advisers(self) -> None:
        """Take or decline what is offered."""
        while self.acts < FREE_WILL:
            await pause()
            matching = self.engine.parts["matching"]
            needs = states_of(matching.codec, matching.database, "needs")
            offers = [(key, m) for key, state in needs.items() for need in state.needs for m in need.matches]
            offers = [each for each in offers if each[1].status == "propose"]
            if offers and self._wants_to(0.2):
                siren, match = self.engine.random.choice(offers)
                takes = self.engine.random.random() < 0.5
                wish = AcceptMatch(match.match_id) if takes else DeclineMatch(match.match_id, "autre")
                await self._ask("matching", Ask(wish, siren))

    async def _post(self) -> None:
        """Deliver mails, some of them twice."""
        while self.acts < FREE_WILL:
            await pause()
            recorded = messages(self.engine.parts["notifications"].database)
            if recorded and self._wants_to(0.2):
                siren = self.engine.random.choice(recorded).siren
                causes = tuple(str(row.cause) for row in recorded if row.siren == siren)
                await self._ask("notifications", Ask(RecordDelivery(causes, "sent"), siren))

    async def _time(self) -> None:
        """Minutes pass, sometimes weeks."""
        while self.engine.faults:
            await pause()
            draw = self.engine.random
            days = draw.randrange(1, 40) if draw.random() < 0.004 else 0
            self.engine.now += timedelta(days=days, minutes=draw.randrange(10))

    def _wants_to(self, chance: float) -> bool:
        wants = self.acts < FREE_WILL and self.engine.random.random() < chance
        self.acts += wants
        return wants

    async def _ask(self, service: str, ask: Ask, key: str = "") -> object:
        """Carry a command out as a door does, under an idempotency key; None: try again."""
        part = self.engine.parts[service]
        request_id = uuid5(NAMESPACE_URL, f"{self.seed}/{key or self.acts}")
        now = self.engine.now
        message = Message(ask.input, ask.key, partition_of(ask.key), request_id, now, request_id, ask.region)
        said: list[object] = []

        def render(answers: Any) -> tuple[int, bytes]:
            said.extend(answers)
            return 200, b"{}"

        try:
            carried = await apply_requests(part.codec, part.begin, [Request([message], render, key)])
        except Transient:
            return None
        except Unstorable as error:
            if not self.engine.faults:
                self.engine.fail(f"{service}: {type(ask.input).__name__} cannot be stored: {error}")
            return None
        for failure in carried.failures:
            if str(failure.error) != "a rule that fails":
                self.engine.fail(f"{service}: {type(failure.message.input).__name__} raised {failure.error!r}")
        return said[0] if said else carried.replies[0]

    # --- the proof

    def check(self) -> None:
        """Nothing lost, doubled, out of order; the books agree with each other; whoever could be served is."""
        check_logs(self.engine)
        self._check_told()
        for fault in check_ends(self.engine):
            self.engine.fail(fault)

    def _check_told(self) -> None:
        """One message a fact: what was recorded is what was published of the events that mails tell of."""
        told = Counter(str(row.cause) for row in messages(self.engine.parts["notifications"].database))
        published = Counter(identity for name, identity, _ in self.events() if name in _TOLD)
        if told != published:
            self.engine.fail(f"told {dict(told - published)} too often, {dict(published - told)} too seldom")
        sent = [data["notification_id"] for name, _, data in self.events() if name == "NotificationSent"]
        if len(set(sent)) != len(sent):
            self.engine.fail("a mail is said to be sent twice")

    def events(self) -> Iterator[tuple[str, str, Any]]:
        """Every event of every service: name, id, data."""
        for part in self.engine.parts.values():
            for where, batches in part.database.outbox.items():
                if where.topic == topic_of(part.codec.service.name):
                    for entry in (entry for batch in batches for entry in unseal(batch.data)):
                        headers = dict(entry.headers)
                        name = headers["ce_type"].rpartition(b".")[2].decode()
                        yield name, headers["ce_id"].decode(), msgspec.json.decode(entry.value or b"{}")


_TOLD: Final = {kind.__name__ for kind in NOTIFICATIONS.inputs(Consumed)}


def _nothing(_: MemoryDatabase) -> None:
    """A service of which nothing is checked at every step."""


def _is_open(status: str) -> bool:
    return status in {"depose", "liste_attente", "accorde"}


def _is_internal(answer: object) -> bool:
    return isinstance(answer, Refusal) and answer.kind == "internal"


def simulate_chain(seed: int, steps: int = 7000) -> Chain:
    """One schedule of the real services.

    Raises:
        InvariantError: an effect was lost, doubled or reordered, or a rule of the domain was broken.
    """
    chain = Chain(seed)
    try:
        chain.engine.run(steps)
        chain.engine.settle()
        chain.check()
    finally:
        chain.engine.close()
    return chain
