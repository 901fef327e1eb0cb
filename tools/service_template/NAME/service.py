"""The service as data: start reading here."""

from typing import Final

from common.declare.service import Service
from NAME.AGGREGATE.table import TABLE
from NAME.events import CLASSNoted

SERVICE: Final = Service(
    name="NAME",
    title="TITLE",
    aggregates=(TABLE,),
    publishes=(CLASSNoted,),
)
