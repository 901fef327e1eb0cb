"""The rules of the register: what an observation of a company changes, and what the world is told."""

from dataclasses import replace

from common.decision import Decision
from common.message import Message
from companies.events import CompanyProfileUpdated, CompanyRegistered
from companies.inputs import RegisterCompany
from companies.model import CompanyState, Listed, Registered
from companies.rules.geography import region_of
from companies.rules.profile import DECLARED, changed_fields, merged, snapshot
from companies.rules.sme import RULES, classer_pme, sentences


def decide(state: CompanyState, _shared: None, message: Message[object]) -> Decision[CompanyState, None]:
    """Decide one input.

    Raises:
        TypeError: an input this service does not declare.
    """
    match message.input:
        case RegisterCompany() as command:
            return register(state, command)
        case other:
            raise TypeError(f"companies does not decide {type(other).__name__}")


def register(state: CompanyState, command: RegisterCompany) -> Decision[CompanyState, None]:
    """Take in an observation: the newer wins inside its origin, the register outranks the declaration.

    The same observation twice changes nothing. At equal dates the later arrival wins: it corrects the earlier one.
    Every valid company is kept, SME or not: the class and its reasons say which.
    """
    observed = command if command.diffusible or command.name is None else replace(command, name=None)
    declared = observed.source == DECLARED
    known = state.declared if declared else state.register
    if known is not None and observed.observed_at < known.observed_at:
        return Decision(state, None, answer=_answer(state, "perimee"))
    if observed == known and state.ruleset == RULES.version:
        return Decision(state, None, answer=_answer(state, "inchangee"))
    facts = merged(state.register, observed) if declared else merged(observed, state.declared)
    verdict = classer_pme(facts)
    after = CompanyState(
        state.siren,
        state.register if declared else observed,
        observed if declared else state.declared,
        verdict.category,
        verdict.codes,
        RULES.version,
        state.version,
    )
    return _enter(after, facts, observed) if state.version == 0 else _update(state, after, facts, observed)


def _enter(after: CompanyState, facts: RegisterCompany, observed: RegisterCompany) -> Decision[CompanyState, None]:
    """The company is new."""
    after = replace(after, version=1)
    company = snapshot(after)
    reasons = sentences(after.sme_codes)
    event = CompanyRegistered(after.siren, company, reasons, facts.diffusible, observed.source)
    listed = Listed(after.siren, company.region, company.sme_category)
    answer = Registered(after.siren, company.siret, "nouvelle", 1, company.sme_category, reasons, company.region)
    return Decision(after, None, (event,), (listed,), answer=answer)


def _update(
    before: CompanyState, after: CompanyState, facts: RegisterCompany, observed: RegisterCompany
) -> Decision[CompanyState, None]:
    """The company is known: the world hears of what its published profile changes, and of nothing else."""
    old_facts = merged(before.register, before.declared)
    old, new = snapshot(before), snapshot(after)
    changed = changed_fields(old, new)
    if after.sme_codes != before.sme_codes:
        changed += ("sme_reasons",)
    if facts.diffusible != old_facts.diffusible:
        changed += ("diffusible",)
    if not changed:
        return Decision(after, None, answer=_answer(after, "inchangee"))
    after = replace(after, version=before.version + 1)
    reasons = sentences(after.sme_codes)
    event = CompanyProfileUpdated(after.siren, new, changed, after.version, observed.source, reasons, facts.diffusible)
    moved = (old.region, old.sme_category) != (new.region, new.sme_category)
    rows = (Listed(after.siren, new.region, new.sme_category),) if moved else ()
    return Decision(after, None, (event,), rows, answer=_answer(after, "modifiee"))


def _answer(state: CompanyState, outcome: str) -> Registered:
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
