"""What matching reads: diagnoses, commands of the directory and of connecteurs, its own deadlines."""

from dataclasses import dataclass

from matching.model import Company, Connector, DeclineReason

# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of the plan: the subject a connecteur must cover, the spend it may lead to."""

    subject: str
    spend_categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiagnosticCompleted:
    """A company finished a diagnosis; its plan of measures, first one first, says what it needs."""

    siren: str
    diagnostic_id: str
    band: str
    gaps: tuple[str, ...]
    measures: tuple[Measure, ...]
    company: Company


# --- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PutConnector:
    """Create or replace a line of the directory."""

    connector: Connector


@dataclass(frozen=True, slots=True)
class AcceptMatch:
    """A connecteur takes the need it was offered."""

    match_id: str


@dataclass(frozen=True, slots=True)
class DeclineMatch:
    """A connecteur refuses an offer."""

    match_id: str
    reason: DeclineReason


# --- deadlines -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OffersExpired:
    """The offers of a round are no longer open."""

    need_id: str
    round: int


@dataclass(frozen=True, slots=True)
class CapacityFreed:
    """An accepted match no longer counts in its connecteur's load."""

    match_id: str
    connector_id: str
