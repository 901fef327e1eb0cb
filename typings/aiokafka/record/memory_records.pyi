from collections.abc import Iterable

class Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

class MemoryRecords:
    def __init__(self, bytes_data: bytes) -> None: ...
    def next_batch(self) -> Iterable[Record] | None: ...
