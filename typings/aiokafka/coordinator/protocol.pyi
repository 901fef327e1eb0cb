from collections.abc import Sequence

class ConsumerProtocolMemberAssignment:
    assignment: Sequence[tuple[str, list[int]]]
    @classmethod
    def decode(cls, data: bytes) -> ConsumerProtocolMemberAssignment: ...

class ConsumerProtocol:
    ASSIGNMENT: type[ConsumerProtocolMemberAssignment]
