"""A company and its needs."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from matching.criteria.company import Company
from matching.events import DeclineReason, Origin, Priority

MatchStatus: TypeAlias = Literal["propose", "accepte", "refuse", "expire", "libere", "retire"]
NeedStatus: TypeAlias = Literal["propose", "pris_en_charge", "sans_reponse"]


class Match(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One offer of a need to one connecteur.

    Attributes:
        match_id: UUID.
        connector_id: the connecteur.
        institution_id: its institution; one institution is asked once a need.
        rank: 1 to 3 inside its round.
        score: 0–100, two decimals.
        round: 1 to the number of rounds of the rule set.
        status: where the offer stands.
        proposed_at: aware UTC.
        answered_at: when it left `propose`, or None.
        reason: given with a refusal, or None.
    """

    match_id: str
    connector_id: str
    institution_id: str
    rank: int
    score: float
    round: int
    status: MatchStatus
    proposed_at: datetime
    answered_at: datetime | None = None
    reason: DeclineReason | None = None


class Need(msgspec.Struct, frozen=True, gc=False):
    """A need for help of one company.

    Attributes:
        need_id: UUID.
        subjects: main subject first.
        paid: a paid mission, so that only labelled professionals qualify.
        priority: "haute" or "normale".
        origin: what opened it ("diagnostic").
        opened_at: aware UTC.
        status: offered, taken in charge, or left without an answer.
        round: last round of offers, 0 before the first.
        expires_at: when the offers of this round expire, or None.
        matches: every offer made, oldest first.
        diagnostics: diagnoses that opened or joined it.
        aids: `id:verdict` of the aids last recommended.
        ruleset_version: ruleset the need was opened under.
    """

    need_id: str
    subjects: tuple[str, ...]
    paid: bool
    priority: Priority
    origin: Origin
    opened_at: datetime
    status: NeedStatus
    round: int
    expires_at: datetime | None
    matches: tuple[Match, ...]
    diagnostics: tuple[str, ...]
    aids: tuple[str, ...]
    ruleset_version: str


class CompanyNeeds(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """State of one SIREN: the company as last diagnosed, with the version of that snapshot; its needs, oldest first."""

    siren: str
    company: Company | None = None
    needs: tuple[Need, ...] = ()
    company_version: int = 1


class LoadsMoved(msgspec.Struct, frozen=True, gc=False):
    """Connecteurs whose load rises (`by` > 0, within capacity) or falls (`by` < 0)."""

    connector_ids: tuple[str, ...]
    by: int


class MatchAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to an acceptance or a refusal."""

    siren: str
    need_id: str
    match_id: str
    connector_id: str
    state: MatchStatus
