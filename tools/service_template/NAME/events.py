"""What this service publishes; `make contracts` writes the schemas."""

from typing import Annotated

from pydantic import Field

from common.declare.event import Event


class CLASSNoted(Event, frozen=True, kw_only=True):
    """A company noted what it wants."""

    siren: Annotated[str, Field(pattern="^[0-9]{9}$")]
    wish: Annotated[str, Field(min_length=1, max_length=200)]
    region: str
