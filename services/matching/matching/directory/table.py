"""The table of the directory."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from matching.directory.inputs import PutConnector, ReleaseOffers
from matching.directory.model import Line
from matching.directory.rules import its_holders, nobody, put, release

LINES: Final[Aggregate[Line]] = Aggregate(
    "directory", Line, nobody, (on(PutConnector, put), on(ReleaseOffers, release, pools=its_holders))
)
