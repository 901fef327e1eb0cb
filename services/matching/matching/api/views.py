"""What readers get: needs, explanations, directory lines and aids, with French labels beside every code."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from matching.model import CompanyNeeds, Connector, Match, Need
from matching.rules import text
from matching.rules.aids import Assessment
from matching.rules.explain import Criterion, WhyNot, Wording, assess, why_not
from matching.rules.figures import Figures
from matching.rules.offers import query_of
from matching.rules.profile import Profile
from matching.rules.search import Pick, Query
from matching.rules.shared import Shared, load_of
from matching.rules.verdict import NO
from matching.store import Listed

View = dict[str, Any]

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
}
VERDICTS: Final = {
    "eligible": "Vous semblez éligible",
    "partiel": "Éligible sous réserve de conditions à vérifier",
    "inconnu": "Non calculé : une donnée manque",
    "non_eligible": "Non éligible",
    "termine": "Terminé ou pas encore ouvert",
}


def connector_view(listed: Listed, figures: Figures) -> View:
    """A line of the directory with its labels and its free capacity."""
    connector = listed.connector
    return {
        **msgspec.to_builtins(connector),
        "type_label": figures.types.get(connector.type, connector.type),
        "sujets_labels": [figures.subjects.get(subject, subject) for subject in connector.sujets],
        "load": listed.load,
        "free_capacity": max(0, connector.capacity_30d - listed.load),
    }


def needs_view(state: CompanyNeeds, connectors: Mapping[str, Connector], shared: Shared) -> View:
    """Every need of a company, latest first."""
    needs = [need_view(need, connectors, shared) for need in reversed(state.needs)]
    return {"siren": state.siren, "needs": needs}


def need_view(need: Need, connectors: Mapping[str, Connector], shared: Shared) -> View:
    """One need with its offers and the aids recommended."""
    figures = shared.basis.figures
    aids = {aid.id: aid for aid in shared.basis.catalogue.aids}
    recommended: list[View] = []
    for entry in need.aids:
        aid_id, _, verdict = entry.rpartition(":")
        aid = aids.get(aid_id)
        if aid is not None:
            line = {"id": aid_id, "name": aid.name, "nature": aid.nature, "nature_label": text.NATURES[aid.nature]}
            recommended.append({**line, "verdict": verdict, "verdict_label": VERDICTS[verdict], "url": aid.url})
    return {
        "need_id": need.need_id,
        "subjects": [{"code": code, "label": figures.subjects.get(code, code)} for code in need.subjects],
        "status": need.status,
        "status_label": NEED_STATUS[need.status],
        "priority": need.priority,
        "paid": need.paid,
        "opened_at": need.opened_at,
        "round": need.round,
        "expires_at": need.expires_at,
        "ruleset_version": need.ruleset_version,
        "matches": [match_view(match, connectors.get(match.connector_id), figures) for match in need.matches],
        "aids": recommended,
    }


def match_view(match: Match, connector: Connector | None, figures: Figures) -> View:
    """One offer with the public names of its connecteur."""
    known: View = {}
    if connector is not None:
        label = figures.types.get(connector.type, connector.type)
        known = {
            "name": connector.name,
            "institution": connector.institution,
            "type": connector.type,
            "type_label": label,
        }
    line: View = msgspec.to_builtins(match)
    return {**line, **known, "status_label": MATCH_STATUS[match.status]}


def explain_view(need: Need, profile: Profile, shared: Shared, siren: str, now: datetime) -> View:
    """Who would be proposed now and why, and who is excluded and why, for one need."""
    query = query_of(need, profile)
    picks = shared.basis.searcher.best(query, shared.loads)
    counts = why_not(shared.basis.directory, query, shared.loads)
    return {
        "siren": siren,
        "need_id": need.need_id,
        "status": need.status,
        "evaluated_at": now,
        "ruleset_version": shared.basis.figures.ruleset_version,
        "directory_size": len(shared.basis.directory.connectors),
        **_counts(counts),
        "next_candidates": [_pick_view(pick, rank, query, shared.basis.wording) for rank, pick in enumerate(picks, 1)],
    }


def connector_explain_view(connector: Connector, need: Need, profile: Profile, shared: Shared) -> View:
    """Every criterion of one connecteur for one need."""
    load, territories = load_of(shared, connector.id), shared.basis.directory.territories
    verdicts = assess(connector, query_of(need, profile), load, shared.basis.figures, territories)
    return {
        "connector_id": connector.id,
        "name": connector.name,
        "eligible": all(verdict.verdict != NO for verdict in verdicts),
        "criteria": [_criterion_view(verdict) for verdict in verdicts],
    }


def aid_view(assessment: Assessment) -> View:
    """One aid with the verdict on a company."""
    aid: View = msgspec.to_builtins(assessment.aid)
    return {
        **aid,
        "nature_label": text.NATURES[assessment.aid.nature],
        "verdict": assessment.verdict,
        "verdict_label": VERDICTS[assessment.verdict],
        "reasons": assessment.reasons,
        "missing": assessment.missing,
    }


def _counts(counts: WhyNot) -> View:
    excluded = [
        {"code": code, "count": count, "sentence": text.CRITERIA[code, NO]} for code, count in counts.excluded.items()
    ]
    return {"covering": counts.covering, "eligible": counts.eligible, "excluded": excluded}


def _pick_view(pick: Pick, rank: int, query: Query, wording: Wording) -> View:
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


def _criterion_view(criterion: Criterion) -> View:
    return {"code": criterion.code, "verdict": criterion.verdict, "sentence": criterion.sentence}
