"""From a diagnosis to a need: subjects, priority, whether it is a paid mission, whether it joins an open need."""

from datetime import datetime, timedelta

from matching.inputs import DiagnosticCompleted
from matching.model import CompanyNeeds, Need, Priority
from matching.rules.figures import NeedFigures


def subjects_of(event: DiagnosticCompleted, figures: NeedFigures) -> tuple[str, ...]:
    """Subjects to be helped with: those of the plan in its order, first one main; without a plan, those of the gaps."""
    planned = [measure.subject for measure in event.measures if measure.subject]
    found = planned or [figures.gap_subjects[gap] for gap in event.gaps if gap in figures.gap_subjects]
    return tuple(dict.fromkeys(found))[: figures.max_subjects]


def is_paid(event: DiagnosticCompleted, figures: NeedFigures) -> bool:
    """Whether the need is a paid mission: a mature company whose first measure leads to spending."""
    return event.band in figures.paid_bands and bool(event.measures) and bool(event.measures[0].spend_categories)


def priority_of(event: DiagnosticCompleted, subjects: tuple[str, ...], figures: NeedFigures) -> Priority:
    """High for beginners and for urgent subjects."""
    urgent = event.band in figures.urgent_bands or subjects[0] in figures.urgent_subjects
    return "haute" if urgent else "normale"


def joinable(state: CompanyNeeds, subject: str, now: datetime, days: int) -> Need | None:
    """The open need that a new request on `subject` joins: opened at most `days` ago on the same subject."""
    if not state.needs:
        return None
    oldest = now - timedelta(days=days)
    for need in reversed(state.needs):
        if need.status != "sans_reponse" and need.opened_at >= oldest and subject in need.subjects:
            return need
    return None
