"""What the needs of a company are decided on: its diagnoses, the answers of connecteurs, time."""

import msgspec

from common.declare.inputs import Command, Consumed, Deadline
from matching.criteria.company import Company
from matching.events import DeclineReason


class Measure(msgspec.Struct, frozen=True, gc=False):
    """One measure of the plan: the subject a connecteur must cover, the spend it may lead to."""

    subject: str
    spend_categories: tuple[str, ...]


class DiagnosticCompleted(Consumed, frozen=True):
    """A company finished a diagnosis; its plan of measures, first one first, says what it needs."""

    siren: str
    diagnostic_id: str
    band: str
    gaps: tuple[str, ...]
    measures: tuple[Measure, ...]
    company: Company
    company_version: int = 1


class AcceptMatch(Command, frozen=True):
    """A connecteur takes the need it was offered."""

    match_id: str


class DeclineMatch(Command, frozen=True):
    """A connecteur refuses an offer."""

    match_id: str
    reason: DeclineReason


class OffersExpired(Deadline, frozen=True):
    """The offers of a round are no longer open."""

    need_id: str
    round: int


class CapacityFreed(Deadline, frozen=True):
    """An accepted match no longer counts in its connecteur's load."""

    match_id: str
    connector_id: str
