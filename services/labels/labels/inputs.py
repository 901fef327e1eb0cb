"""What this service reads: the fields it needs of other services' events, its commands and its deadlines."""

from dataclasses import dataclass
from datetime import date, datetime

# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Company:
    """The part of a company's profile that the label looks at or shows.

    Attributes:
        name: None when the company's data may not be shown.
        naf: code of the main activity, "62.01Z".
        departement: INSEE code of its establishment, "" when it is not in France.
        region: INSEE code, "" when unknown or outside the regions.
        active: false once the company or its establishment has closed.
        sme_category: micro, petite, moyenne, hors_pme or inconnu (Recommendation 2003/361/EC).
    """

    name: str | None
    naf: str
    departement: str
    region: str
    active: bool
    sme_category: str


@dataclass(frozen=True, slots=True)
class DiagnosticCompleted:
    """A diagnosis was submitted; only the kind "complet" counts for the label."""

    diagnostic_id: str
    kind: str
    stage: str
    completed_at: datetime
    scores: dict[str, float]
    global_score: float
    company: Company


@dataclass(frozen=True, slots=True)
class CompanyProfileUpdated:
    """A company's profile changed; `version` grows with every change."""

    company: Company
    version: int


# --- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a file says of one commitment of the charter.

    Attributes:
        number: number of the commitment, 1 to 12.
        engaged: the company takes this commitment.
        proofs: addresses (http, https) or references of documents; never personal data.
    """

    number: int
    engaged: bool
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApplyForLabel:
    """A company asks for the label. Key: its SIREN.

    Attributes:
        charter_version: version of the charter that is signed.
        engagements: one entry a commitment, in order of number.
        signed: the legal representative signed the charter.
        signed_on: day of the signature, Europe/Paris; None when not signed.
        no_insolvency: the company declares that no insolvency procedure is running.
        no_clawback_debt: the company declares that it owes no clawback of public aid.
    """

    charter_version: str
    engagements: tuple[Engagement, ...]
    signed: bool
    signed_on: date | None
    no_insolvency: bool
    no_clawback_debt: bool


@dataclass(frozen=True, slots=True)
class OfferPlace:
    """An operator releases free places: give one to this waiting company if it is its turn. Key: its SIREN."""


@dataclass(frozen=True, slots=True)
class SetCohortCap:
    """An operator changes how many labels a programme year may grant. Key: `cohorte-<year>`."""

    year: int
    cap: int


# --- deadlines -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceReviewDue:
    """New places open for a waiting company: a programme year begins, or the regional reserve is freed."""


@dataclass(frozen=True, slots=True)
class LabelTermReached:
    """A label has come to the end of its validity."""

    label_id: str
