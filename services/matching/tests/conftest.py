"""Builders of companies, connecteurs and messages, and a real PostgreSQL for the store and the doors."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import pytest
from msgspec import structs

from common.declare.message import Message
from common.process.context import Context
from common.testing.database import service_context
from common.testing.rules import after, decided, message_of
from france.working_days import working_days
from matching import settings
from matching.aids.catalogue import Catalogue
from matching.app import APP
from matching.basis import ALL, DIRECTORY, LOADS, Basis
from matching.criteria.company import Company
from matching.criteria.profile import Profile, Profiler
from matching.directory.inputs import PutConnector
from matching.directory.model import Line
from matching.explain.wording import Wording
from matching.needs.inputs import DiagnosticCompleted, Measure
from matching.needs.model import CompanyNeeds
from matching.places.territory import Zone
from matching.search.connector import Connector
from matching.search.index import Directory, build_directory
from matching.search.loads import NONE, Loads, reaching, with_counts
from matching.search.searcher import Searcher
from matching.service import SERVICE

LYON = Company("69123", "69", "84", "62.01Z", "NAFRev2", "5710", "11", date(2020, 1, 15))


class Given(NamedTuple):
    """What a decision reads beside its state."""

    basis: Basis
    loads: Loads


class Told(NamedTuple):
    """A decision, with what the next one reads."""

    state: Any
    events: tuple[Any, ...]
    rows: tuple[Any, ...]
    deadlines: tuple[Any, ...]
    answer: Any
    given: Given


class Make:
    """Builds what the tests speak of; every default can be replaced."""

    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    siren = "732829320"
    ruleset = settings.ruleset()
    territories = settings.territories()
    profiler = Profiler(ruleset.activities)
    calendar = working_days()
    wording = Wording(ruleset)

    def company(self, **changes: Any) -> Company:
        """A company of Lyon, computer programming, 10 to 19 employees, SAS, nearly seven years old."""
        return structs.replace(LYON, **changes)

    def profile(self, today: date = date(2026, 11, 23), **changes: Any) -> Profile:
        """The profile of such a company."""
        return self.profiler.profile(self.company(**changes), today)

    def connector(self, number: int = 1, **changes: Any) -> Connector:
        """A collectivité of the département of Lyon that helps with cybersécurité, without history."""
        base = Connector(
            id=f"c{number}",
            name=f"Connecteur {number}",
            type="collectivite",
            tier="professionnel",
            institution_id=f"i{number}",
            institution=f"Institution {number}",
            partner_id="p",
            sujets=("cybersecurite",),
            zones=(Zone("departement", "69"),),
            capacity_30d=10,
        )
        return replace(base, **changes)

    def given(self, *connectors: Connector, loads: Iterable[tuple[str, int]] = (), catalogue: Any = None) -> Given:
        """A directory of these connecteurs and their loads."""
        directory = build_directory(connectors, self.ruleset, self.territories)
        aids = settings.catalogue() if catalogue is None else Catalogue(catalogue, self.ruleset)
        searcher = Searcher(directory, self.ruleset)
        basis = Basis(self.ruleset, self.profiler, aids, self.calendar, self.wording, directory, searcher)
        return Given(basis, self.loads(directory, loads))

    def loads(self, directory: Directory, loads: Iterable[tuple[str, int]]) -> Loads:
        """Loads in the order of a directory."""
        room = reaching(NONE, len(directory.numbers))
        return with_counts(room, [(directory.numbers[connector_id], load) for connector_id, load in loads])

    def diagnosis(self, *subjects: str, diagnostic_id: str = "d1", band: str = "intermediaire", **changes: Any) -> Any:
        """A completed diagnosis whose plan has these subjects."""
        measures = tuple(Measure(subject, ("cybersecurite",)) for subject in subjects or ("cybersecurite",))
        return DiagnosticCompleted(self.siren, diagnostic_id, band, (), measures, self.company(**changes))

    def message(self, item: Any, hours: float = 0) -> Message[Any]:
        """An input that happens some hours after `now`; its id follows from its content."""
        cause = uuid5(UUID(int=0), f"{item}{hours}")
        return Message(item, self.siren, 0, cause, self.now + timedelta(hours=hours), cause, "84")

    def decided(self, state: CompanyNeeds | None, given: Given, item: object, hours: float = 0) -> Told:
        """The decision on an input of a company."""
        return self.told(state or CompanyNeeds(self.siren), given, self.message(item, hours))

    def told(self, state: Any, given: Given, message: Message[Any]) -> Told:
        """The decision that the table takes, as the core asks for it."""
        pools = {LOADS.at(ALL): given.loads}
        decision = decided(SERVICE, state, message, pools, {DIRECTORY.name: given.basis})
        left = Given(given.basis, after(pools, decision.draws)[LOADS.at(ALL)])
        return Told(decision.state, decision.events, decision.rows, decision.deadlines, decision.answer, left)

    def put(self, state: Line, connector: Connector) -> Any:
        """The decision on a line of the directory; it reads nothing but its own state."""
        return decided(SERVICE, state, message_of(PutConnector(connector), connector.id, self.now))


@pytest.fixture(scope="session")
def make() -> Make:
    """Builders."""
    return Make()


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    async with service_context(APP) as opened:
        yield opened
