"""A batch door for tests: each item counts a token."""

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.bodies import parse_batch
from common.testing.chain import Count


class Body(BaseModel):
    """An item as it is sent."""

    model_config = ConfigDict(extra="forbid")

    token: str
    answers: dict[str, Any] = {}


def to_ask(body: Body) -> Ask:
    """What an item asks for."""
    return Ask(Count(body.token), body.token)


def parsed(*items: str) -> list[Ask | Refusal]:
    """What becomes of items in one batch; a surrogate stands for a byte that is no UTF-8."""
    return asyncio.run(parse_batch(f"[{','.join(items)}]".encode("utf-8", "surrogateescape"), Body, to_ask))
