"""Companies for benchmarks: request bodies cut from a few thousand drawn ones, so that making them costs little.

A template is a drawn company with everything it will ever send; the n-th company takes the n-th template in turn, with
a SIREN of its own. Which of them apply for the label or ask for a chèque, and for what, is decided by the real rules.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import msgspec

from croissance.directors import (
    Score,
    array,
    label_application,
    participant,
    voucher_application,
    wants_label,
    wants_voucher,
)
from croissance.population import Company, Population
from diagnostic.measures.plan import calls_of, plan
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.reading import read_whole
from diagnostic.questionnaire.sheet import blank
from diagnostic.scoring.scores import score
from france.siren import siret_of

TEMPLATES: Final = 5_000
"""Companies drawn; enough that answers, places and sectors vary as in the whole population."""

BATCH: Final = 1_000
"""Companies a request: the most that a door takes."""

_SMALL: Final = frozenset({"NN", "00", "01", "02", "03", "11", "12", "21", "22", "31"})
"""Headcount bands below 250 employees: the companies that the platform is for."""


class Template(NamedTuple):
    """The bodies of a drawn company; empty where it asks for nothing."""

    siren: bytes
    siret: bytes
    registration: bytes
    diagnosis: bytes
    label: bytes
    voucher: bytes

    def registered_as(self, siren: str) -> bytes:
        """Its registration under another SIREN."""
        return self.registration.replace(self.siret, siret_of(siren, 1).encode())


class Wave(NamedTuple):
    """Up to `BATCH` companies: one request body a door; `labels` and `vouchers` may be empty."""

    companies: int
    registrations: bytes
    diagnoses: bytes
    labels: bytes
    vouchers: bytes


def templates(count: int = TEMPLATES, seed: int = 1) -> list[Template]:
    """Draw templates; takes about half a second a thousand."""
    drawn = Population(seed).draw(0, count * 2)
    return list(islice((_template(company) for company in drawn if company.headcount_code in _SMALL), count))


def _template(company: Company) -> Template:
    who = participant(company)
    sheet, faults = read_whole(COMPLET, msgspec.json.decode(who.answers), blank(COMPLET))
    if faults:
        raise ValueError(f"the population gives wrong answers: {faults}")
    result = score(sheet)
    steps = plan(calls_of(sheet), result.parts)
    told = Score(result.global_score, result.scores, [step.measure.id for step in steps])
    categories = {step.measure.id: step.measure.spend_categories for step in steps}
    asks = voucher_application(who, told, categories) if wants_voucher(who, told) else None
    identity = uuid5(NAMESPACE_URL, f"benchmark/{company.rank}")
    diagnosis = b'{"siren":"%b","diagnostic_id":"%b","answers":%b}' % (
        who.siren.encode(),
        str(identity).encode(),
        who.answers,
    )
    return Template(
        who.siren.encode(),
        company.siret.encode(),
        who.registration,
        diagnosis,
        msgspec.json.encode(label_application(who)) if wants_label(who, told) else b"",
        msgspec.json.encode(asks) if asks else b"",
    )


def waves(companies: int, kinds: list[Template], seed: int = 1, size: int = BATCH) -> Iterator[Wave]:
    """The requests of `companies` companies, in order, `size` a request; memory holds one wave."""
    population = Population(seed)
    for start in range(0, companies, size):
        ranks = range(start, min(start + size, companies))
        who = [(kinds[rank % len(kinds)], population.siren(rank)) for rank in ranks]
        yield Wave(
            len(ranks),
            array(kind.registered_as(siren) for kind, siren in who),
            array(kind.diagnosis.replace(kind.siren, siren.encode()) for kind, siren in who),
            _some(kind.label.replace(kind.siren, siren.encode()) for kind, siren in who if kind.label),
            _some(kind.voucher.replace(kind.siren, siren.encode()) for kind, siren in who if kind.voucher),
        )


def sirens(companies: int, seed: int = 1) -> Iterator[str]:
    """The SIRENs of `waves`, in order."""
    population = Population(seed)
    return (population.siren(rank) for rank in range(companies))


def _some(items: Iterator[bytes]) -> bytes:
    body = array(items)
    return b"" if body == b"[]" else body
