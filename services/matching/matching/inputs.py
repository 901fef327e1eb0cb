"""What matching reads: diagnoses, commands of the directory and of connecteurs, its own deadlines."""

import msgspec

from matching.model import Company, Connector, DeclineReason

# --- events ----------------------------------------------------------------------------------------------------------


class Measure(msgspec.Struct, frozen=True, gc=False):
    """One measure of the plan: the subject a connecteur must cover, the spend it may lead to."""

    subject: str
    spend_categories: tuple[str, ...]


class DiagnosticCompleted(msgspec.Struct, frozen=True, gc=False):
    """A company finished a diagnosis; its plan of measures, first one first, says what it needs."""

    siren: str
    diagnostic_id: str
    band: str
    gaps: tuple[str, ...]
    measures: tuple[Measure, ...]
    company: Company


# --- commands --------------------------------------------------------------------------------------------------------


class PutConnector(msgspec.Struct, frozen=True, gc=False):
    """Create or replace a line of the directory."""

    connector: Connector


class AcceptMatch(msgspec.Struct, frozen=True, gc=False):
    """A connecteur takes the need it was offered."""

    match_id: str


class DeclineMatch(msgspec.Struct, frozen=True, gc=False):
    """A connecteur refuses an offer."""

    match_id: str
    reason: DeclineReason


# --- deadlines -------------------------------------------------------------------------------------------------------


class OffersExpired(msgspec.Struct, frozen=True, gc=False):
    """The offers of a round are no longer open."""

    need_id: str
    round: int


class CapacityFreed(msgspec.Struct, frozen=True, gc=False):
    """An accepted match no longer counts in its connecteur's load."""

    match_id: str
    connector_id: str
