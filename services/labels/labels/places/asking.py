"""What files and cohorts ask of each other."""

from datetime import datetime

from common.declare.decision import Follow
from common.declare.inputs import FollowUp
from labels.places.calendar import programme_year
from labels.places.waiting import next_opening
from labels.ruleset import ruleset_at


class OfferPlace(FollowUp, frozen=True):
    """A place is free: take it if it is still this company's turn. Key: its SIREN."""


class AwaitOpening(FollowUp, frozen=True):
    """Files wait: serve them when places open by themselves, at `at` (UTC). Key: the year in which that is."""

    at: datetime


def await_opening(instant: datetime) -> Follow:
    """Ask the cohort in which places next open after `instant` to serve the list then."""
    opening = next_opening(instant, ruleset_at(instant).programme.reserve)
    return Follow(str(programme_year(opening)), AwaitOpening(opening))
