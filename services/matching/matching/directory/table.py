"""The table of the directory."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from matching.directory.inputs import PutConnector
from matching.directory.model import Line
from matching.directory.rules import nobody, put

LINES: Final[Aggregate[Line]] = Aggregate("directory", Line, nobody, (on(PutConnector, put),))
