"""What this service publishes on `croissance.diagnostic.v1`, keyed by SIREN."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from pydantic import Field

from common.declare.event import Event
from diagnostic.terms import BandName, ExpressBandName, FormKind, Stage

Siren: TypeAlias = Annotated[str, Field(pattern=r"^\d{9}$")]
Score: TypeAlias = Annotated[float, Field(ge=0, le=100)]


@dataclass(frozen=True, slots=True)
class Company:
    """The company snapshot that companies publishes, kept and published again with each diagnosis.

    Attributes:
        siret: 14 digits of the head office.
        name: business name; None where the company asked not to be published.
        naf: activity code with its dot, `62.01Z`.
        naf_nomenclature: `NAFRev2` or `NAF2025`.
        legal_form: INSEE legal category, 4 digits, or "".
        headcount_code: INSEE headcount band: NN, 00, 01 … 53, or "".
        commune: INSEE code of the commune, or "".
        departement: code of the department, or "".
        region: INSEE code of the region, or "".
        created_on: date of creation, if known.
        active: False once the company has ceased.
        sme_category: micro, petite, moyenne, hors_pme or inconnu.
    """

    siret: str
    name: str | None
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    commune: str
    departement: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str


class Measure(msgspec.Struct, frozen=True, gc=False):
    """One step of the plan proposed to the company.

    Attributes:
        id: `Q3.site_web`, or `Q3.clarifier` when an answer was « je ne sais pas ».
        label: French sentence.
        dimension: D1..D6, C1, C2.
        subject: what an adviser must know (`cybersecurite`, `vente_en_ligne`, …).
        spend_categories: categories of eligible spending of the chèque numérique that carry it out.
    """

    id: str
    label: str
    dimension: str
    subject: str
    spend_categories: tuple[str, ...]


class DiagnosticStarted(Event, frozen=True, kw_only=True):
    """A company opened a draft. `stage` is what it would be if submitted at once."""

    siren: Siren
    diagnostic_id: str
    kind: FormKind
    stage: Stage
    referential: str
    region: str


class DiagnosticCompleted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A company submitted a full diagnosis; it will never change.

    Attributes:
        siren: the company.
        diagnostic_id: UUID.
        kind: always `complet`.
        stage: T0 (first), T1 (9-15 months after), T2 (21-27 months after), libre.
        referential: questionnaire and version, `DMA-PME/2026.1`.
        ruleset_version: version of weights, bands and plan rules.
        completed_at: time of submission.
        scores: D1..D6, C1, C2 on 0-100, each the number closest to the exact score: round to one decimal to show them.
        global_score: mean of D1..D6, the number closest to the exact one.
        band: of the exact global score.
        gaps: ambition_sans_moyens, outils_sans_competences, donnees_sans_securite.
        measures: the plan, most useful first.
        spend_categories: every category of spending that a gap of this diagnosis calls for, the plan's and the others'.
        unknown_items: items answered « je ne sais pas », as `Q4.cao_fao`.
        company: the company at that time.
        region: INSEE code of its region, or "".
        valid_until: last Paris day on which it counts for the label and the chèque.
        company_version: version of `company`, as companies counts it; absent: 1.
        called_measures: every measure the answers call for, the plan's and the others: hexadecimal of one bit an item
            of the questionnaire, in its order, then one a question for its « clarifier »; the first is the highest.
    """

    siren: Siren
    diagnostic_id: str
    kind: Literal["complet"]
    stage: Stage
    referential: str
    ruleset_version: str
    completed_at: datetime
    scores: dict[str, Score]
    global_score: Score
    band: BandName
    gaps: tuple[str, ...]
    measures: tuple[Measure, ...]
    spend_categories: tuple[str, ...]
    unknown_items: tuple[str, ...]
    company: Company
    region: str
    valid_until: date | None = None
    company_version: Annotated[int, Field(ge=1)] = 1
    called_measures: Annotated[str, Field(pattern=r"^[0-9a-f]*$")] = ""


class ExpressDiagnosticCompleted(Event, frozen=True, kw_only=True):
    """A company submitted an express form: an idea of where it stands, never a way to the label or the chèque."""

    siren: Siren
    diagnostic_id: str
    referential: str
    completed_at: datetime
    points: Annotated[int, Field(ge=0, le=12)]
    band: ExpressBandName
    basic: bool
    region: str
