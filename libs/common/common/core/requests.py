"""Commands over HTTP, carried out in the same unit of work as events, each request once under its idempotency key."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from common.core import deciding
from common.core.codec import Codec
from common.core.deciding import Created, Decided, Failure, retaken
from common.core.unit_of_work import Begin, Remembered, Transaction
from common.declare.decision import Refusal
from common.declare.errors import NOBODYS_FAULT, Unstorable
from common.declare.message import Message
from common.declare.pool import Ref

KEY_REUSED = Refusal(
    "invalid",
    "cle_deja_utilisee",
    "Clé d'idempotence déjà utilisée",
    "Cette valeur de Idempotency-Key a déjà servi pour une demande au contenu différent: choisissez-en une nouvelle.",
    "Idempotency-Key",
)


VALUE_REFUSED = Refusal(
    "invalid", "valeur_refusee", "Valeur refusée", "La base de données refuse une valeur de cette demande."
)


async def apply_commands(codec: Codec, begin: Begin, messages: Sequence[Message[Any]]) -> Decided:
    """Decide commands in one transaction; `answers` has one entry each, in order; a rule that raises answers 500.

    What no transaction takes, a value the database refuses or an error that nobody foresaw, is narrowed down to its
    command, which is refused; the others are carried out.

    Raises:
        Transient: nothing was written; try again.
    """

    async def attempt(wanted: set[Ref]) -> Decided:
        async with begin() as transaction:
            decided = await deciding.decide(codec, transaction, messages, wanted)
            await deciding.save(transaction, decided)
            await deciding.publish(codec, transaction, decided.outgoing)
            return decided

    try:
        return await retaken(attempt)
    except NOBODYS_FAULT:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the commands beside it
        if len(messages) == 1:
            return Decided({}, answers=[refused_for(error)], failures=[Failure(messages[0], error)])
    middle = len(messages) // 2
    decided = await apply_commands(codec, begin, messages[:middle])
    rest = await apply_commands(codec, begin, messages[middle:])
    decided.answers += rest.answers
    decided.failures += rest.failures
    decided.follow_ups += rest.follow_ups
    decided.created += rest.created
    return decided


def refused_for(error: Exception) -> Refusal:
    """What a caller is told of a command that no transaction takes."""
    return VALUE_REFUSED if isinstance(error, Unstorable) else deciding.INTERNAL


class Request(NamedTuple):
    """What one caller asks for: commands that are carried out together.

    Attributes:
        messages: the commands.
        render: turns their answers, in order, into status and body.
        key: under what the answer is kept, or "".
        body_hash: of what the caller sent; the same key with another hash is refused.
    """

    messages: Sequence[Message[Any]]
    render: Callable[[Sequence[object]], tuple[int, bytes]]
    key: str = ""
    body_hash: bytes = b""


class Carried(NamedTuple):
    """What became of requests.

    Attributes:
        replies: status and body of each, in order.
        failures: what rules raised.
        follow_ups: how many other keys have something to decide.
        created: the events of sampled chains.
    """

    replies: list[tuple[int, bytes]]
    failures: Sequence[Failure]
    follow_ups: int
    created: Sequence[Created] = ()


Condemned = Mapping[UUID, Exception]
"""Ids of commands that are refused without being decided, each with the reason."""

NOTHING_CONDEMNED: Final[Condemned] = {}


async def apply_requests(
    codec: Codec, begin: Begin, requests: Sequence[Request], condemned: Condemned = NOTHING_CONDEMNED
) -> Carried:
    """Carry out requests in one transaction.

    The same key and body get the stored answer again and change nothing; of two contents that come under one key at
    the same time, one is told that the key is used. What wrote nothing is not stored, so that a refused request can be
    sent again once its cause is gone.

    Raises:
        Transient: nothing was written; try again.
        Unstorable: nothing was written: the database refuses a value of one of them.
    """
    keys = sorted({request.key for request in requests} - {""})
    known: dict[str, Remembered] = {}

    async def attempt(wanted: set[Ref]) -> Carried:
        nonlocal known
        async with begin() as transaction:
            known = await transaction.recall(keys) if keys else {}
            return await _carry_out(codec, transaction, requests, known, condemned, wanted=wanted)

    while True:
        try:
            return await retaken(attempt)
        except Unstorable:
            if len(known) == len(keys) or not await _stored_since(begin, keys, known):
                raise


async def _stored_since(begin: Begin, keys: Sequence[str], known: Mapping[str, Remembered]) -> bool:
    """Whether another request stored its answer under one of these keys since: what derives from the key is there."""
    async with begin() as transaction:
        return len(await transaction.recall(keys)) > len(known)


async def _carry_out(
    codec: Codec,
    transaction: Transaction,
    requests: Sequence[Request],
    known: Mapping[str, Remembered],
    condemned: Condemned,
    *,
    wanted: set[Ref],
) -> Carried:
    """Decide what is new of the requests, save it with its answers; `known` are those stored before."""
    first = {request.key: request for request in reversed(requests) if request.key not in known}
    new = [request for request in requests if not request.key or first.get(request.key) is request]
    asked = [message for request in new for message in request.messages]
    messages = [message for message in asked if message.id not in condemned]
    decided = await deciding.decide(codec, transaction, messages, wanted)
    await deciding.save(transaction, decided)
    await deciding.publish(codec, transaction, decided.outgoing)
    decided.failures += [Failure(each, condemned[each.id]) for each in asked if each.id in condemned]
    answers = iter(decided.answers)
    replies: dict[int, tuple[int, bytes]] = {}
    answered = dict(known)
    fresh: dict[str, Remembered] = {}
    for request in new:
        own = [
            next(answers) if (error := condemned.get(message.id)) is None else refused_for(error)
            for message in request.messages
        ]
        status, body = replies[id(request)] = request.render(own)
        if request.key:
            answered[request.key] = Remembered(request.body_hash, status, body)
            if any(not isinstance(answer, Refusal) for answer in own):
                fresh[request.key] = answered[request.key]
    if fresh:
        await transaction.remember(fresh)
    told = [replies.get(id(request)) or _again(request, answered[request.key]) for request in requests]
    return Carried(told, decided.failures, decided.follow_ups, decided.created)


def _again(request: Request, known: Remembered) -> tuple[int, bytes]:
    """The answer to a request whose key was used before."""
    if known.body_hash != request.body_hash:
        return request.render([KEY_REUSED])
    return known.status, known.answer


# --- one request whose transaction fails -----------------------------------------------------------------------------

MOST_CONDEMNED = 50
"""Commands of one request that are looked for; where more fail, the request fails as a whole."""


class _Undone(Exception):
    """Rolls back a trial that went well."""


async def apply_narrowed(codec: Codec, begin: Begin, request: Request) -> Carried | None:
    """Carry out a request that failed, without the commands that make it fail: these are refused, the others are not.

    Each half is tried and rolled back, then the halves of what fails: the request stays one transaction and its key
    one answer. None: no command of it fails by itself, or too many do.

    Raises:
        Transient: nothing was written; try again.
    """
    condemned: dict[UUID, Exception] = {}
    parts = _halves(request.messages)
    while parts:
        part = parts.pop()
        error = await _trial(codec, begin, request, part)
        if error is not None and len(part) > 1:
            parts += _halves(part)
        elif error is not None:
            condemned[part[0].id] = error
        if len(condemned) > MOST_CONDEMNED:
            return None
    return await apply_requests(codec, begin, [request], condemned) if condemned else None


def _halves(messages: Sequence[Message[Any]]) -> list[Sequence[Message[Any]]]:
    middle = len(messages) // 2
    return [messages[middle:], messages[:middle]] if middle else []


async def _trial(codec: Codec, begin: Begin, request: Request, part: Sequence[Message[Any]]) -> Exception | None:
    """Why some commands of a request cannot be carried out, tried without the others; None: they can."""
    tried = {message.id for message in part}
    others = {message.id: _Undone() for message in request.messages if message.id not in tried}

    async def attempt(wanted: set[Ref]) -> None:
        async with begin() as transaction:
            await _carry_out(codec, transaction, [request], {}, others, wanted=wanted)
            raise _Undone

    found: Exception | None = None
    try:
        await retaken(attempt)
    except NOBODYS_FAULT:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it is this part's
        found = None if isinstance(error, _Undone) else error
    return found
