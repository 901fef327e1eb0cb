"""A campaign: companies flow through the services' doors, batch after batch, several batches at once."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from croissance.api import Doors
from croissance.campaign_tally import Tally
from croissance.directors import (
    Participant,
    Score,
    array,
    diagnosis,
    label_application,
    voucher_application,
    wants_label,
    wants_voucher,
)
from croissance.flow import Flow

BATCH: Final = 400
IN_FLIGHT: Final = 10
"""Batches under way at once: enough to keep every service busy, few enough for flat memory."""

SEEDED_AT_ONCE: Final = 1000
NOT_YET: Final = frozenset(
    {(404, "Entreprise inconnue"), (409, "Entreprise inconnue"), (409, "Diagnostic complet requis")}
)
"""Problems of an item that mean "what you refer to has not arrived here yet": status and title."""

ASK_AGAIN: Final = 0.3
ASK_TIMES: Final = 100
"""Pause, and most times, of asking again for such an item."""

TARGETS: Final = frozenset({"micro", "petite", "moyenne"})
"""Classes of the register that a campaign is for; the others are registered and go no further."""


class _Answer(msgspec.Struct):
    """What is read of any door's answer for one item."""

    status: int | str = 0
    title: str = ""
    detail: str = ""
    field: str = ""


class _Registered(_Answer):
    sme_category: str = ""
    region: str = ""


class _Step(msgspec.Struct):
    id: str


class _Scored(_Answer):
    diagnostic_id: str = ""
    scores: dict[str, float] = {}
    global_score: float = 0.0
    plan: tuple[_Step, ...] = ()


class _Applied(_Answer):
    state: str = ""
    position: int | None = None


class _Asked(_Answer):
    granted_cents: int = 0
    position: int | None = None
    codes: tuple[str, ...] = ()
    reasons: tuple[Any, ...] = ()

    @property
    def outcome(self) -> str:
        """What became of the file."""
        if self.granted_cents:
            return "accorde"
        return "refuse" if self.reasons else "depose" if self.position is None else "liste_attente"


class Campaign:
    """Sends participants through the doors."""

    def __init__(self, doors: Doors, flow: Flow, seed: int) -> None:
        self._doors = doors
        self._flow = flow
        self._seed = seed
        self._categories: dict[str, tuple[str, ...]] = {}
        self.tally = Tally()

    async def seed_door(self, service: str, path: str, items: Sequence[dict[str, Any]]) -> int:
        """Post items that a campaign needs beforehand (directory, contacts); returns how many were taken."""
        taken = 0
        for start in range(0, len(items), SEEDED_AT_ONCE):
            body = msgspec.json.encode(items[start : start + SEEDED_AT_ONCE])
            for answer in await self._doors.batch(service, path, body, _Answer):
                if _refused(answer):
                    self.tally.refuse(f"{service}: {answer.field} {answer.detail}")
                else:
                    taken += 1
        return taken

    async def run(self, participants: Iterable[Participant]) -> None:
        """Send every participant through its steps; memory holds the batches under way only.

        Raises:
            RefusedError: a door refuses a whole batch: this program and the services do not fit.
            UnavailableError: a door did not answer within the patience.
        """
        stream = iter(participants)
        async with asyncio.TaskGroup() as group:
            room = asyncio.Semaphore(IN_FLIGHT)
            while batch := list(islice(stream, BATCH)):
                await room.acquire()
                task = group.create_task(self._travel(batch))
                task.add_done_callback(lambda _: room.release())

    async def _travel(self, batch: list[Participant]) -> None:
        """One batch, from registration to applications."""
        welcome = await self._register(batch)
        await self._flow.applied("diagnostic", "companies")
        scored = await self._diagnose(welcome)
        await asyncio.gather(self._apply_for_labels(scored), self._ask_for_vouchers(scored))

    async def _register(self, batch: list[Participant]) -> list[Participant]:
        body = array(who.registration for who in batch)
        answers = await self._post("registrations", ("companies", "/v1/companies:batch"), body, len(batch), _Registered)
        welcome: list[Participant] = []
        for who, answer in zip(batch, answers, strict=True):
            if _refused(answer):
                self.tally.refuse(f"inscription {who.siren}: {answer.field} {answer.detail}")
                self.tally.steps["registrations"].outcomes["refusée"] += 1
                continue
            self.tally.companies += 1
            self.tally.steps["registrations"].outcomes[answer.sme_category] += 1
            self.tally.region(answer.region)["companies"] += 1
            if answer.sme_category in TARGETS:
                welcome.append(who._replace(region=answer.region))
        return welcome

    async def _diagnose(self, batch: list[Participant]) -> list[tuple[Participant, Score]]:
        answers = await self._insist(
            "diagnostics",
            ("diagnostic", "/v1/diagnostics:batch"),
            [diagnosis(who, self._seed) for who in batch],
            _Scored,
        )
        scored: list[tuple[Participant, Score]] = []
        for who, answer in zip(batch, answers, strict=True):
            if _refused(answer):
                self.tally.refuse(f"diagnostic {who.siren}: {answer.field} {answer.detail}")
                continue
            score = Score(answer.global_score, answer.scores, [step.id for step in answer.plan])
            counters = self.tally.region(who.region)
            counters["diagnostics"] += 1
            counters["points"] += round(10 * score.global_score)
            counters["able"] += score.passes
            scored.append((who, score))
            if wants_voucher(who, score):
                await self._learn(who, answer)
        return scored

    async def _learn(self, who: Participant, answer: _Scored) -> None:
        """Read what spending a measure leads to, once a measure, from the detail of a diagnosis that has it."""
        if all(step.id in self._categories for step in answer.plan):
            return
        detail = await self._doors.get("diagnostic", f"/v1/diagnostics/{who.siren}/{answer.diagnostic_id}")
        for measure in detail["measures"]:
            self._categories[measure["id"]] = tuple(measure["spend_categories"])

    async def _apply_for_labels(self, scored: list[tuple[Participant, Score]]) -> None:
        candidates = [who for who, score in scored if wants_label(who, score)]
        if not candidates or not self._doors.has("labels"):
            return
        await self._flow.applied("labels", "diagnostic")
        bodies = [msgspec.json.encode(label_application(who)) for who in candidates]
        answers = await self._insist("labels", ("labels", "/v1/applications:batch"), bodies, _Applied)
        for who, answer in zip(candidates, answers, strict=True):
            if _refused(answer):
                self.tally.refuse(f"label {who.siren}: {answer.field} {answer.detail}")
                continue
            self.tally.steps["labels"].outcomes[answer.state] += 1
            self.tally.region(who.region)[f"label {answer.state}"] += 1
            if answer.state == "attribue":
                self.tally.labelled[who.siren] = None

    async def _ask_for_vouchers(self, scored: list[tuple[Participant, Score]]) -> None:
        asking: list[Participant] = []
        bodies: list[bytes] = []
        for who, score in scored:
            file = voucher_application(who, score, self._categories) if wants_voucher(who, score) else None
            if file is not None:
                asking.append(who)
                bodies.append(msgspec.json.encode(file))
        if not asking or not self._doors.has("vouchers"):
            return
        await self._flow.applied("vouchers", "diagnostic")
        answers = await self._insist("vouchers", ("vouchers", "/v1/vouchers:batch"), bodies, _Asked)
        for who, answer in zip(asking, answers, strict=True):
            if _refused(answer):
                self.tally.refuse(f"chèque {who.siren}: {answer.field} {answer.detail}")
                continue
            self.tally.steps["vouchers"].outcomes[answer.outcome] += 1
            counters = self.tally.region(who.region)
            counters[f"voucher {answer.outcome}"] += 1
            counters["granted_cents"] += answer.granted_cents
            if answer.granted_cents:
                self.tally.financed[who.siren] = None

    async def _insist(self, step: str, door: tuple[str, str], bodies: list[bytes], kind: type[Any]) -> list[Any]:
        """Post items, and again those that the service cannot know yet."""
        answers: list[Any] = [None] * len(bodies)
        left = list(range(len(bodies)))
        for attempt in range(ASK_TIMES):
            if attempt:
                await asyncio.sleep(ASK_AGAIN)
            body = array(bodies[index] for index in left)
            got = await self._post(step, door, body, 0, kind)
            for index, answer in zip(left, got, strict=True):
                answers[index] = answer
            left = [index for index in left if (answers[index].status, answers[index].title) in NOT_YET]
            if not left:
                break
        self.tally.steps[step].done += len(bodies)
        return answers

    async def _post(self, step: str, door: tuple[str, str], body: bytes, items: int, kind: type[Any]) -> list[Any]:
        if body == b"[]":
            return []
        progress = self.tally.steps[step]
        progress.began = progress.began or time.monotonic()
        answers = await self._doors.batch(*door, body, kind)
        progress.ended = time.monotonic()
        progress.done += items
        return answers


def _refused(answer: _Answer) -> bool:
    """Whether an item was answered by a problem; some doors use `status` for their own word."""
    return isinstance(answer.status, int) and answer.status >= 400
