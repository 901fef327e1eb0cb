"""What the service publishes: a company entered the register, or what is known of it changed."""

from datetime import date
from typing import Annotated, Literal, TypeAlias

import msgspec
from pydantic import Field

from common.declare.event import Event
from companies.ruleset import SmeCategory

Siren: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{9}$")]
Siret: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{14}$")]


class Company(msgspec.Struct, frozen=True, gc=False):
    """A company as it is known now; a code that nobody gave is "".

    Attributes:
        siret: SIRET of the head office.
        name: name of the legal person, or trade name; None when it may not be published.
        naf: main activity, `62.01Z`, in the nomenclature `naf_nomenclature`.
        naf_nomenclature: the list `naf` belongs to: both are in use until the switch of 2027.
        legal_form: INSEE legal form, 4 digits.
        headcount_code: INSEE headcount band.
        commune: INSEE commune of the head office.
        departement: INSEE département.
        region: INSEE region; "" in overseas territories that belong to none.
        created_on: creation date.
        active: False once the legal unit has ceased.
        sme_category: class in the sense of Recommendation 2003/361/EC.
    """

    siret: Siret
    name: str | None
    naf: Annotated[str, Field(pattern=r"^([0-9]{2}\.[0-9]{2}[A-Z])?$")]
    naf_nomenclature: Literal["NAFRev2", "NAF2025", ""]
    legal_form: Annotated[str, Field(pattern=r"^([0-9]{4})?$")]
    headcount_code: Annotated[str, Field(pattern=r"^(NN|0[0-3]|1[12]|2[12]|3[12]|4[12]|5[123])?$")]
    commune: Annotated[str, Field(pattern=r"^(([0-9]{2}|2[AB])[0-9]{3})?$")]
    departement: Annotated[str, Field(pattern=r"^([0-9]{2}|2[AB]|9[78][0-9])?$")]
    region: Annotated[str, Field(pattern=r"^([0-9]{2})?$")]
    created_on: date | None
    active: bool
    sme_category: SmeCategory


class CompanyRegistered(Event, frozen=True, kw_only=True):
    """A company entered the register; `sme_reasons` says in French why it is, or is not, an SME."""

    siren: Siren
    company: Company
    sme_reasons: tuple[str, ...]
    diffusible: bool
    source: str

    @property
    def region(self) -> str:
        """Region the event is about, for routing."""
        return self.company.region


class CompanyProfileUpdated(Event, frozen=True, kw_only=True):
    """What is known of a company changed.

    Attributes:
        siren: the company.
        company: as known now.
        changed: names of the fields of `company` that changed, `sme_reasons` and `diffusible` among them.
        version: 2, 3, …: grows by one with each change; 1 was the registration.
        provenance: source of the observation that brought the change.
        sme_reasons: as known now.
        diffusible: as known now.
    """

    siren: Siren
    company: Company
    changed: tuple[str, ...]
    version: Annotated[int, Field(ge=2)]
    provenance: str
    sme_reasons: tuple[str, ...] = ()
    diffusible: bool = True

    @property
    def region(self) -> str:
        """Region the event is about, for routing."""
        return self.company.region
