"""The one rule of a line: the same record again changes nothing."""

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from matching.directory.inputs import PutConnector
from matching.directory.model import ConnectorAnswer, Line


def nobody(_: str) -> Line:
    """A connecteur that nobody put yet."""
    return Line()


def put(state: Line, _: Pools, message: Message[PutConnector]) -> Decision[Line]:
    """Write the line as it is put; what follows in the same batch is decided against it, later batches search it."""
    connector = message.input.connector
    changed = state.connector != connector
    answer = ConnectorAnswer(connector.id, connector.status, changed)
    return Decision(Line(connector) if changed else state, answer=answer)
