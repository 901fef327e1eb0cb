"""Builders of companies, connecteurs and messages, and a real PostgreSQL for the store and the doors."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from msgspec import structs

from common.message import Message
from common.runtime import Context
from common.testing.database import service_context
from france.working_days import working_days
from matching import settings
from matching.decide import decide
from matching.inputs import DiagnosticCompleted, Measure
from matching.model import Company, CompanyNeeds, Connector, Zone
from matching.rules.aids import Catalogue
from matching.rules.directory import Directory, build_directory
from matching.rules.explain import Wording
from matching.rules.loads import NONE, Loads, reaching, with_counts
from matching.rules.profile import Profile, Profiler
from matching.rules.search import Searcher
from matching.rules.shared import Basis, Shared
from matching.service import SERVICE

LYON = Company("69123", "69", "84", "62.01Z", "NAFRev2", "5710", "11", date(2020, 1, 15))


class Make:
    """Builds what the tests speak of; every default can be replaced."""

    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    siren = "732829320"
    figures = settings.figures()
    territories = settings.territories()
    profiler = Profiler(figures.activities)
    calendar = working_days()
    wording = Wording(figures)

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

    def shared(self, *connectors: Connector, loads: Iterable[tuple[str, int]] = (), catalogue: Any = None) -> Shared:
        """The shared aggregate over these connecteurs."""
        directory = build_directory(connectors, self.figures, self.territories)
        aids = settings.catalogue() if catalogue is None else Catalogue(catalogue, self.figures)
        searcher = Searcher(directory, self.figures)
        basis = Basis(self.figures, self.profiler, aids, self.calendar, self.wording, directory, searcher)
        return Shared(basis, self.loads(directory, loads))

    def loads(self, directory: Directory, loads: Iterable[tuple[str, int]]) -> Loads:
        """Loads in the order of a directory."""
        room = reaching(NONE, len(directory.numbers))
        return with_counts(room, [(directory.numbers[connector_id], load) for connector_id, load in loads])

    def diagnosis(self, *subjects: str, diagnostic_id: str = "d1", band: str = "intermediaire", **changes: Any) -> Any:
        """A completed diagnosis whose plan has these subjects."""
        measures = tuple(Measure(subject, ("cybersecurite",)) for subject in subjects or ("cybersecurite",))
        return DiagnosticCompleted(self.siren, diagnostic_id, band, (), measures, self.company(**changes))

    def message(self, item: object, hours: float = 0) -> Message[object]:
        """An input that happens some hours after `now`; its id follows from its content."""
        cause = uuid5(UUID(int=0), f"{item}{hours}")
        return Message(item, self.siren, 0, cause, self.now + timedelta(hours=hours), cause, "84")

    def decided(
        self, state: CompanyNeeds | None, shared: Shared, item: object, hours: float = 0, name: str = ""
    ) -> Any:
        """The decision on an input."""
        return decide(state or CompanyNeeds(self.siren), shared, self.message(item, hours))


@pytest.fixture(scope="session")
def make() -> Make:
    """Builders."""
    return Make()


@pytest.fixture
async def context() -> AsyncIterator[Context[CompanyNeeds, Shared]]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    async with service_context(SERVICE) as opened:
        yield opened
