"""What a file says of one company, as the JSON that the HTTP doors of the register take.

Identifiers and dates are read here; whether a code is one of its list is for the register to say: it answers with the
name of the field of its body, `Found.refused` turns that into the place and the words of the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from france.days import PARIS
from france.naf import NAF2025, tells_nothing
from france.siren import check_siren, check_siret, is_siren, is_siret
from france.sirene import company_name, given, is_of_persons, trade_name

MAX_BATCH: Final = 1000
"""Most items of one `POST /v1/companies:batch`."""

UNDATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Version of an observation whose source gives none: anything dated is newer."""

Source: TypeAlias = Literal["sirene_stock", "insee_api", "recherche_entreprises"]
Names: TypeAlias = Mapping[str, str]
"""Field of the body → what the file calls it, where that differs."""

_encode = msgspec.json.Encoder().encode


class Company(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The body of `POST /v1/companies`; what is not given is ""."""

    siren: str
    siret: str
    name: str | None
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    insee_category: str
    commune: str
    postal_code: str
    departement: str
    created_on: date | None
    active: bool
    diffusible: bool
    source: Source
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """A line or record that was not imported; the others are.

    Attributes:
        file: name of the file.
        line: number of the line, the header being 1; for JSON the number of the record, from 1.
        identifier: SIREN or SIRET as written, "" when it could not be read.
        field: name of the field at fault in the words of the file, "" when it is the line as a whole.
        reason: what is wrong, in French.
    """

    file: str
    line: int
    identifier: str
    field: str
    reason: str


class Found(NamedTuple):
    """A company and where it was read.

    Attributes:
        file: name of the file.
        line: as in `Refused`.
        names: what the file calls the fields.
        company: what it says.
    """

    file: str
    line: int
    names: Names
    company: Company

    def refused(self, field: str, detail: str) -> Refused:
        """The refusal of the register, in the words of the file.

        Args:
            field: field at fault, after the place in its batch: `[17].naf`.
            detail: what is wrong; may begin with the field.
        """
        name = field.rpartition("].")[2]
        reason = detail.removeprefix(f"{name}: ")
        return Refused(self.file, self.line, self.company.siren, self.names.get(name, name), reason)


class Unusable(ValueError):
    """A value that makes a record unusable; `field` names it in the words of its source."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def to_body(company: Company) -> bytes:
    """The body of `POST /v1/companies`."""
    return _encode(company)


def to_batch_body(companies: Sequence[Company]) -> bytes:
    """The body of `POST /v1/companies:batch`, for at most `MAX_BATCH` companies."""
    return _encode(companies)


def siren_of(field: str, raw: str) -> str:
    """A checked SIREN.

    Raises:
        Unusable: it is not valid.
    """
    if is_siren(raw):
        return raw
    digits, reason = check_siren(raw)
    if reason:
        raise Unusable(field, reason)
    return digits


def siret_of(field: str, raw: str) -> str:
    """A checked SIRET.

    Raises:
        Unusable: it is not valid.
    """
    if is_siret(raw):
        return raw
    digits, reason = check_siret(raw)
    if reason:
        raise Unusable(field, reason)
    return digits


def activity(naf: str, nomenclature: str, naf_2025: str) -> tuple[str, str]:
    """Code and list as the file has them, for the register to judge; the NAF 2025 where the first tells nothing."""
    naf, naf_2025 = given(naf), given(naf_2025)
    if naf_2025 and (not naf or tells_nothing(naf, nomenclature)):
        return naf_2025, NAF2025
    return naf, nomenclature


def named(legal_form: str, names: Iterable[str | None], brand: str | None, person: tuple[str | None, ...]) -> str:
    """What a unit is called, the first of its names that is one; "" when it has none that may be told.

    Args:
        legal_form: as the file has it.
        names: those of the unit, the best first.
        brand: that on the door.
        person: surname, name in use, first names, pseudonym: given for a natural person only.
    """
    if is_of_persons(given(legal_form)) or any(map(given, person)):
        return trade_name(brand, person)
    return next((told for name in (*names, brand) if (told := company_name(name))), "")


@lru_cache(maxsize=65536)
def day(field: str, raw: str) -> date | None:
    """A date `2017-05-24`; None when not given.

    Raises:
        Unusable: it is not a date.
    """
    if not given(raw):
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise Unusable(field, f"date attendue (AAAA-MM-JJ), reçu « {raw[:40]} »") from None


@lru_cache(maxsize=65536)
def instant(field: str, raw: str) -> datetime:
    """An instant as INSEE writes it, in Paris time when no offset is given; `UNDATED` when not given.

    Raises:
        Unusable: it is not a date and time.
    """
    if not raw:
        return UNDATED
    try:
        parsed = datetime.fromisoformat(raw)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=PARIS)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unusable(field, f"date et heure attendues (AAAA-MM-JJTHH:MM:SS), reçu « {raw[:40]} »") from None


def is_active(field: str, raw: str, office: str) -> bool:
    """The administrative state of a legal unit: A active, C ceased (F closed, as one API says).

    INSEE leaves it empty where the first state is not known: then that of the head office (`office`) tells.

    Raises:
        Unusable: it is none of these, or both are empty.
    """
    raw = raw or office
    if raw == "A":
        return True
    if raw in {"C", "F"}:
        return False
    if not raw:
        raise Unusable(field, "état administratif absent: A ou C attendu")
    raise Unusable(field, f"A ou C attendu, reçu « {raw[:40]} »")


def is_diffusible(field: str, raw: str) -> bool:
    """The diffusion status: O open; P, or N in older files, withheld.

    Raises:
        Unusable: it is none of these: without it nothing says that the name may be published.
    """
    if raw == "O":
        return True
    if raw in {"P", "N"}:
        return False
    raise Unusable(field, f"O, P ou N attendu, reçu « {raw[:40]} »")
