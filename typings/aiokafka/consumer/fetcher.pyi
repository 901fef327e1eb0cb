from collections.abc import Callable
from typing import Any

MemoryRecords: Callable[[bytes], Any]
