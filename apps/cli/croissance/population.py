"""A made-up population of French SMEs: the same seed gives the same companies, one by one, in flat memory.

Numbers are well-formed (SIREN and SIRET pass their check digits) and places are real, drawn by population; names,
activities and answers are invented. A number may by chance be that of a real company: never mix with real data.
"""

import gzip
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import accumulate, islice
from random import Random
from typing import Final, NamedTuple

import msgspec

from croissance.adoption import QUESTIONS, draw_answer
from croissance.economy import (
    ALONE_FORMS,
    EMPLOYER_FORMS,
    EMPLOYERS_FROM,
    HEADCOUNTS,
    QUALIFIERS,
    REGIONS,
    SECTORS,
)
from france.siren import siren_of, siret_of

BLOCK: Final = 256
"""Companies drawn from one seeded source: any block can be drawn without those before it."""

LEVELS: Final = 33
LEVEL_STEP: Final = 0.2
"""Maturity is cut into levels of this many standard deviations, centred on 0."""

VARIANTS: Final = 64
"""Answers drawn in advance for each question and level: a company picks one of them."""

COMPANY_SPREAD: Final = 0.62
DIMENSION_SPREAD: Final = 0.45
"""Standard deviations of what sector, size and region do not explain: of the company, and of each dimension in it."""

WORKSHOP_SECTORS: Final = frozenset("CF")
"""NAF sections whose companies make something."""

OLDEST: Final = date(1985, 1, 1).toordinal()
NEWEST: Final = date(2025, 6, 30).toordinal()
"""Days of creation lie between these; a fixed end keeps a population the same from day to day."""

_SIREN_FROM: Final = 30_000_000
_SIREN_PRIME: Final = 69_999_989
_LA_POSTE: Final = 35_600_000
_SPARE: Final = _SIREN_FROM + _SIREN_PRIME
"""First eight digits of the SIRENs, from 300000000 on as companies have; their count is prime: any step reaches all."""


@dataclass(frozen=True, slots=True)
class Commune:
    """A place, with its legal population."""

    code: str
    name: str
    departement: str
    region: str
    population: int


class Company(NamedTuple):
    """One made-up company.

    Attributes:
        rank: its place in the population, from 0.
        siren: 9 digits.
        siret: 14 digits of the head office.
        name: business name.
        naf: activity code, NAF rév. 2.
        legal_form: INSEE legal category.
        headcount_code: INSEE headcount band.
        commune: INSEE code.
        departement: its department.
        region: INSEE code of its region.
        created_on: ISO date.
        answers: answers to the full diagnosis as a JSON object.
        dice: 48 random bits for what it does later (applies, how much it spends, which proofs it has).
    """

    rank: int
    siren: str
    siret: str
    name: str
    naf: str
    legal_form: str
    headcount_code: str
    commune: str
    departement: str
    region: str
    created_on: str
    answers: bytes
    dice: int


class _Activity(NamedTuple):
    """A NAF code with what a draw needs of its section."""

    naf: str
    trades: tuple[str, ...]
    maturity: float
    workshop: bool
    headcounts: tuple[int, ...]


def communes() -> Iterator[Commune]:
    """Every inhabited commune of the 18 regions (code officiel géographique 2026, legal populations)."""
    text = gzip.decompress((files("croissance") / "data" / "communes.csv.gz").read_bytes()).decode()
    for line in islice(text.splitlines(), 1, None):
        code, name, departement, region, population = line.split(",")
        yield Commune(code, name, departement, region, int(population))


def _cumulated(weights: dict[str, int]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return tuple(weights), tuple(accumulate(weights.values()))


class Population:
    """All companies of a seed: draw any range of them, any number of times, with the same result."""

    def __init__(self, seed: int = 1) -> None:
        """Precompute the tables of draws (about 50 ms)."""
        self.seed = seed
        rng = Random(f"sirens/{seed}")  # noqa: S311  made-up companies, no secrets
        self._step = rng.randrange(1, _SIREN_PRIME)
        self._shift = rng.randrange(_SIREN_PRIME)
        self._communes = tuple(communes())
        self._commune_sums = tuple(accumulate(commune.population for commune in self._communes))
        self._activities, self._activity_sums = _activities()
        self._bands = tuple((code, maturity) for code, (_, maturity) in HEADCOUNTS.items())
        self._forms = (_cumulated(ALONE_FORMS), _cumulated(EMPLOYER_FORMS))
        self._answers: dict[tuple[int, bool, int], tuple[bytes, ...]] = {}

    def siren(self, index: int) -> str:
        """The SIREN of the company of this rank; all differ below 69,999,989."""
        first_eight = _SIREN_FROM + (self._step * index + self._shift) % _SIREN_PRIME
        return siren_of(_SPARE if first_eight == _LA_POSTE else first_eight)

    def draw(self, start: int, stop: int) -> Iterator[Company]:
        """The companies of ranks `start` (included) to `stop` (excluded), in order."""
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            first = block * BLOCK
            for company in self._block(block):
                if start <= company.rank < stop:
                    yield company
            if first >= stop:
                return

    def _block(self, block: int) -> list[Company]:
        """The 256 companies of a block."""
        rng = Random(f"companies/{self.seed}/{block}")  # noqa: S311
        return [self._company(index, rng) for index in range(block * BLOCK, (block + 1) * BLOCK)]

    def _company(self, index: int, rng: Random) -> Company:
        random = rng.random
        commune = self._communes[bisect(self._commune_sums, random() * self._commune_sums[-1])]
        activity = self._activities[bisect(self._activity_sums, random() * self._activity_sums[-1])]
        size = bisect(activity.headcounts, random() * activity.headcounts[-1])
        band, size_maturity = self._bands[size]
        forms, form_sums = self._forms[size >= EMPLOYERS_FROM]
        form = forms[bisect(form_sums, random() * form_sums[-1])]
        dice = rng.getrandbits(48)
        siren = self.siren(index)
        name = f"{activity.trades[dice % len(activity.trades)]} {QUALIFIERS[(dice >> 8) % len(QUALIFIERS)]}"
        age = random() * random()
        created = date.fromordinal(NEWEST - int(age * (NEWEST - OLDEST)))
        maturity = REGIONS[commune.region] + activity.maturity + size_maturity + rng.gauss(0, COMPANY_SPREAD)
        return Company(
            index,
            siren,
            siret_of(siren, 1 + (dice >> 16) % 4),
            name,
            activity.naf,
            form,
            band,
            commune.code,
            commune.departement,
            commune.region,
            created.isoformat(),
            self._sheet(maturity, rng, workshop=activity.workshop),
            dice,
        )

    def _sheet(self, maturity: float, rng: Random, *, workshop: bool) -> bytes:
        """Answers to every question: each dimension strays from the company's maturity on its own."""
        middle = LEVELS // 2
        levels: list[int] = []
        for _ in range(8):
            level = middle + round((maturity + rng.gauss(0, DIMENSION_SPREAD)) / LEVEL_STEP)
            levels.append(min(max(level, 0), LEVELS - 1))
        picks = rng.getrandbits(6 * len(QUESTIONS))
        parts: list[bytes] = []
        for number, question in enumerate(QUESTIONS):
            variants = self._variants(number, workshop, levels[question.dimension])
            parts.append(variants[picks & 63])
            picks >>= 6
        return b"{%b}" % b",".join(parts)

    def _variants(self, number: int, workshop: bool, level: int) -> tuple[bytes, ...]:
        """Answers to a question at a level, drawn once from a source of their own."""
        question = QUESTIONS[number]
        key = (number, workshop and bool(question.workshop), level)
        known = self._answers.get(key)
        if known is None:
            rng = Random(f"answers/{self.seed}/{key}")  # noqa: S311
            maturity = (level - LEVELS // 2) * LEVEL_STEP
            known = self._answers[key] = tuple(
                b'"%b":%b'
                % (question.id.encode(), msgspec.json.encode(draw_answer(question, maturity, rng, workshop=key[1])))
                for _ in range(VARIANTS)
            )
        return known


def _activities() -> tuple[tuple[_Activity, ...], tuple[float, ...]]:
    """Every NAF code with its weight among all companies, cumulated."""
    activities: list[_Activity] = []
    weights: list[float] = []
    for section, sector in SECTORS.items():
        sizes = [1.0 if rank < EMPLOYERS_FROM else sector.size for rank in range(len(HEADCOUNTS))]
        shares = [share for share, _ in HEADCOUNTS.values()]
        headcounts = tuple(accumulate(round(1000 * n * size) for n, size in zip(shares, sizes, strict=True)))
        total = sum(sector.codes.values())
        for naf, weight in sector.codes.items():
            activities.append(_Activity(naf, sector.trades, sector.maturity, section in WORKSHOP_SECTORS, headcounts))
            weights.append(sector.share * weight / total)
    return tuple(activities), tuple(accumulate(weights))
