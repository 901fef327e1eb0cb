"""One profile from two origins: a public register outranks a declaration, which fills what the register leaves open."""

from typing import Final

from msgspec.structs import replace

from companies.events import Company
from companies.register.inputs import RegisterCompany
from companies.register.model import CompanyState
from companies.ruleset import SmeCategory
from france.geography import region_of

DECLARED: Final = "declaratif"

_OPEN: Final = ("legal_form", "headcount_code", "insee_category")
COMPANY_FIELDS: Final = Company.__struct_fields__


def merged(register: RegisterCompany | None, declared: RegisterCompany | None) -> RegisterCompany:
    """What is known: the register's word, completed by what the company declared where the register says nothing.

    Activity and list, and commune and département, are taken together from one origin. A name that either withholds
    stays withheld. Declared accounts always count: no register knows them.

    Raises:
        ValueError: neither is given.
    """
    if register is None or declared is None:
        known = register or declared
        if known is None:
            raise ValueError("neither a register nor the company itself said anything")
        return known
    filled: dict[str, object] = {name: getattr(declared, name) for name in _OPEN if not getattr(register, name)}
    if not register.naf:
        filled |= {"naf": declared.naf, "naf_nomenclature": declared.naf_nomenclature}
    if not register.departement or (not register.commune and declared.departement == register.departement):
        filled |= {"commune": declared.commune, "departement": declared.departement}
    if register.diffusible and not register.name:
        filled["name"] = declared.name
    if register.created_on is None:
        filled["created_on"] = declared.created_on
    if declared.accounts is not None:
        filled["accounts"] = declared.accounts
    if not declared.diffusible:
        filled |= {"name": None, "diffusible": False}
    return replace(register, **filled)  # pyright: ignore[reportArgumentType]


def company_of(facts: RegisterCompany, category: SmeCategory) -> Company:
    """The published snapshot."""
    return Company(
        facts.siret,
        facts.name,
        facts.naf,
        facts.naf_nomenclature,  # pyright: ignore[reportArgumentType]
        facts.legal_form,
        facts.headcount_code,
        facts.commune,
        facts.departement,
        region_of(facts.departement),
        facts.created_on,
        facts.active,
        category,
    )


def snapshot(state: CompanyState) -> Company:
    """The published snapshot of a registered company.

    Raises:
        ValueError: it is not registered.
    """
    return company_of(merged(state.register, state.declared), state.sme_category)


def changed_fields(before: Company, after: Company) -> tuple[str, ...]:
    """Names of the fields of the snapshot that differ, in their order."""
    return tuple(name for name in COMPANY_FIELDS if getattr(before, name) != getattr(after, name))
