"""What readers get: needs, explanations, directory lines and aids, with French labels beside every code."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict

from france.days import last_day
from matching import settings
from matching.aids.aid import Aid
from matching.aids.catalogue import Assessment
from matching.api.shapes import (
    AidView,
    ConnectorExplained,
    ConnectorView,
    CriterionView,
    Explanation,
    MatchView,
    NeedsView,
    NeedView,
    PickView,
    RecommendedAid,
)
from matching.basis import Basis, load_of
from matching.criteria import text
from matching.criteria.profile import Profile
from matching.criteria.verdict import NO
from matching.explain.refusals import Criterion, assess, why_not
from matching.explain.wording import Wording
from matching.needs.model import CompanyNeeds, Match, Need
from matching.needs.rounds import query_of
from matching.ruleset import Ruleset
from matching.search.connector import Connector
from matching.search.loads import Loads
from matching.search.searcher import Pick, Query
from matching.store.directory import Listed

NEED_STATUS: Final = {
    "propose": "Proposé à des connecteurs",
    "pris_en_charge": "Pris en charge",
    "sans_reponse": "Sans réponse : transmis au référent régional",
}
MATCH_STATUS: Final = {
    "propose": "En attente de réponse",
    "accepte": "Accepté",
    "refuse": "Refusé",
    "expire": "Expiré",
    "libere": "Libéré : un autre connecteur a accepté",
    "retire": "Retiré : le connecteur n'est plus actif",
}
VERDICTS: Final = {
    "eligible": "Vous semblez éligible",
    "partiel": "Éligible sous réserve de conditions à vérifier",
    "inconnu": "Non calculé : une donnée manque",
    "non_eligible": "Non éligible",
    "termine": "Terminé ou pas encore ouvert",
}


def _parts(record: Connector | Aid) -> dict[str, Any]:
    """What a record says, to be completed; `dataclasses.asdict` would copy what is inside."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def connector_view(listed: Listed, ruleset: Ruleset) -> ConnectorView:
    """A line of the directory with its labels and its free capacity."""
    connector = listed.connector
    return ConnectorView(
        **_parts(connector),
        type_label=ruleset.types.get(connector.type, connector.type),
        sujets_labels=[ruleset.subjects.get(subject, subject) for subject in connector.sujets],
        load=listed.load,
        free_capacity=max(0, connector.capacity_30d - listed.load),
    )


def needs_view(state: CompanyNeeds, connectors: Mapping[str, Connector]) -> NeedsView:
    """Every need of a company, latest first."""
    return {"siren": state.siren, "needs": [need_view(need, connectors) for need in reversed(state.needs)]}


def need_view(need: Need, connectors: Mapping[str, Connector]) -> NeedView:
    """One need with its offers and the aids recommended."""
    ruleset = settings.ruleset()
    return {
        "need_id": need.need_id,
        "subjects": [{"code": code, "label": ruleset.subjects.get(code, code)} for code in need.subjects],
        "status": need.status,
        "status_label": NEED_STATUS[need.status],
        "priority": need.priority,
        "paid": need.paid,
        "opened_at": need.opened_at,
        "round": need.round,
        "expires_at": need.expires_at,
        "reply_by": None if need.expires_at is None else last_day(need.expires_at),
        "ruleset_version": need.ruleset_version,
        "matches": [match_view(match, connectors.get(match.connector_id), ruleset) for match in need.matches],
        "aids": _recommended(need),
    }


def _recommended(need: Need) -> list[RecommendedAid]:
    aids = {aid.id: aid for aid in settings.catalogue().aids}
    found: list[RecommendedAid] = []
    for entry in need.aids:
        aid_id, _, verdict = entry.rpartition(":")
        aid = aids.get(aid_id)
        if aid is not None:
            known: Any = verdict
            found.append(
                {
                    "id": aid_id,
                    "name": aid.name,
                    "nature": aid.nature,
                    "nature_label": text.NATURES[aid.nature],
                    "verdict": known,
                    "verdict_label": VERDICTS[verdict],
                    "url": aid.url,
                }
            )
    return found


def match_view(match: Match, connector: Connector | None, ruleset: Ruleset) -> MatchView:
    """One offer with the public names of its connecteur."""
    known: dict[str, Any] = {}
    if connector is not None:
        known = {
            "name": connector.name,
            "institution": connector.institution,
            "type": connector.type,
            "type_label": ruleset.types.get(connector.type, connector.type),
        }
    return MatchView(**asdict(match), **known, status_label=MATCH_STATUS[match.status])


class Offered(NamedTuple):
    """A need as it would be offered now.

    Attributes:
        basis: what it is matched against.
        loads: of the connecteurs, with room for all of them.
        siren: of the company.
        need: the need.
        profile: the company today.
    """

    basis: Basis
    loads: Loads
    siren: str
    need: Need
    profile: Profile


def explain_view(offered: Offered, now: datetime) -> Explanation:
    """Who would be proposed now and why, and who is excluded and why, for one need."""
    basis, loads, siren, need, profile = offered
    query = query_of(need, profile)
    picks = basis.searcher.best(query, loads)
    counts = why_not(basis.directory, query, loads)
    return {
        "siren": siren,
        "need_id": need.need_id,
        "status": need.status,
        "evaluated_at": now,
        "ruleset_version": basis.ruleset.ruleset_version,
        "directory_size": len(basis.directory.connectors),
        "covering": counts.covering,
        "eligible": counts.eligible,
        "excluded": [
            {"code": code, "count": count, "sentence": text.CRITERIA[code, NO]}
            for code, count in counts.excluded.items()
        ],
        "next_candidates": [_pick_view(pick, rank, query, basis.wording) for rank, pick in enumerate(picks, 1)],
    }


def connector_explain_view(connector: Connector, offered: Offered) -> ConnectorExplained:
    """Every criterion of one connecteur for one need."""
    basis, loads, _, need, profile = offered
    load, territories = load_of(loads, basis, connector.id), basis.directory.territories
    verdicts = assess(connector, query_of(need, profile), load, basis.ruleset, territories)
    return {
        "connector_id": connector.id,
        "name": connector.name,
        "eligible": all(verdict.verdict != NO for verdict in verdicts),
        "criteria": [_criterion_view(verdict) for verdict in verdicts],
    }


def aid_view(assessment: Assessment) -> AidView:
    """One aid with the verdict on a company."""
    return AidView(
        **_parts(assessment.aid),
        nature_label=text.NATURES[assessment.aid.nature],
        verdict=assessment.verdict,
        verdict_label=VERDICTS[assessment.verdict],
        reasons=assessment.reasons,
        missing=assessment.missing,
    )


def _pick_view(pick: Pick, rank: int, query: Query, wording: Wording) -> PickView:
    connector = pick.candidate.connector
    return {
        "rank": rank,
        "connector_id": connector.id,
        "name": connector.name,
        "institution": connector.institution,
        "score": pick.score / 100,
        "reasons": wording.reasons(pick, query),
        "missing": wording.missing(pick),
    }


def _criterion_view(criterion: Criterion) -> CriterionView:
    return {"code": criterion.code, "verdict": criterion.verdict, "sentence": criterion.sentence}
