"""What is kept of a company: what the register says, what it declared, and the verdict drawn from both."""

from typing import Literal, TypeAlias

import msgspec

from companies.register.inputs import RegisterCompany
from companies.ruleset import SmeCategory

Outcome: TypeAlias = Literal["nouvelle", "modifiee", "inchangee", "perimee"]


class CompanyState(msgspec.Struct, frozen=True, gc=False):
    """One company. `version` 0: never registered; a version without an observation: forgotten with the database.

    Attributes:
        siren: the company.
        register: the newest observation of a public register, if any.
        declared: the newest declaration of the company itself, if any.
        sme_category: class drawn from both.
        sme_codes: codes of the reasons.
        ruleset_version: edition of the rule set used.
        version: 1 when registered, one more with each published change.
    """

    siren: str
    register: RegisterCompany | None = None
    declared: RegisterCompany | None = None
    sme_category: SmeCategory = "inconnu"
    sme_codes: tuple[str, ...] = ()
    ruleset_version: str = ""
    version: int = 0


def initial(siren: str) -> CompanyState:
    """A company nobody has named yet."""
    return CompanyState(siren)


class Listed(msgspec.Struct, frozen=True, gc=False):
    """The line of a company in the list of the register, when it is new or moves."""

    siren: str
    region: str
    sme_category: str


class Registered(msgspec.Struct, frozen=True, gc=False):
    """Answer to `RegisterCompany`.

    Attributes:
        siren: the company.
        siret: its head office.
        outcome: `nouvelle`, `modifiee`, `inchangee`, or `perimee` when a newer observation of that origin is known.
        version: of the company's published profile.
        sme_category: its class.
        sme_reasons: why, in French.
        region: INSEE region, "" when unknown.
    """

    siren: str
    siret: str
    outcome: Outcome
    version: int
    sme_category: SmeCategory
    sme_reasons: tuple[str, ...]
    region: str
