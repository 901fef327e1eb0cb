"""What a company says of itself and of its spend, what is known of it, and why it may be refused."""

from datetime import date, datetime

import msgspec


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a file is refused or cannot be judged: a code for machines, a French sentence for people."""

    code: str
    sentence: str


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What is known of the company; `version` as the company register counts it."""

    naf: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str
    version: int = 0


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A measure of the plan that a diagnosis gives, with the spend categories it may lead to (none: any)."""

    id: str
    spend_categories: tuple[str, ...]


class Diagnostic(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The last full diagnosis: which measures it calls for, where its referential is known; else its plan.

    Attributes:
        id: of the diagnosis.
        completed_at: when it was submitted.
        measures: its plan.
        spend_categories: every category that one of its gaps calls for, in the plan or not.
        referential: questionnaire and version, one of `eligibility.measures.REFERENTIALS`, or "".
        called_measures: see `eligibility.measures.called`.
    """

    id: str
    completed_at: datetime
    measures: tuple[Measure, ...] = ()
    spend_categories: tuple[str, ...] = ()
    referential: str = ""
    called_measures: str = ""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of spend: category, supplier, amount before VAT in cents, measure it carries out, day of the order."""

    category: str
    supplier_siren: str
    amount_cents: int
    measure_id: str
    ordered_on: date | None = None


class Declarations(msgspec.Struct, frozen=True, gc=False):
    """What the legal representative declares on honour.

    Attributes:
        taxes_up_to_date: tax returns filed and taxes paid.
        social_up_to_date: social contributions declared and paid.
        no_recovery_order: no unpaid recovery order after a Commission decision on unlawful aid.
        de_minimis_declared_cents: de minimis aid received or asked for in the last three years by the single
            undertaking, chèques of this service left out, in euro cents.
        other_public_aid_cents: other public aid on the very same spend, in euro cents.
    """

    taxes_up_to_date: bool
    social_up_to_date: bool
    no_recovery_order: bool
    de_minimis_declared_cents: int = 0
    other_public_aid_cents: int = 0
