"""Fields of bodies whose JSON has one form: days and instants are texts, in ASCII digits, within bounds.

The validator alone takes numbers and numerals for seconds since 1970, and any year. All of this runs inside it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}"


@dataclass(frozen=True, slots=True)
class DayText:
    """A day written AAAA-MM-JJ, from `first` to `last`."""

    first: date
    last: date

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A text of this form, a day, within bounds."""
        form = core_schema.chain_schema([core_schema.str_schema(pattern=_DAY), core_schema.date_schema()])
        bounds = core_schema.date_schema(ge=self.first, le=self.last)
        return core_schema.chain_schema([core_schema.custom_error_schema(form, "date_type"), bounds])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As partners read it."""
        bounds = f"de {self.first.isoformat()} à {self.last.isoformat()}"
        return {"type": "string", "format": "date", "description": f"AAAA-MM-JJ, {bounds}", "examples": ["2026-11-23"]}


class _InstantText:
    """An instant written as RFC 3339 says, with its offset."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A text of this form, then an instant."""
        text = core_schema.custom_error_schema(core_schema.str_schema(pattern=_INSTANT), "datetime_type")
        return core_schema.chain_schema([text, handler(source)])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As partners read it."""
        return {"type": "string", "format": "date-time", "examples": ["2026-11-23T09:00:00Z"]}


LONG_AGO: Final = date(1600, 1, 1)
"""Older than any company of the register."""

Day = Annotated[date, DayText(date(2000, 1, 1), date(2099, 12, 31))]
"""A day of what goes on in our time: an absence, an order, a signature."""

AnyDay = Annotated[date, DayText(date.min, date.max)]
"""A day whose bounds its rule knows and tells."""

BirthDay = Annotated[date, DayText(LONG_AGO, date(2099, 12, 31))]
"""The day a company was created."""

Instant = Annotated[AwareDatetime, _InstantText()]
"""An instant with its offset from UTC."""
