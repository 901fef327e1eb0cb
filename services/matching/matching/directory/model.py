"""A line of the directory."""

import msgspec

from matching.search.connector import Connector, ConnectorStatus


class Line(msgspec.Struct, frozen=True, gc=False):
    """State of one connecteur: its record as last put, None before the first."""

    connector: Connector | None = None


class ConnectorAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to a directory update; `changed` is false when the record was already so."""

    id: str
    state: ConnectorStatus
    changed: bool
