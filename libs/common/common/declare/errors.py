"""The exception tree of the core.

CroissanceError
├── Poison      this record can never be applied: dead letter, its key is parked
├── Unstorable  the database refuses what a batch wrote: find the record, dead letter
├── Transient   try the same batch again after a pause (database or broker away)
│   └── Conflict    somebody else changed a row of this batch first: again at once
└── Misconfigured   the process cannot start: say all that is wrong and stop
"""


class CroissanceError(Exception):
    """Root of every error the core raises on purpose."""


class Poison(CroissanceError):
    """A record that cannot be decoded or breaks its schema. The text is the reason kept with the dead letter."""


class Unstorable(CroissanceError):
    """The database refuses the values of this batch for good (a constraint, a value out of range)."""


class Transient(CroissanceError):
    """Nothing is wrong with the input: roll back, pause, take the same batch again."""


class Conflict(Transient):
    """Another transaction changed what this one had read: take the batch again at once."""


class Misconfigured(CroissanceError):
    """Settings or environment make a start impossible; the text lists every fault."""


NOBODYS_FAULT = (Transient, Misconfigured)
"""What no single record or command brings about: nothing is to be narrowed down to one."""
