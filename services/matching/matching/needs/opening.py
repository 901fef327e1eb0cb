"""A diagnosis opens a need, offers it and recommends aids; or joins the need that is open on the same subject."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from common.declare.copies import supersedes
from common.declare.decision import Decision
from common.declare.event import Event, derive_bytes, id_text
from common.declare.message import Message
from common.declare.pool import Pools
from france.days import paris_day
from matching.basis import DIRECTORY, loads_of
from matching.events import AidsRecommended, NeedOpened, Priority, Programme
from matching.needs.inputs import DiagnosticCompleted
from matching.needs.matches import region_of, with_need
from matching.needs.model import CompanyNeeds, Need
from matching.needs.rounds import draws_of, next_round
from matching.ruleset import Opening

NEED_ID: Final = 1000
"""Index under which the id of a need derives from the message that opened it, clear of the ids of events."""


def diagnosed(state: CompanyNeeds, pools: Pools, message: Message[DiagnosticCompleted]) -> Decision[CompanyNeeds]:
    """Open a need, or join the open one."""
    basis, event = pools.view(DIRECTORY), message.input
    ruleset = basis.ruleset
    subjects = subjects_of(event, ruleset.need)
    if not subjects:
        return Decision(state)
    state = _described(state, event)
    company = state.company or event.company
    profile = basis.profiler.profile(company, paris_day(message.time))
    programmes = basis.catalogue.recommend(profile, subjects)
    known = joinable(state, subjects[0], message.time, ruleset.round.dedupe_days)
    if known is not None:
        return _joined(state, event, known, programmes)
    need = Need(
        need_id=id_text(derive_bytes(message.id, NEED_ID)).decode(),
        subjects=subjects,
        paid=is_paid(event, ruleset.need),
        priority=priority_of(event, subjects, ruleset.need),
        origin="diagnostic",
        opened_at=message.time,
        status="propose",
        round=0,
        expires_at=None,
        matches=(),
        diagnostics=(event.diagnostic_id,),
        aids=_fingerprint(programmes),
        ruleset_version=ruleset.ruleset_version,
    )
    region = company.region
    opened = NeedOpened(
        siren=state.siren,
        need_id=need.need_id,
        subjects=subjects,
        origin=need.origin,
        priority=need.priority,
        region=region,
        paid=need.paid,
        diagnostic_id=event.diagnostic_id,
        ruleset_version=need.ruleset_version,
    )
    loads = loads_of(pools, basis)
    first = next_round(need, basis, loads, profile, message)
    aids = _aids(state.siren, need.need_id, programmes, region)
    after = CompanyNeeds(state.siren, company, (*state.needs, first.need), state.company_version)
    draws = draws_of(loads, basis, first.rows)
    return Decision(after, (opened, first.event, *aids), draws, first.rows, first.deadlines)


def _joined(
    state: CompanyNeeds, event: DiagnosticCompleted, need: Need, programmes: tuple[Programme, ...]
) -> Decision[CompanyNeeds]:
    """Attach a new diagnosis to an open need; aids are recommended again only if they changed."""
    if event.diagnostic_id in need.diagnostics:
        return Decision(state)
    fingerprint = _fingerprint(programmes)
    aids = () if fingerprint == need.aids else _aids(state.siren, need.need_id, programmes, region_of(state))
    joined = replace(need, diagnostics=(*need.diagnostics, event.diagnostic_id), aids=fingerprint)
    return Decision(with_need(state, joined), aids)


def _described(state: CompanyNeeds, event: DiagnosticCompleted) -> CompanyNeeds:
    """The state with the newest description of the company."""
    known = None if state.company is None else state.company_version
    if not supersedes(event.company_version, known, same=event.company == state.company):
        return state
    return CompanyNeeds(state.siren, event.company, state.needs, event.company_version)


def _aids(siren: str, need_id: str, programmes: tuple[Programme, ...], region: str) -> tuple[Event, ...]:
    if not programmes:
        return ()
    return (AidsRecommended(siren=siren, need_id=need_id, programmes=programmes, region=region),)


def _fingerprint(programmes: Sequence[Programme]) -> tuple[str, ...]:
    return tuple([f"{programme.id}:{programme.verdict}" for programme in programmes])


# --- from a diagnosis to a need --------------------------------------------------------------------------------------


def subjects_of(event: DiagnosticCompleted, opening: Opening) -> tuple[str, ...]:
    """Subjects to be helped with: those of the plan in its order, first one main; without a plan, those of the gaps."""
    planned = [measure.subject for measure in event.measures if measure.subject]
    found = planned or [opening.gap_subjects[gap] for gap in event.gaps if gap in opening.gap_subjects]
    return tuple(dict.fromkeys(found))[: opening.max_subjects]


def is_paid(event: DiagnosticCompleted, opening: Opening) -> bool:
    """Whether the need is a paid mission: a mature company whose first measure leads to spending."""
    return event.band in opening.paid_bands and bool(event.measures) and bool(event.measures[0].spend_categories)


def priority_of(event: DiagnosticCompleted, subjects: tuple[str, ...], opening: Opening) -> Priority:
    """High for beginners and for urgent subjects."""
    urgent = event.band in opening.urgent_bands or subjects[0] in opening.urgent_subjects
    return "haute" if urgent else "normale"


def joinable(state: CompanyNeeds, subject: str, now: datetime, days: int) -> Need | None:
    """The open need that a new request on `subject` joins: opened at most `days` ago on the same subject."""
    oldest = now - timedelta(days=days)
    for need in reversed(state.needs):
        if need.status != "sans_reponse" and need.opened_at >= oldest and subject in need.subjects:
            return need
    return None
