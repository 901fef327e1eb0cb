"""What the service reads: one command, `RegisterCompany`, whatever the door or file it came through."""

from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

from common.declare.inputs import Command

Source: TypeAlias = Literal["sirene_stock", "insee_api", "recherche_entreprises", "declaratif"]


class Accounts(msgspec.Struct, frozen=True, gc=False):
    """What a company declares of its last closed year, group included; None where the company did not say.

    Attributes:
        headcount: annual work units.
        turnover_cents: turnover, cents.
        balance_sheet_cents: balance sheet total, cents.
        public_share_percent: share of capital or votes held by public bodies, 0–100.
    """

    headcount: float | None = None
    turnover_cents: int | None = None
    balance_sheet_cents: int | None = None
    public_share_percent: float | None = None


class RegisterCompany(Command, frozen=True):
    """What one source says of one company; a code it does not give is "".

    Attributes:
        siren: 9 digits, valid.
        siret: of the head office, 14 digits, valid, starts with `siren`.
        name: of the legal person, or trade name; never the name of a natural person; None when withheld.
        naf: main activity.
        naf_nomenclature: list of `naf`.
        legal_form: INSEE legal form.
        headcount_code: INSEE headcount band.
        insee_category: PME, ETI or GE as INSEE computed it for the enterprise the unit belongs to.
        commune: INSEE commune of the head office.
        departement: INSEE département.
        created_on: creation date.
        active: False once ceased.
        diffusible: False when the company asked that its data be not published.
        source: where this comes from.
        observed_at: when the source established it (aware UTC): the version for "the newer wins".
        accounts: what the company declares of its last year; only from itself.
    """

    siren: str
    siret: str
    name: str | None
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    insee_category: str
    commune: str
    departement: str
    created_on: date | None
    active: bool
    diffusible: bool
    source: Source
    observed_at: datetime
    accounts: Accounts | None = None
