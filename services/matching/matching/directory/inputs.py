"""What a line of the directory decides on."""

from common.declare.inputs import Command, FollowUp
from matching.search.connector import Connector


class PutConnector(Command, frozen=True):
    """Create or replace a line of the directory."""

    connector: Connector


class ReleaseOffers(FollowUp, frozen=True):
    """A connecteur takes no matches any more: its open offers go to the next. Key: its id."""
