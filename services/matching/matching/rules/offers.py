"""A round of offers: who is asked, until when, and what to say when nobody is left."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from common.decision import Schedule
from common.event import Event
from common.message import Message
from matching.events import ConnectorMatched, NeedUnserved, Proposal
from matching.inputs import OffersExpired
from matching.model import LoadsMoved, Match, Need, NeedStatus
from matching.rules.explain import Wording, unserved_causes
from matching.rules.profile import Profile
from matching.rules.search import Pick, Query
from matching.rules.shared import Shared

NEED_ID: Final = 1000
"""Index under which the id of a need derives from the message that opened it, clear of the ids of events."""

_NOBODY: Final = frozenset[str]()


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A round of offers, or the statement that nobody is left to ask.

    Attributes:
        need: the need after it.
        event: `ConnectorMatched` or `NeedUnserved`.
        rows: loads to move.
        deadlines: the end of the offers.
    """

    need: Need
    event: Event
    rows: tuple[LoadsMoved, ...] = ()
    deadlines: tuple[Schedule, ...] = ()


def query_of(need: Need, profile: Profile) -> Query:
    """What is searched for a need: institutions asked already are left out."""
    asked = frozenset([match.institution_id for match in need.matches]) if need.matches else _NOBODY
    return Query(profile, need.subjects, need.paid, asked, int(need.need_id[-8:], 16))


def offer_round(need: Need, shared: Shared, profile: Profile, message: Message[object]) -> Offer:
    """Ask the best connecteurs not asked yet; without any, or after the last round, the need is unserved."""
    basis, siren, now = shared.basis, message.key, message.time
    figures = basis.figures
    if need.round >= figures.offer.rounds:
        return _unserved(need, siren, profile, tuple([f"sans_reponse:{subject}" for subject in need.subjects]))
    query = query_of(need, profile)
    picks = basis.searcher.best(query, shared.loads)
    if not picks:
        return _unserved(need, siren, profile, unserved_causes(basis.directory, query, shared.loads))
    number = need.round + 1
    end = basis.calendar.end_of_nth(profile.today, figures.offer.working_days, profile.company.departement)
    proposals = _proposals(picks, need.need_id, number, query, basis.wording)
    matches = [
        Match(p.match_id, p.connector_id, p.institution_id, p.rank, p.score, number, "propose", now) for p in proposals
    ]
    return Offer(
        _moved(need, "propose", number, end, (*need.matches, *matches)),
        ConnectorMatched(
            siren,
            need.need_id,
            need.subjects[0],
            number,
            end,
            proposals,
            profile.company.region,
            figures.ruleset_version,
        ),
        (LoadsMoved(tuple([match.connector_id for match in matches]), 1),),
        (Schedule(offers_timer(need), end, OffersExpired(need.need_id, number)),),
    )


def offers_timer(need: Need) -> str:
    """Name of the deadline of a need's offers."""
    return f"offers:{need.need_id}"


def _unserved(need: Need, siren: str, profile: Profile, causes: tuple[str, ...]) -> Offer:
    event = NeedUnserved(siren, need.need_id, need.round, causes, profile.company.region)
    return Offer(_moved(need, "sans_reponse", need.round, None, need.matches), event)


def _moved(need: Need, status: NeedStatus, number: int, end: datetime | None, matches: tuple[Match, ...]) -> Need:
    """The need in another state."""
    return Need(
        need.need_id,
        need.subjects,
        need.paid,
        need.priority,
        need.origin,
        need.opened_at,
        status,
        number,
        end,
        matches,
        need.diagnostics,
        need.aids,
        need.ruleset_version,
    )


def match_ids(need_id: str, number: int, count: int) -> list[str]:
    """Ids of the offers of round `number`, by rank: the need's UUID with its last four digits moved."""
    start, last = need_id[:-4], int(need_id[-4:], 16) ^ number << 8
    return [f"{start}{last ^ rank:04x}" for rank in range(1, count + 1)]


def _proposals(
    picks: Sequence[Pick], need_id: str, number: int, query: Query, wording: Wording
) -> tuple[Proposal, ...]:
    found: list[Proposal] = []
    for rank, (match_id, pick) in enumerate(zip(match_ids(need_id, number, len(picks)), picks, strict=True), 1):
        connector = pick.candidate.connector
        found.append(
            Proposal(
                match_id,
                connector.id,
                connector.name,
                connector.institution,
                connector.type,
                connector.tier,
                rank,
                pick.score / 100,
                wording.reasons(pick, query),
                wording.missing(pick),
                connector.institution_id,
            )
        )
    return tuple(found)
