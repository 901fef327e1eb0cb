"""What comes to a company's file: the fields it needs of others' events, an application, the term of a label."""

from datetime import date, datetime

import msgspec

from common.declare.inputs import Command, Consumed, Deadline

# --- events ----------------------------------------------------------------------------------------------------------


class Company(msgspec.Struct, frozen=True, gc=False):
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


class DiagnosticCompleted(Consumed, frozen=True):
    """A diagnosis was submitted; only the kind "complet" counts for the label. `company_version` is its snapshot's."""

    diagnostic_id: str
    kind: str
    stage: str
    completed_at: datetime
    scores: dict[str, float]
    global_score: float
    company: Company
    company_version: int = 1


class CompanyProfileUpdated(Consumed, frozen=True):
    """A company's profile changed; `version` grows with every change."""

    company: Company
    version: int


# --- commands --------------------------------------------------------------------------------------------------------


class Engagement(msgspec.Struct, frozen=True, gc=False):
    """What a file says of one commitment of the charter.

    Attributes:
        number: number of the commitment, 1 to 12.
        engaged: the company takes this commitment.
        proofs: addresses (http, https) or references of documents; never personal data.
    """

    number: int
    engaged: bool
    proofs: tuple[str, ...]


class ApplyForLabel(Command, frozen=True):
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


# --- deadlines -------------------------------------------------------------------------------------------------------


class LabelTermReached(Deadline, frozen=True):
    """A label has come to the end of its validity."""

    label_id: str
