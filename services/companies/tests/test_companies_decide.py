"""What an observation changes: idempotent, the newer wins inside its origin, the register outranks the declaration."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from common.contract import contract
from common.decision import Decision, Rejection
from common.message import Message
from companies.decide import decide
from companies.events import CompanyProfileUpdated, CompanyRegistered
from companies.inputs import Figures, RegisterCompany, Source
from companies.model import CompanyState, Listed, Registered, initial
from companies.rules.profile import merged, snapshot
from companies.rules.sme import RULES

SIREN = "732829320"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=365)
REGISTER = RegisterCompany(
    SIREN,
    "73282932000074",
    "EXEMPLE",
    "62.01Z",
    "NAFRev2",
    "5710",
    "11",
    "PME",
    "75102",
    "75",
    date(2010, 5, 1),
    active=True,
    diffusible=True,
    source="sirene_stock",
    observed_at=T0,
)
DECLARED = replace(REGISTER, source="declaratif", headcount_code="12", insee_category="")


def given_(*commands: RegisterCompany, state: CompanyState | None = None) -> Decision[CompanyState, None]:
    """The decision on the last of these commands."""
    decision: Decision[CompanyState, None] = Decision(state or initial(SIREN), None)
    for command in commands:
        decision = decide(decision.state, None, message(command))
    return decision


def message(command: object) -> Message[object]:
    return Message(command, SIREN, 0, UUID(int=1), NOW, UUID(int=1))


def answer(decision: Decision[CompanyState, None]) -> Registered:
    assert isinstance(decision.answer, Registered)
    return decision.answer


def later(command: RegisterCompany, days: int = 1, **changes: object) -> RegisterCompany:
    return replace(command, observed_at=command.observed_at + timedelta(days=days), **changes)  # pyright: ignore[reportArgumentType]


def test_a_new_company_is_registered() -> None:
    decision = given_(REGISTER)
    (event,) = decision.events
    assert isinstance(event, CompanyRegistered)
    assert (event.siren, event.source, event.diffusible, event.region) == (SIREN, "sirene_stock", True, "11")
    assert (event.company.sme_category, event.sme_reasons) == ("petite", ("Classée PME par l'Insee, groupe compris.",))
    assert decision.rows == (Listed(SIREN, "11", "petite"),)
    assert (answer(decision).outcome, answer(decision).version, decision.state.version) == ("nouvelle", 1, 1)
    assert decision.state.ruleset == RULES.version


def test_a_company_that_is_no_sme_is_registered_too_with_the_reason() -> None:
    (event,) = given_(replace(REGISTER, insee_category="GE")).events
    assert isinstance(event, CompanyRegistered)
    assert event.company.sme_category == "hors_pme"
    assert event.sme_reasons[0].startswith("Classée grande entreprise par l'Insee")


def test_the_same_again_changes_nothing() -> None:
    first = given_(REGISTER)
    again = given_(REGISTER, state=first.state)
    assert again.state is first.state
    assert (again.events, again.rows, answer(again).outcome) == ((), (), "inchangee")
    assert replace(answer(again), outcome="") == replace(answer(first), outcome="")


def test_the_same_content_seen_later_moves_the_date_only() -> None:
    decision = given_(REGISTER, later(REGISTER))
    assert (decision.events, answer(decision).outcome, decision.state.version) == ((), "inchangee", 1)
    assert decision.state.register == later(REGISTER)
    stale = given_(later(REGISTER, 0, name="VIEUX"), state=decision.state)
    assert answer(stale).outcome == "perimee"


def test_a_change_is_published_with_what_changed() -> None:
    decision = given_(REGISTER, later(REGISTER, commune="69381", departement="69", name="NOUVEAU"))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("name", "commune", "departement", "region")
    assert (event.version, event.provenance, event.region) == (2, "sirene_stock", "84")
    assert decision.rows == (Listed(SIREN, "84", "petite"),)
    assert answer(decision).outcome == "modifiee"


def test_a_change_of_class_brings_its_reasons() -> None:
    decision = given_(REGISTER, later(REGISTER, active=False))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("active", "sme_category", "sme_reasons")
    assert event.sme_reasons == ("Entreprise cessée.",)
    assert decision.rows == (Listed(SIREN, "11", "hors_pme"),)


def test_a_change_that_moves_neither_region_nor_class_leaves_the_list_alone() -> None:
    assert given_(REGISTER, later(REGISTER, name="NOUVEAU")).rows == ()


def test_an_older_observation_loses() -> None:
    first = given_(later(REGISTER))
    stale = given_(replace(REGISTER, name="VIEUX"), state=first.state)
    assert stale.state is first.state
    assert (stale.events, answer(stale).outcome) == ((), "perimee")


def test_an_observation_from_the_future_is_refused_and_outlasts_nothing() -> None:
    tomorrow, never = NOW + timedelta(days=1), NOW + timedelta(days=1, seconds=1)

    refused = given_(replace(REGISTER, observed_at=never))

    assert isinstance(refused.answer, Rejection)
    assert (refused.answer.status, refused.answer.field) == (422, "observed_at")
    assert (refused.state, refused.events) == (initial(SIREN), ())
    assert answer(given_(replace(REGISTER, observed_at=tomorrow))).outcome == "nouvelle"


def test_at_the_same_date_the_later_arrival_corrects() -> None:
    assert answer(given_(REGISTER, replace(REGISTER, name="CORRIGE"))).outcome == "modifiee"


def test_a_name_that_is_not_diffusible_is_not_kept() -> None:
    decision = given_(replace(REGISTER, diffusible=False))
    assert decision.state.register is not None
    assert decision.state.register.name is None
    (event,) = decision.events
    assert isinstance(event, CompanyRegistered)
    assert (event.company.name, event.diffusible) == (None, False)
    again = given_(replace(REGISTER, diffusible=False), state=decision.state)
    assert again.state is decision.state


def test_a_company_that_withdraws_its_consent_loses_its_name() -> None:
    decision = given_(REGISTER, later(REGISTER, diffusible=False))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("name", "diffusible")
    assert (event.company.name, event.diffusible) == (None, False)
    by_itself = given_(REGISTER, replace(DECLARED, diffusible=False))
    assert snapshot(by_itself.state).name is None


def test_the_register_outranks_a_later_declaration() -> None:
    decision = given_(REGISTER, later(DECLARED, name="AUTRE NOM", siret="73282932000082"))
    assert (decision.events, answer(decision).outcome) == ((), "inchangee")
    assert snapshot(decision.state) == snapshot(given_(REGISTER).state)


def test_a_declaration_fills_what_the_register_leaves_open() -> None:
    hidden = replace(
        REGISTER,
        name=None,
        naf="",
        naf_nomenclature="",
        headcount_code="",
        insee_category="",
        commune="",
        departement="",
        created_on=None,
        diffusible=False,
    )
    before = given_(hidden)
    assert answer(before).sme_category == "inconnu"
    decision = given_(DECLARED, state=before.state)
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == (
        "naf",
        "naf_nomenclature",
        "headcount_code",
        "commune",
        "departement",
        "region",
        "created_on",
        "sme_category",
        "sme_reasons",
    )
    assert (event.company.sme_category, event.provenance) == ("petite", "declaratif")
    assert given_(hidden, state=decision.state).state is decision.state


def test_declared_figures_count_even_when_the_register_knows_the_rest() -> None:
    figures = Figures(headcount=60, turnover_cents=2_000_000_000)
    decision = given_(REGISTER, replace(DECLARED, figures=figures))
    assert answer(decision).sme_category == "moyenne"
    assert answer(given_(later(REGISTER, 30), state=decision.state)).sme_category == "moyenne"


def test_a_commune_declared_outside_the_known_departement_is_not_taken() -> None:
    vague = replace(REGISTER, commune="")
    assert merged(vague, replace(DECLARED, commune="69381", departement="69")).commune == ""
    assert merged(vague, DECLARED).commune == "75102"


def test_another_edition_of_the_rules_judges_again() -> None:
    old = replace(given_(REGISTER).state, ruleset="PME-2025", sme_category="inconnu", sme_codes=("effectif_inconnu",))
    decision = given_(REGISTER, state=old)
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("sme_category", "sme_reasons")


def test_an_input_that_is_not_declared_is_a_bug() -> None:
    with pytest.raises(TypeError, match="companies does not decide str"):
        decide(initial(SIREN), None, message("x"))
    with pytest.raises(ValueError, match="neither"):
        merged(None, None)


# --- properties ------------------------------------------------------------------------------------------------------


def observation(
    day: int,
    band: str,
    category: str,
    commune: str,
    form: str,
    *,
    source: Source,
    name: str | None,
    active: bool,
    diffusible: bool,
    figures: Figures | None,
) -> RegisterCompany:
    return RegisterCompany(
        SIREN,
        "73282932000074",
        name,
        "62.01Z",
        "NAFRev2",
        form,
        band,
        category,
        commune,
        commune[:2],
        None,
        active=active,
        diffusible=diffusible,
        source=source,
        observed_at=T0 + timedelta(days=day),
        figures=figures,
    )


SOURCES: tuple[Source, ...] = ("sirene_stock", "insee_api", "declaratif")
COMMANDS = st.builds(
    observation,
    st.integers(0, 6),
    st.sampled_from(["", "NN", "11", "32"]),
    st.sampled_from(["", "PME", "GE"]),
    st.sampled_from(["", "75102", "69381"]),
    st.sampled_from(["", "5710", "7120"]),
    source=st.sampled_from(SOURCES),
    name=st.sampled_from([None, "A", "B"]),
    active=st.booleans(),
    diffusible=st.booleans(),
    figures=st.sampled_from([None, Figures(5, 10, None)]),
)
HISTORY = st.lists(COMMANDS, max_size=6)


@given(HISTORY, COMMANDS)
def test_deciding_twice_is_deciding_once(history: list[RegisterCompany], command: RegisterCompany) -> None:
    once = given_(*history, command)
    twice = given_(command, state=once.state)
    assert twice.state is once.state
    assert twice.events == ()
    assert twice.rows == ()


@given(HISTORY, st.integers())
def test_the_order_of_arrival_does_not_matter(history: list[RegisterCompany], seed: int) -> None:
    """Unless two observations of one origin bear the same date: then the later arrival corrects the earlier."""
    unique = list({(c.source == "declaratif", c.observed_at): c for c in history}.values())
    shuffled = list(unique)
    Random(seed).shuffle(shuffled)
    one, other = given_(*unique).state, given_(*shuffled).state
    assert replace(one, version=0) == replace(other, version=0)


@given(HISTORY)
def test_the_published_versions_are_gapless_and_the_last_event_is_the_snapshot(history: list[RegisterCompany]) -> None:
    state, published = initial(SIREN), list[CompanyRegistered | CompanyProfileUpdated]()
    for command in history:
        decision = decide(state, None, message(command))
        state = decision.state
        published += [e for e in decision.events if isinstance(e, CompanyRegistered | CompanyProfileUpdated)]
    versions = [1 if isinstance(event, CompanyRegistered) else event.version for event in published]
    assert versions == list(range(1, len(published) + 1))
    if published:
        assert published[-1].company == snapshot(state)
        assert published[-1].diffusible or published[-1].company.name is None


@given(HISTORY.filter(bool))
def test_states_and_events_survive_json(history: list[RegisterCompany]) -> None:
    decision = given_(*history)
    assert msgspec.json.decode(msgspec.json.encode(decision.state), type=CompanyState) == decision.state
    for event in decision.events:
        data = msgspec.json.encode(event)
        assert set(msgspec.json.decode(data)) == set(event.__struct_fields__)
        assert msgspec.json.decode(data, type=type(event)) == event
        contract(type(event)).validate_json(data)
