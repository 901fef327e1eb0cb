"""What the product writes for a company: taken from a small real run, so that comparisons move the same volumes."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from benchmarks import chain
from benchmarks.population import sirens, templates
from common.core.envelope import event_name
from common.core.record_batch import unseal
from embedded.progress import Say
from embedded.stack import Stack

COMPANIES: Final = 600
"""Companies of the run: their mix of labels, chèques and answers is that of the whole within a percent or two."""

BATCHES: Final = 'select data from "{service}".outbox order by topic, partition, last'
STATES: Final = 'select key, doc from "{service}".states'
FACTS: Final = "select siren, template, fact from notifications.messages_to_send order by siren, recorded_at"


@dataclass(slots=True)
class Company:
    """Everything that was written about one company.

    Attributes:
        siren: its number: replaced by another one wherever it stands.
        requests: door → body that it sends.
        events: service → (name of the event, data) in order.
        states: service → state document.
        facts: what its messages tell, in order.
    """

    siren: bytes
    requests: dict[str, bytes] = field(default_factory=dict[str, bytes])
    events: dict[str, list[tuple[str, bytes]]] = field(
        default_factory=lambda: defaultdict[str, list[tuple[str, bytes]]](list)
    )
    states: dict[str, bytes] = field(default_factory=dict[str, bytes])
    facts: list[bytes] = field(default_factory=list[bytes])


@dataclass(slots=True)
class Sample:
    """Companies whose traces stand for all: the n-th company takes the n-th in turn."""

    companies: list[Company]

    def per_company(self, service: str) -> float:
        """Events of a service for each company, on average."""
        return sum(len(company.events[service]) for company in self.companies) / len(self.companies)

    def draw(self, companies: int) -> Iterator[tuple[bytes, Company]]:
        """SIRENs of `companies` companies, each with the sampled one it repeats."""
        for rank, siren in enumerate(sirens(companies, seed=2)):
            yield siren.encode(), self.companies[rank % len(self.companies)]


async def take(say: Say) -> Sample:
    """Run the product on a few hundred companies and keep what it wrote."""
    say(f"sampling {COMPANIES} companies of the product")
    async with chain.fresh_system(say) as stack:
        await chain.run(stack, COMPANIES, audit=False, say=say)
        return await _read(stack)


async def _read(stack: Stack) -> Sample:
    found = {siren: Company(siren.encode()) for siren in sirens(COMPANIES)}
    for siren, kind in zip(found, templates(), strict=False):
        bodies = {"companies": kind.registration, "diagnostic": kind.diagnosis}
        bodies |= {"labels": kind.label, "vouchers": kind.voucher}
        number = siren.encode()
        found[siren].requests = {door: body.replace(kind.siren, number) for door, body in bodies.items() if body}
    connection: Any = await asyncpg.connect(stack.dsn)
    try:
        for service in stack.http:
            for (data,) in await connection.fetch(BATCHES.format(service=service)):
                for key, value, headers in unseal(data):
                    company = found.get((key or b"").decode())
                    if company is not None and value is not None:
                        company.events[service].append((event_name(dict(headers)["ce_type"]), value))
            for key, doc in await connection.fetch(STATES.format(service=service)):
                if key in found:
                    found[key].states[service] = doc.encode()
        for siren, _, fact in await connection.fetch(FACTS):
            found[siren].facts.append(fact)
    finally:
        await connection.close()
    return Sample([company for company in found.values() if company.events["diagnostic"]])
