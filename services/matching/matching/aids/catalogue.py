"""Aids and resources: which ones fit a company, with three-valued verdicts, for the price of a few integer operations.

Each aid is one bit. A condition (size, activity, age…) excludes or leaves open a set of aids that depends on one datum
of the company only; these sets are worked out once per value with the same tests as everywhere, then combined.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias

from matching.aids.aid import Aid
from matching.criteria import text
from matching.criteria.memo import kept
from matching.criteria.profile import Profile
from matching.criteria.verdict import NO, UNKNOWN, Check, RegionAmong, ValidOn, filter_checks
from matching.events import Programme
from matching.ruleset import Ruleset

Open: TypeAlias = Literal["eligible", "partiel", "inconnu"]
"""Verdicts of an aid that may be recommended."""

Verdict: TypeAlias = Literal["eligible", "partiel", "inconnu", "non_eligible", "termine"]

FREE_HELP: Final = "accompagnement_gratuit"
KINDS: Final = (FREE_HELP, "accompagnement", "formation", "subvention", "pret", "fiscal", "ressource")
"""Kinds in order of display: free help, help, training, grants, loans, tax, guides."""

_DATUM: Final[dict[str, Callable[[Profile], object]]] = {
    "region": lambda profile: profile.company.region,
    "effectif": lambda profile: profile.headcount,
    "anciennete": lambda profile: profile.age,
    "naf": lambda profile: (profile.company.naf, profile.company.naf_nomenclature),
    "forme": lambda profile: profile.company.legal_form,
    "commune_exclue": lambda profile: profile.company.commune,
    "validite": lambda profile: profile.today,
}
"""The datum each criterion depends on."""

_Case: TypeAlias = tuple[tuple[str, ...], int, tuple[tuple[str, int], ...]]
"""Subjects, aids excluded, aids left open by each criterion: what a recommendation depends on."""

_Masks: TypeAlias = dict[object, tuple[int, int]]


class _Criterion(NamedTuple):
    """One criterion over the whole catalogue: which aids test it, and what each value of its datum gives."""

    name: str
    datum: Callable[[Profile], object]
    tests: tuple[tuple[int, Callable[[Profile], str]], ...]
    known: _Masks

    def learn(self, datum: object, profile: Profile) -> tuple[int, int]:
        """Bits of the aids this criterion excludes, and of those it leaves open; kept in `known`."""
        excluded = opened = 0
        for bit, test in self.tests:
            verdict = test(profile)
            excluded |= bit if verdict == NO else 0
            opened |= bit if verdict == UNKNOWN else 0
        return kept(self.known, datum, (excluded, opened))


class Assessment(NamedTuple):
    """The verdict on one aid for one company: eligible, partiel, inconnu, non_eligible or termine."""

    aid: Aid
    verdict: Verdict
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


class Catalogue:
    """The aids, compiled. Bits follow the order of display: free help, help, training, grants, loans, tax, guides."""

    def __init__(self, aids: Sequence[Aid], ruleset: Ruleset) -> None:
        """Compile aids.

        Raises:
            ValueError: two aids have one id.
        """
        self.aids: tuple[Aid, ...] = tuple(sorted(aids, key=_display_order))
        if len({aid.id for aid in aids}) != len(aids):
            raise ValueError("two aids have the same id")
        self._ruleset = ruleset
        self._subjects: dict[str, int] = {}
        kinds: dict[str, int] = dict.fromkeys(KINDS, 0)
        tests: dict[str, list[tuple[int, Callable[[Profile], str]]]] = {}
        for index, aid in enumerate(self.aids):
            bit = 1 << index
            for subject in aid.sujets:
                self._subjects[subject] = self._subjects.get(subject, 0) | bit
            kinds[kind_of(aid)] |= bit
            for criterion, test in aid_checks(aid):
                tests.setdefault(criterion, []).append((bit, test))
        self._kinds = tuple((mask, ruleset.aids.quotas[kind]) for kind, mask in kinds.items())
        self._criteria = tuple(_Criterion(name, _DATUM[name], tuple(found), {}) for name, found in tests.items())
        self._wanted: dict[tuple[str, ...], int] = {}
        self._known: dict[_Case, tuple[Programme, ...]] = {}
        self._plain: dict[str, list[Programme | None]] = {subject: [None] * len(aids) for subject in self._subjects}
        self._doubtful: dict[tuple[int, str, tuple[str, ...]], Programme] = {}

    def recommend(self, profile: Profile, subjects: tuple[str, ...]) -> tuple[Programme, ...]:
        """The programmes to show: none that excludes the company, main subject first inside each kind."""
        wanted = self._wanted.get(subjects)
        if wanted is None:
            wanted = self._want(subjects)
        excluded = 0
        open_by: tuple[tuple[str, int], ...] = ()
        for criterion in self._criteria:
            name, datum_of, _, known = criterion
            datum = datum_of(profile)
            no, unknown = known.get(datum) or criterion.learn(datum, profile)
            excluded |= no
            unknown &= wanted
            if unknown:
                open_by += ((name, unknown),)
        excluded &= wanted  # what happens to the aids of other subjects makes no other case
        case = (subjects, excluded, open_by)
        found = self._known.get(case)
        if found is None:
            found = kept(self._known, case, self._select(subjects, excluded, open_by))
        return found

    def _want(self, subjects: tuple[str, ...]) -> int:
        """Bits of the aids that answer one of these subjects."""
        wanted = 0
        for subject in subjects:
            wanted |= self._subjects.get(subject, 0)
        return kept(self._wanted, subjects, wanted)

    def _select(
        self, subjects: tuple[str, ...], excluded: int, open_by: tuple[tuple[str, int], ...]
    ) -> tuple[Programme, ...]:
        opened = 0
        for _, mask in open_by:
            opened |= mask
        masks = [self._subjects.get(subject, 0) & ~excluded for subject in subjects]
        main, other = masks[0], 0
        for mask in masks[1:]:
            other |= mask
        shown: list[Programme] = []
        for mains, others, room in self._rooms(main, other & ~main):
            for bit in _lowest(mains, others, room):
                place = 0
                while not masks[place] & bit:
                    place += 1
                index = bit.bit_length() - 1
                found = None if opened & bit else self._plain[subjects[place]][index]
                shown.append(self._programme(index, subjects[place], open_by) if found is None else found)
        return tuple(shown)

    def _rooms(self, main: int, other: int) -> list[tuple[int, int, int]]:
        """For each kind that has aids to show: those of the main subject, the others, and how many may be shown.

        Quotas come first, then the places that stay free.
        """
        every = main | other
        free = self._ruleset.aids.shown
        fitting: list[tuple[int, int, int]] = []
        for mask, quota in self._kinds:
            found = every & mask
            if found:
                count = found.bit_count()
                kept = min(quota, count)
                free -= kept
                fitting.append((mask, kept, count - kept))
        rooms: list[tuple[int, int, int]] = []
        for mask, kept, more in fitting:
            extra = min(free, more) if free > 0 else 0
            free -= extra
            rooms.append((main & mask, other & mask, kept + extra))
        return rooms

    def _programme(self, index: int, subject: str, open_by: Sequence[tuple[str, int]]) -> Programme:
        """An aid as recommended for a subject; made once for each set of criteria left open."""
        unknown = tuple([name for name, mask in open_by if mask >> index & 1])
        if not unknown:
            made = self._plain[subject][index] = self._make(index, subject, ())
            return made
        found = self._doubtful.get((index, subject, unknown))
        if found is None:
            found = self._doubtful[index, subject, unknown] = self._make(index, subject, unknown)
        return found

    def _make(self, index: int, subject: str, unknown: tuple[str, ...]) -> Programme:
        aid = self.aids[index]
        label = self._ruleset.subjects.get(subject, subject)
        reasons = (f"Répond à votre besoin : {label}.", *_common_reasons(aid, unknown))
        absent = tuple(text.CRITERIA[criterion, UNKNOWN] for criterion in unknown)
        verdict = _verdict(aid, unknown)
        return Programme(aid.id, aid.name, aid.nature, verdict, reasons, absent, aid.url, aid.operator)

    def assess(self, profile: Profile, subjects: Sequence[str] = ()) -> list[Assessment]:
        """The verdict on every aid of these subjects (all, when none is given), in order of display."""
        wanted = set(subjects)
        return [assess(aid, profile) for aid in self.aids if not wanted or not wanted.isdisjoint(aid.sujets)]


def aid_checks(aid: Aid) -> list[Check]:
    """Every condition of an aid that a rule computes."""
    checks = [*filter_checks(aid.filters)]
    if aid.regions:
        checks.append(Check("region", RegionAmong(frozenset(aid.regions))))
    if aid.valid_from is not None or aid.valid_until is not None:
        checks.append(Check("validite", ValidOn(aid.valid_from or date.min, aid.valid_until or date.max)))
    return checks


def assess(aid: Aid, profile: Profile) -> Assessment:
    """The verdict on one aid for one company, with its reasons and the missing data."""
    verdicts = [(criterion, test(profile)) for criterion, test in aid_checks(aid)]
    refused = [criterion for criterion, verdict in verdicts if verdict == NO]
    unknown = [criterion for criterion, verdict in verdicts if verdict == UNKNOWN]
    absent = tuple(text.CRITERIA[criterion, UNKNOWN] for criterion in unknown)
    if refused:
        verdict: Verdict = "termine" if "validite" in refused else "non_eligible"
        return Assessment(aid, verdict, tuple(text.CRITERIA[criterion, NO] for criterion in refused), absent)
    return Assessment(aid, _verdict(aid, unknown), _common_reasons(aid, unknown), absent)


def _verdict(aid: Aid, unknown: Sequence[str]) -> Open:
    """Unknown while a datum is missing; partial while the operator has conditions that no rule computes."""
    if unknown:
        return "inconnu"
    return "partiel" if aid.autres_conditions else "eligible"


def _common_reasons(aid: Aid, unknown: Sequence[str]) -> tuple[str, ...]:
    """What is true of an aid for every company that it does not exclude."""
    said = ["Gratuit pour l'entreprise."] if aid.gratuit else []
    if aid.regions and "region" not in unknown:
        said.append("Proposé dans votre région.")
    said += [f"À vérifier : {condition}" for condition in aid.autres_conditions]
    if aid.a_verifier:
        said.append(f"Informations de {aid.verifie_en} : à confirmer auprès de l'opérateur ({aid.operator}).")
    return tuple(said)


def _lowest(first: int, then: int, count: int) -> list[int]:
    """The lowest `count` bits of `first`, completed by those of `then`."""
    bits: list[int] = []
    while first and len(bits) < count:
        bits.append(first & -first)
        first &= first - 1
    while then and len(bits) < count:
        bits.append(then & -then)
        then &= then - 1
    return bits


def kind_of(aid: Aid) -> str:
    """The kind an aid is shown under: its nature, free help apart."""
    return FREE_HELP if aid.gratuit and aid.nature == "accompagnement" else aid.nature


def _display_order(aid: Aid) -> tuple[int, bool, str]:
    return KINDS.index(kind_of(aid)), not aid.regions, aid.id
