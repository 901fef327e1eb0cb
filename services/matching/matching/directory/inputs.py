"""What a line of the directory decides on."""

from common.declare.inputs import Command
from matching.search.connector import Connector


class PutConnector(Command, frozen=True):
    """Create or replace a line of the directory."""

    connector: Connector
