"""The rule of the register: what an observation of a company changes, and what the world is told."""

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from common.declare.decision import Decision, Refusal
from common.declare.event import Event
from common.declare.message import Message
from common.declare.pool import Pools
from companies.events import Company, CompanyProfileUpdated, CompanyRegistered
from companies.register.inputs import RegisterCompany
from companies.register.model import CompanyState, Listed, Outcome, Registered
from companies.register.profile import COMPANY_FIELDS, DECLARED, changed_fields, company_of, merged
from companies.register.sme import classer_pme, sentences
from companies.ruleset import RULESET
from france.geography import region_of

_LISTED: Final = frozenset(("region", "sme_category"))
"""Fields of the profile that the list of the register is filtered by."""


_AHEAD: Final = timedelta(days=1)
"""How far the clocks and time zones of sources may be ahead of ours."""

_FUTURE: Final = Refusal(
    "invalid",
    "entreprise_refusee",
    "Entreprise refusée",
    "observed_at: cette date est à venir; aucune observation ultérieure ne pourrait plus la corriger",
    "observed_at",
)


def take_in(state: CompanyState, _: Pools, message: Message[RegisterCompany]) -> Decision[CompanyState]:
    """Take in an observation: the newer wins inside its origin, the register outranks the declaration.

    An observation from the future is refused: it would outlast every true one. The same observation twice changes
    nothing. At equal dates the later arrival wins: it corrects the earlier one.
    Every valid company is kept, SME or not: the class and its reasons say which.
    """
    command = message.input
    if command.observed_at > message.time + _AHEAD:
        return Decision(state, answer=_FUTURE)
    observed = command if command.diffusible else replace(command, name=None)
    declared = observed.source == DECLARED
    known = state.declared if declared else state.register
    if known is not None and observed.observed_at < known.observed_at:
        return Decision(state, answer=_answer(state, "perimee"))
    if observed == known and state.ruleset_version == RULESET.version:
        return Decision(state, answer=_answer(state, "inchangee"))
    if declared:
        return _judge(state, state.register, observed, observed.source)
    return _judge(state, observed, state.declared, observed.source)


def _judge(
    state: CompanyState, register: RegisterCompany | None, declared: RegisterCompany | None, source: str
) -> Decision[CompanyState]:
    """Judge what is known now; the world hears of what the published profile changes, and of nothing else."""
    facts = merged(register, declared)
    verdict = classer_pme(facts)
    company = company_of(facts, verdict.category)
    reasons = sentences(verdict.codes)
    changed = _changed(state, facts, company, verdict.codes)
    version = state.version + 1 if changed else state.version
    after = CompanyState(state.siren, register, declared, verdict.category, verdict.codes, RULESET.version, version)
    if not changed:
        return Decision(after, answer=_answer(after, "inchangee"))
    if state.version == 0:
        event: Event = CompanyRegistered(
            siren=state.siren, company=company, sme_reasons=reasons, diffusible=facts.diffusible, source=source
        )
        outcome: Outcome = "nouvelle"
    else:
        event = CompanyProfileUpdated(
            siren=state.siren,
            company=company,
            changed=changed,
            version=version,
            provenance=source,
            sme_reasons=reasons,
            diffusible=facts.diffusible,
        )
        outcome = "modifiee"
    rows = (Listed(state.siren, company.region, verdict.category),) if not _LISTED.isdisjoint(changed) else ()
    answer = Registered(state.siren, facts.siret, outcome, version, verdict.category, reasons, company.region)
    return Decision(after, (event,), rows=rows, answer=answer)


def _changed(before: CompanyState, facts: RegisterCompany, company: Company, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of what the published profile changes; every field for a company of which nothing is known (any more)."""
    if before.register is None and before.declared is None:
        return COMPANY_FIELDS
    old_facts = merged(before.register, before.declared)
    changed = changed_fields(company_of(old_facts, before.sme_category), company)
    if codes != before.sme_codes:
        changed += ("sme_reasons",)
    if facts.diffusible != old_facts.diffusible:
        changed += ("diffusible",)
    return changed


def _answer(state: CompanyState, outcome: Outcome) -> Registered:
    facts = merged(state.register, state.declared)
    return Registered(
        state.siren,
        facts.siret,
        outcome,
        state.version,
        state.sme_category,
        sentences(state.sme_codes),
        region_of(facts.departement),
    )
