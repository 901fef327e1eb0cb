"""Small steps on the needs of a company and their offers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from matching.events import DeclineReason
from matching.needs.model import CompanyNeeds, LoadsMoved, Match, Need


def find_match(state: CompanyNeeds, match_id: str) -> tuple[Need, Match] | None:
    """An offer with its need."""
    for need in reversed(state.needs):
        for match in need.matches:
            if match.match_id == match_id:
                return need, match
    return None


def open_matches(need: Need) -> list[Match]:
    """The offers that nobody answered yet."""
    return [match for match in need.matches if match.status == "propose"]


def closed(
    need: Need,
    matches: Sequence[Match],
    status: Literal["accepte", "refuse", "expire", "libere", "retire"],
    now: datetime,
    reason: DeclineReason | None = None,
) -> Need:
    """The need with these offers answered."""
    ids = {match.match_id for match in matches}
    after = tuple(
        replace(match, status=status, answered_at=now, reason=reason) if match.match_id in ids else match
        for match in need.matches
    )
    return replace(need, matches=after)


def with_need(state: CompanyNeeds, need: Need) -> CompanyNeeds:
    """The state with a need in place of what it was."""
    needs = tuple(need if known.need_id == need.need_id else known for known in state.needs)
    return replace(state, needs=needs)


def released(matches: Sequence[Match]) -> tuple[LoadsMoved, ...]:
    """The loads that fall with these offers."""
    return (LoadsMoved(tuple(match.connector_id for match in matches), -1),) if matches else ()


def delay_of(match: Match, now: datetime) -> float:
    """Hours between an offer and its answer."""
    return round(max(0.0, (now - match.proposed_at).total_seconds()) / 3600, 2)


def region_of(state: CompanyNeeds) -> str:
    """The region of a company, or ""."""
    return "" if state.company is None else state.company.region
