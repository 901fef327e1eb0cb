"""Commands as the JSON that the HTTP doors take."""

from collections.abc import Sequence
from typing import Final

import msgspec

from companies.inputs import RegisterCompany

MAX_BATCH: Final = 1000
"""Most items of one `POST /v1/companies:batch`."""

_encode = msgspec.json.Encoder().encode


def to_body(command: RegisterCompany) -> bytes:
    """The body of `POST /v1/companies`."""
    return _encode(command)


def to_batch_body(commands: Sequence[RegisterCompany]) -> bytes:
    """The body of `POST /v1/companies:batch`, for at most `MAX_BATCH` commands."""
    return _encode(commands)
