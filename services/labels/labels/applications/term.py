"""The end of a label."""

from msgspec.structs import replace

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from labels.applications.inputs import LabelTermReached
from labels.applications.model import LabelFile
from labels.events import LabelExpired


def term_reached(file: LabelFile, _: Pools, message: Message[LabelTermReached]) -> Decision[LabelFile]:
    """End a label whose term has come, unless it is another one by now."""
    label = file.label
    if label is None or label.label_id != message.input.label_id or label.status != "actif":
        return Decision(file)
    event = LabelExpired(siren=file.siren, label_id=label.label_id, expired_at=label.expires_at, region=file.region)
    return Decision(replace(file, label=replace(label, status="expire")), events=(event,))
