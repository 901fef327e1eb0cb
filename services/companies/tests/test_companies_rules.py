"""What an observation changes: idempotent, the newer wins inside its origin, the register outranks the declaration."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from common.core.codec import Codec
from common.declare.aggregate import Aggregate
from common.declare.contract import contract
from common.declare.decision import Decision, Refusal
from common.declare.errors import Misconfigured
from common.declare.inputs import Command
from common.declare.message import Message
from common.declare.service import Service
from common.testing.rules import decided, message_of
from companies.events import CompanyProfileUpdated, CompanyRegistered
from companies.register.inputs import Accounts, RegisterCompany, Source
from companies.register.model import CompanyState, Listed, Registered, initial
from companies.register.profile import snapshot
from companies.register.table import REGISTER
from companies.ruleset import RULESET
from companies.service import SERVICE

SIREN = "732829320"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=365)
OBSERVED = RegisterCompany(
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
DECLARED = replace(OBSERVED, source="declaratif", headcount_code="12", insee_category="")


def given_(*commands: RegisterCompany, state: CompanyState | None = None) -> Decision[CompanyState]:
    """The decision on the last of these commands."""
    decision: Decision[CompanyState] = Decision(state or initial(SIREN))
    for command in commands:
        decision = decided(SERVICE, decision.state, message(command))
    return decision


def message(command: object) -> Message[Any]:
    return message_of(command, SIREN, NOW)


def answer(decision: Decision[CompanyState]) -> Registered:
    assert isinstance(decision.answer, Registered)
    return decision.answer


def later(command: RegisterCompany, days: int = 1, **changes: object) -> RegisterCompany:
    return replace(command, observed_at=command.observed_at + timedelta(days=days), **changes)  # pyright: ignore[reportArgumentType]


def test_a_new_company_is_registered() -> None:
    decision = given_(OBSERVED)
    (event,) = decision.events
    assert isinstance(event, CompanyRegistered)
    assert (event.siren, event.source, event.diffusible, event.region) == (SIREN, "sirene_stock", True, "11")
    assert (event.company.sme_category, event.sme_reasons) == ("petite", ("Classée PME par l'Insee, groupe compris.",))
    assert decision.rows == (Listed(SIREN, "11", "petite"),)
    assert (answer(decision).outcome, answer(decision).version, decision.state.version) == ("nouvelle", 1, 1)
    assert decision.state.ruleset_version == RULESET.version


def test_a_company_that_is_no_sme_is_registered_too_with_the_reason() -> None:
    (event,) = given_(replace(OBSERVED, insee_category="GE")).events
    assert isinstance(event, CompanyRegistered)
    assert event.company.sme_category == "hors_pme"
    assert event.sme_reasons[0].startswith("Classée grande entreprise par l'Insee")


def test_the_same_again_changes_nothing() -> None:
    first = given_(OBSERVED)
    again = given_(OBSERVED, state=first.state)
    assert again.state is first.state
    assert (again.events, again.rows, answer(again).outcome) == ((), (), "inchangee")
    assert replace(answer(again), outcome="") == replace(answer(first), outcome="")


def test_the_same_content_seen_later_moves_the_date_only() -> None:
    decision = given_(OBSERVED, later(OBSERVED))
    assert (decision.events, answer(decision).outcome, decision.state.version) == ((), "inchangee", 1)
    assert decision.state.register == later(OBSERVED)
    stale = given_(later(OBSERVED, 0, name="VIEUX"), state=decision.state)
    assert answer(stale).outcome == "perimee"


def test_a_change_is_published_with_what_changed() -> None:
    decision = given_(OBSERVED, later(OBSERVED, commune="69381", departement="69", name="NOUVEAU"))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("name", "commune", "departement", "region")
    assert (event.version, event.provenance, event.region) == (2, "sirene_stock", "84")
    assert decision.rows == (Listed(SIREN, "84", "petite"),)
    assert answer(decision).outcome == "modifiee"


def test_a_change_of_class_brings_its_reasons() -> None:
    decision = given_(OBSERVED, later(OBSERVED, active=False))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("active", "sme_category", "sme_reasons")
    assert event.sme_reasons == ("Entreprise cessée.",)
    assert decision.rows == (Listed(SIREN, "11", "hors_pme"),)


def test_a_change_that_moves_neither_region_nor_class_leaves_the_list_alone() -> None:
    assert given_(OBSERVED, later(OBSERVED, name="NOUVEAU")).rows == ()


def test_an_update_that_does_not_say_so_is_not_of_a_withheld_company() -> None:
    (event,) = given_(OBSERVED, later(OBSERVED, name="NOUVEAU")).events
    said = msgspec.json.decode(msgspec.json.encode(event))
    del said["diffusible"], said["sme_reasons"]
    read = msgspec.convert(said, CompanyProfileUpdated)
    assert (read.diffusible, read.sme_reasons) == (True, ())


def test_an_older_observation_loses() -> None:
    first = given_(later(OBSERVED))
    stale = given_(replace(OBSERVED, name="VIEUX"), state=first.state)
    assert stale.state is first.state
    assert (stale.events, answer(stale).outcome) == ((), "perimee")


def test_an_observation_from_the_future_is_refused_and_outlasts_nothing() -> None:
    tomorrow, never = NOW + timedelta(days=1), NOW + timedelta(days=1, seconds=1)

    refused = given_(replace(OBSERVED, observed_at=never))

    assert isinstance(refused.answer, Refusal)
    assert (refused.answer.kind, refused.answer.code) == ("invalid", "entreprise_refusee")
    assert refused.answer.field == "observed_at"
    assert (refused.state, refused.events) == (initial(SIREN), ())
    assert answer(given_(replace(OBSERVED, observed_at=tomorrow))).outcome == "nouvelle"


def test_at_the_same_date_the_later_arrival_corrects() -> None:
    assert answer(given_(OBSERVED, replace(OBSERVED, name="CORRIGE"))).outcome == "modifiee"


def test_a_name_that_is_not_diffusible_is_not_kept() -> None:
    decision = given_(replace(OBSERVED, diffusible=False))
    assert decision.state.register is not None
    assert decision.state.register.name is None
    (event,) = decision.events
    assert isinstance(event, CompanyRegistered)
    assert (event.company.name, event.diffusible) == (None, False)
    again = given_(replace(OBSERVED, diffusible=False), state=decision.state)
    assert again.state is decision.state


def test_a_company_that_withdraws_its_consent_loses_its_name() -> None:
    decision = given_(OBSERVED, later(OBSERVED, diffusible=False))
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("name", "diffusible")
    assert (event.company.name, event.diffusible) == (None, False)
    by_itself = given_(OBSERVED, replace(DECLARED, diffusible=False))
    assert snapshot(by_itself.state).name is None


def test_the_register_outranks_a_later_declaration() -> None:
    decision = given_(OBSERVED, later(DECLARED, name="AUTRE NOM", siret="73282932000082"))
    assert (decision.events, answer(decision).outcome) == ((), "inchangee")
    assert snapshot(decision.state) == snapshot(given_(OBSERVED).state)


def test_a_declaration_fills_what_the_register_leaves_open() -> None:
    hidden = replace(
        OBSERVED,
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


def test_declared_accounts_count_even_when_the_register_knows_the_rest() -> None:
    accounts = Accounts(headcount=60, turnover_cents=2_000_000_000)
    decision = given_(OBSERVED, replace(DECLARED, accounts=accounts))
    assert answer(decision).sme_category == "moyenne"
    assert answer(given_(later(OBSERVED, 30), state=decision.state)).sme_category == "moyenne"


def test_another_edition_of_the_rules_judges_again() -> None:
    old = replace(
        given_(OBSERVED).state, ruleset_version="PME-2025", sme_category="inconnu", sme_codes=("effectif_inconnu",)
    )
    decision = given_(OBSERVED, state=old)
    (event,) = decision.events
    assert isinstance(event, CompanyProfileUpdated)
    assert event.changed == ("sme_category", "sme_reasons")


def test_the_table_is_complete_and_what_is_not_declared_has_no_rule() -> None:
    assert SERVICE.inputs(Command) == (RegisterCompany,)
    assert SERVICE.consumes == {}
    with pytest.raises(LookupError, match="companies has no rule for str"):
        decided(SERVICE, initial(SIREN), message("x"))
    with pytest.raises(Misconfigured, match=r"RegisterCompany .* has no rule"):
        Service(name="companies", title="", aggregates=(Aggregate("register", CompanyState, initial, ()),))


def test_a_state_is_kept_under_its_kind_and_read_back() -> None:
    codec = Codec(SERVICE)
    state = given_(OBSERVED, DECLARED).state
    assert codec.decode_state[REGISTER.kind](codec.encode(state)) == state


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
    accounts: Accounts | None,
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
        accounts=accounts,
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
    accounts=st.sampled_from([None, Accounts(5, 10, None)]),
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
        decision = decided(SERVICE, state, message(command))
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
