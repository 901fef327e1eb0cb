"""Commands over HTTP, carried out in the same unit of work as events, each request once under its idempotency key."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from common.core import deciding
from common.core.codec import Codec
from common.core.deciding import Decided, Failure, retaken
from common.core.unit_of_work import Begin, Remembered
from common.declare.decision import Refusal
from common.declare.errors import Unstorable
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

    A value the database refuses is narrowed down to its command, which is refused; the others are carried out.

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
    except Unstorable as error:
        if len(messages) == 1:
            return Decided({}, answers=[VALUE_REFUSED], failures=[Failure(messages[0], error)])
    middle = len(messages) // 2
    decided = await apply_commands(codec, begin, messages[:middle])
    rest = await apply_commands(codec, begin, messages[middle:])
    decided.answers += rest.answers
    decided.failures += rest.failures
    decided.follow_ups += rest.follow_ups
    return decided


class Request(NamedTuple):
    """What one caller asks for: commands that are carried out together.

    Attributes:
        messages: the commands.
        render: turns their answers, in order, into status and body.
        key: idempotency key, or "".
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
    """

    replies: list[tuple[int, bytes]]
    failures: Sequence[Failure]
    follow_ups: int


async def apply_requests(codec: Codec, begin: Begin, requests: Sequence[Request]) -> Carried:
    """Carry out requests in one transaction.

    The same key and body get the stored answer again and change nothing. What wrote nothing is not stored, so that a
    refused request can be sent again once its cause is gone.

    Raises:
        Transient: nothing was written; try again.
        Unstorable: nothing was written: the database refuses a value of one of them.
    """

    async def attempt(wanted: set[Ref]) -> Carried:
        async with begin() as transaction:
            keys = sorted({request.key for request in requests} - {""})
            known = await transaction.recall(keys) if keys else {}
            first = {request.key: request for request in reversed(requests) if request.key not in known}
            new = [request for request in requests if not request.key or first.get(request.key) is request]
            messages = [message for request in new for message in request.messages]
            decided = await deciding.decide(codec, transaction, messages, wanted)
            await deciding.save(transaction, decided)
            await deciding.publish(codec, transaction, decided.outgoing)
            answers = iter(decided.answers)
            replies: dict[int, tuple[int, bytes]] = {}
            fresh: dict[str, Remembered] = {}
            for request in new:
                own = list(islice(answers, len(request.messages)))
                status, body = replies[id(request)] = request.render(own)
                if request.key:
                    known[request.key] = Remembered(request.body_hash, status, body)
                    if any(not isinstance(answer, Refusal) for answer in own):
                        fresh[request.key] = known[request.key]
            if fresh:
                await transaction.remember(fresh)
            told = [replies.get(id(request)) or _again(request, known[request.key]) for request in requests]
            return Carried(told, decided.failures, decided.follow_ups)

    return await retaken(attempt)


def _again(request: Request, known: Remembered) -> tuple[int, bytes]:
    """The answer to a request whose key was used before."""
    if known.body_hash != request.body_hash:
        return request.render([KEY_REUSED])
    return known.status, known.answer
