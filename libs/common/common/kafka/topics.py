"""Which topics a cluster has, and which log each of them is: its id, that a topic made anew does not share.

aiokafka speaks no version of Kafka's Metadata request that carries ids (10 and later); this is version 12, as
https://kafka.apache.org/protocol#The_Messages_Metadata gives it, on aiokafka's own connections.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, Final, NamedTuple
from uuid import UUID

from aiokafka.errors import KafkaError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

UNKNOWN_TOPIC: Final = 3


class Topic(NamedTuple):
    """A topic as the cluster knows it.

    Attributes:
        id: of its log; another one after it was deleted and made anew.
        partitions: how many.
    """

    id: UUID
    partitions: int


class _Uuid(AbstractType[UUID]):
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_NAME: Final = CompactString("utf-8")


class _MetadataResponse(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _NAME), ("port", Int32), ("rack", _NAME), ("tags", TaggedFields)),
        ),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _NAME),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _NAME), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):
    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestV12]) -> _MetadataRequestV12:
        topics: list[tuple[UUID, str, dict[int, bytes]]] = [(UUID(int=0), name, {}) for name in self._names]
        return request_struct_class(topics, False, False, {})


async def topics_of(client: Any, names: Iterable[str]) -> dict[str, Topic]:
    """Those of the topics that exist.

    Args:
        client: an aiokafka consumer or admin client that is started.
        names: of topics; none is made by asking.

    Raises:
        KafkaError: the cluster cannot say.
    """
    connection = client._client  # noqa: SLF001  aiokafka's own way to a broker, which it gives its clients alone
    response = await connection.send(connection.get_random_node(), _MetadataRequest(sorted(set(names))))
    found: dict[str, Topic] = {}
    for topic in response.to_object()["topics"]:
        if topic["error_code"] == 0:
            found[topic["name"]] = Topic(topic["topic_id"], len(topic["partitions"]))
        elif topic["error_code"] != UNKNOWN_TOPIC:
            raise KafkaError(f"{topic['name']}: error {topic['error_code']}")
    return found
