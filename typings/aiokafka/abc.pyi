from typing import Any

from aiokafka import TopicPartition

class ConsumerRebalanceListener:
    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None: ...
    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None: ...

class AbstractTokenProvider:
    async def token(self) -> Any: ...
