"""A round of offers: who is asked, until when, and what to say when nobody is left."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from common.declare.decision import Cancel, Decision, Schedule
from common.declare.event import Event
from common.declare.message import Message
from common.declare.pool import Draw, Pools
from france.days import paris_day
from matching.basis import DIRECTORY, Basis, drawn, loads_of, moved_loads
from matching.criteria.profile import Profile
from matching.events import ConnectorMatched, NeedUnserved, Proposal
from matching.explain.refusals import unserved_causes
from matching.explain.wording import Wording
from matching.needs.inputs import OffersExpired
from matching.needs.matches import with_need
from matching.needs.model import CompanyNeeds, LoadsMoved, Match, Need, NeedStatus
from matching.search.loads import Loads
from matching.search.searcher import Pick, Query

_NOBODY: Final = frozenset[str]()


class Round(msgspec.Struct, frozen=True, gc=False):
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


def next_round(need: Need, basis: Basis, loads: Loads, profile: Profile, message: Message[object]) -> Round:
    """Ask the best connecteurs not asked yet; without any, or after the last round, the need is unserved."""
    siren, now, ruleset = message.key, message.time, basis.ruleset
    if need.round >= ruleset.round.rounds:
        return _unserved(need, siren, profile, tuple([f"sans_reponse:{subject}" for subject in need.subjects]))
    query = query_of(need, profile)
    picks = basis.searcher.best(query, loads)
    if not picks:
        return _unserved(need, siren, profile, unserved_causes(basis.directory, query, loads))
    number = need.round + 1
    end = basis.calendar.end_of_nth(profile.today, ruleset.round.working_days, profile.company.departement)
    proposals = _proposals(picks, need.need_id, number, query, basis.wording)
    matches = [
        Match(p.match_id, p.connector_id, p.institution_id, p.rank, p.score, number, "propose", now) for p in proposals
    ]
    return Round(
        _need_of(need, "propose", number, end, (*need.matches, *matches)),
        ConnectorMatched(
            siren=siren,
            need_id=need.need_id,
            subject=need.subjects[0],
            round=number,
            expires_at=end,
            proposals=proposals,
            region=profile.company.region,
            ruleset_version=ruleset.ruleset_version,
        ),
        (LoadsMoved(tuple([match.connector_id for match in matches]), 1),),
        (Schedule(offers_timer(need), end, OffersExpired(need.need_id, number)),),
    )


def go_on(done: Decision[CompanyNeeds], need: Need, pools: Pools, message: Message[object]) -> Decision[CompanyNeeds]:
    """What is `done` already, its loads moved, then the need offered again to other institutions."""
    state, basis = done.state, pools.view(DIRECTORY)
    if state.company is None:
        raise TypeError(f"need {need.need_id} has no company")
    profile = basis.profiler.profile(state.company, paris_day(message.time))
    loads = _after(loads_of(pools, basis), basis, done.rows)
    again = next_round(need, basis, loads, profile, message)
    return Decision(
        with_need(state, again.need),
        (*done.events, again.event),
        drawn(_after(loads, basis, again.rows)),
        (*done.rows, *again.rows),
        again.deadlines or (Cancel(offers_timer(need)),),
        answer=done.answer,
    )


def draws_of(loads: Loads, basis: Basis, rows: Sequence[object]) -> tuple[Draw, ...]:
    """The loads as these rows leave them; nothing without rows."""
    return drawn(_after(loads, basis, rows)) if rows else ()


def _after(loads: Loads, basis: Basis, rows: Iterable[object]) -> Loads:
    for row in rows:
        if isinstance(row, LoadsMoved):
            loads = moved_loads(loads, basis, row.connector_ids, row.by)
    return loads


def offers_timer(need: Need) -> str:
    """Name of the deadline of a need's offers."""
    return f"offers:{need.need_id}"


def _unserved(need: Need, siren: str, profile: Profile, causes: tuple[str, ...]) -> Round:
    event = NeedUnserved(
        siren=siren,
        need_id=need.need_id,
        rounds=need.round,
        missing_coverage=causes,
        region=profile.company.region,
    )
    return Round(_need_of(need, "sans_reponse", need.round, None, need.matches), event)


def _need_of(need: Need, status: NeedStatus, number: int, end: datetime | None, matches: tuple[Match, ...]) -> Need:
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


def match_id(need_id: str, number: int, rank: int, salt: int) -> str:
    """The id of an offer: the need's UUID, its last digits moved by the connecteur's salt, the round and the rank.

    So an offer that is decided again otherwise, as after a loss, has another id: it is never taken for the first one.
    """
    return f"{need_id[:-12]}{int(need_id[-12:], 16) ^ salt << 16 ^ number << 8 ^ rank:012x}"


def _proposals(
    picks: Sequence[Pick], need_id: str, number: int, query: Query, wording: Wording
) -> tuple[Proposal, ...]:
    found: list[Proposal] = []
    for rank, pick in enumerate(picks, 1):
        connector = pick.candidate.connector
        found.append(
            Proposal(
                match_id(need_id, number, rank, pick.candidate.salt),
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
