"""What people ask of the six services: bodies of the demonstration's population, through the doors' own validation."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from common.core.commands import Ask
from companies.api import CompanyBody
from companies.api import to_ask as register
from croissance.directors import Participant, Score, label_application, participant, voucher_application
from croissance.directory import connecteurs
from croissance.population import Population, communes
from diagnostic.diagnostics.inputs import SubmitDiagnostic
from diagnostic.measures.plan import calls_of, plan
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.reading import read_whole
from diagnostic.questionnaire.sheet import blank
from diagnostic.scoring.scores import score
from labels.api.bodies import ApplicationBody as LabelBody
from labels.api.bodies import to_ask as apply_for_label
from labels.cohorts.inputs import SetCohortCap
from matching.api.bodies import ConnectorBody, put_ask
from vouchers.api.bodies import ApplicationBody as VoucherBody
from vouchers.api.bodies import to_application

STARTS = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday morning of the first programme year."""

YEAR = str(STARTS.year)


class Errand(NamedTuple):
    """One command for one service, once its company is known there: `needs` (kind, key), or nothing."""

    service: str
    ask: Ask
    needs: tuple[str, str] | None = None


@lru_cache(maxsize=1)
def _able() -> Sequence[tuple[Participant, Score, Mapping[str, Sequence[str]]]]:
    """Companies that measure themselves, the more mature ones first, with their score and plan."""
    found: list[tuple[Participant, Score, Mapping[str, Sequence[str]]]] = []
    for company in Population(1).draw(0, 400):
        sheet = read_whole(COMPLET, msgspec.json.decode(company.answers), blank(COMPLET)).sheet
        result = score(sheet)
        steps = plan(calls_of(sheet), result.parts)
        told = Score(result.global_score, result.scores, [step.measure.id for step in steps])
        found.append((participant(company), told, {step.measure.id: step.measure.spend_categories for step in steps}))
    return sorted(found, key=lambda each: (not each[1].passes, each[0].siren))[:60]


@lru_cache(maxsize=1)
def _desks() -> Sequence[dict[str, Any]]:
    """A few desks that serve the whole country and have little room, so that companies meet there."""
    country = [{"type": "national"}]
    return [{**desk, "capacity_30d": 2, "zones": country} for desk in connecteurs(100, communes())[::199]]


def errands(first: int, companies: int) -> Iterator[Errand]:
    """What the companies from the `first` on ask for, and the partners and operators around them."""
    for desk in _desks():
        yield Errand("matching", put_ask(ConnectorBody.model_validate(desk)))
    for cap in (companies // 8, companies // 4):
        yield Errand("labels", Ask(SetCohortCap(cap), YEAR))
    able = _able()
    for rank in range(first, first + companies):
        who, told, categories = able[rank % len(able)]
        siren = who.siren
        company = register(CompanyBody.model_validate_json(who.registration), STARTS)
        label = apply_for_label(LabelBody.model_validate(label_application(who)))
        if isinstance(company, Ask):
            yield Errand("companies", company)
        answers = msgspec.json.decode(who.answers)
        for attempt in ("a", "b"):
            diagnosis = SubmitDiagnostic(siren, f"00000000-0000-5000-8000-{siren}{attempt}00", "complet", answers)
            yield Errand("diagnostic", Ask(diagnosis, siren), ("diagnostics", siren))
        if isinstance(label, Ask):
            yield Errand("labels", label, ("applications", siren))
        file = voucher_application(who, told, categories)
        if file is not None:  # and a second one, which may not run beside the first
            other = {**file, "declarations": {**file["declarations"], "de_minimis_declared_cents": 50_000}}
            for wish in (file, other):
                yield Errand("vouchers", to_application(VoucherBody.model_validate(wish)), ("files", siren))
