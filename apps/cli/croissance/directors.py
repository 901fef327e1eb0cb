"""What the directors of made-up companies do: register, answer, apply for the label, ask for a chèque. Pure.

Each choice is drawn from the company's own dice, so that a second run makes the same requests, word for word.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from croissance.population import Company
from france.siren import siren_of

NAMESPACE: Final = UUID("0b6f7d7e-6f0e-5f0c-9d57-2f3c5c1f8a10")
OBSERVED: Final = "2026-01-01T00:00:00Z"
SIGNED_ON: Final = "2026-01-15"
CHARTER: Final = "2026.1"
ENVELOPE: Final = "cheque-2026"
COMPULSORY: Final = (1, 2, 3, 4, 5, 6)
OPTIONAL: Final = (7, 8, 9, 10, 11, 12)

APPLIES: Final = 90
"""Of 128 companies above the bar, so many apply for the label."""

TRIES: Final = 6
"""Of 128 companies close below the bar, so many apply all the same, and are refused."""

INCOMPLETE: Final = 12
"""Of 128 files, so many lack a compulsory proof."""

ASKS, ASKS_MATURE = 12, 44
"""Of 128 companies, so many ask for a chèque: of all, and of those above the bar of the label."""

CARELESS: Final = 8
"""Of 128 chèque files, so many ask for something that is not eligible, or declare late taxes."""

BAR: Final = 50.0
CLOSE: Final = 40.0
FLOORS: Final = {"D2": 25.0, "D3": 25.0, "D4": 25.0}
"""What a director reads of the admission rules."""

_encode = msgspec.json.Encoder().encode


class Participant(NamedTuple):
    """A company that takes part, made up or real, with what it will send.

    Attributes:
        siren: 9 digits.
        region: INSEE code, "" when unknown before the register answers.
        registration: JSON of its registration.
        answers: JSON of its answers to the diagnosis.
        dice: 48 random bits.
    """

    siren: str
    region: str
    registration: bytes
    answers: bytes
    dice: int


class Score(NamedTuple):
    """What the diagnosis told a director."""

    global_score: float
    scores: Mapping[str, float]
    plan: Sequence[str]

    @property
    def passes(self) -> bool:
        """Whether the label is within reach."""
        return self.global_score > BAR and all(self.scores.get(name, 0) > floor for name, floor in FLOORS.items())


def participant(company: Company) -> Participant:
    """A made-up company as a participant."""
    registration = {
        "siret": company.siret,
        "name": company.name,
        "naf": company.naf,
        "naf_nomenclature": "NAFRev2",
        "legal_form": company.legal_form,
        "headcount_code": company.headcount_code,
        "insee_category": "PME",
        "commune": company.commune,
        "created_on": company.created_on,
        "source": "sirene_stock",
        "observed_at": OBSERVED,
    }
    return Participant(company.siren, company.region, _encode(registration), company.answers, company.dice)


def diagnosis(who: Participant, seed: int) -> bytes:
    """JSON of a whole diagnosis; its id is the same in every run."""
    identity = uuid5(NAMESPACE, f"{seed}/{who.siren}")
    return b'{"siren":"%b","diagnostic_id":"%b","answers":%b}' % (
        who.siren.encode(),
        str(identity).encode(),
        who.answers,
    )


def array(items: Iterable[bytes]) -> bytes:
    """A JSON array of JSON documents."""
    return b"[%b]" % b",".join(items)


def contact(siren: str) -> dict[str, str]:
    """A contact that can never be a real address (RFC 2606)."""
    return {"siren": siren, "email": f"direction@e{siren}.example", "name": "Direction"}


# --- the label -------------------------------------------------------------------------------------------------------


def wants_label(who: Participant, score: Score) -> bool:
    """Whether the director applies: most of those who can pass, a few of those who come close."""
    draw = who.dice >> 20 & 127
    return draw < APPLIES if score.passes else score.global_score > CLOSE and draw < TRIES


def label_application(who: Participant) -> dict[str, Any]:
    """The file: nearly always with its six compulsory proofs, and some of the others."""
    missing = COMPULSORY[who.dice % 6] if who.dice >> 27 & 127 < INCOMPLETE else 0
    site = f"https://e{who.siren}.example"
    commitments: list[dict[str, Any]] = []
    for number in COMPULSORY:
        proofs = [] if number == missing else [f"{site}/preuve-{number}"]
        commitments.append({"number": number, "engaged": True, "proofs": proofs})
    for number in OPTIONAL:
        engaged = bool(who.dice >> 34 + number & 1)
        commitments.append(
            {"number": number, "engaged": engaged, "proofs": [f"{site}/plus-{number}"] if engaged else []}
        )
    return {
        "siren": who.siren,
        "charter_version": CHARTER,
        "signature": {"signed": True, "signed_on": SIGNED_ON},
        "commitments": commitments,
        "declarations": {"no_insolvency": True, "no_clawback_debt": True},
    }


# --- the chèque ------------------------------------------------------------------------------------------------------


def wants_voucher(who: Participant, score: Score) -> bool:
    """Whether the director asks for a chèque: the more mature have more projects."""
    return who.dice >> 13 & 127 < (ASKS_MATURE if score.passes else ASKS) and bool(score.plan)


def voucher_application(
    who: Participant, score: Score, categories: Mapping[str, Sequence[str]]
) -> dict[str, Any] | None:
    """The file: spend on the first measures of the plan; None when no measure of it leads to spending.

    Args:
        who: the company.
        score: its result, with its plan.
        categories: measure → categories of spend that it leads to.
    """
    draw = who.dice >> 6
    lines = list(_lines(draw, score.plan, categories))
    if not lines:
        return None
    careless = who.dice >> 41 & 127 < CARELESS
    if careless and draw & 1:
        lines[0] = {**lines[0], "category": "materiel"}
    return {
        "siren": who.siren,
        "envelope_id": ENVELOPE,
        "lines": lines,
        "declarations": {
            "taxes_up_to_date": not careless or bool(draw & 1),
            "social_up_to_date": True,
            "no_recovery_order": True,
            "de_minimis_declared_cents": (draw & 7) * 100_000,
        },
    }


def _lines(draw: int, plan: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    """One to three lines of different categories, 2,000 to 12,000 euros in all for most."""
    taken: set[str] = set()
    wanted = 1 + draw % 3
    for measure in plan:
        category = next((c for c in categories.get(measure, ()) if c != "visibilite" and c not in taken), None)
        if category is None:
            continue
        taken.add(category)
        amount = (1200 + (draw >> 4 & 63) ** 2 * 3 // 2 + len(taken) * 300) * 100
        supplier = siren_of(99_999_000 - (draw >> 10) % 400 - len(taken))
        yield {"category": category, "supplier_siren": supplier, "amount_cents": amount, "measure_id": measure}
        if len(taken) == wanted:
            return
