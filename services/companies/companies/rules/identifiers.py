"""SIREN, SIRET and VAT numbers, judged as python-stdnum judges them, from tables of blocks."""

from typing import Final, NamedTuple

from stdnum import luhn
from stdnum.fr import siren as stdnum_siren
from stdnum.fr import siret as stdnum_siret

from common.siren import MIDDLE, OUTER, is_siren

LA_POSTE: Final = "356000000"
"""Its establishments may pass a digit-sum rule instead of Luhn."""

_SIREN_DIGITS: Final = 9
_SIRET_DIGITS: Final = 14
_WRONG_KEY: Final = "clé de contrôle du {} fausse"
_NO_SIREN: Final = "0" * _SIREN_DIGITS

_BOTH: Final = {block: (OUTER[block], MIDDLE[block]) for block in OUTER}
"""In a SIRET the digits of its SIREN stand at the other parity than in the SIREN itself: a block counts both ways."""

_PAIR: Final = {f"{block:02}": luhn.checksum(f"{block:02}0") for block in range(100)}
"""The blocks of two digits before the last three."""


class Checked(NamedTuple):
    """The outcome of a check.

    Attributes:
        value: the digits alone, "" when refused.
        reason: why it is refused, in French; "" when valid.
    """

    value: str
    reason: str


def clean(raw: str) -> str:
    """The number without blanks and punctuation."""
    return "".join(character for character in raw if character.isalnum())


def is_siret(digits: str) -> bool:
    """Whether fourteen bare digits are a valid SIRET; those of La Poste pass Luhn or the digit-sum rule."""
    try:
        first, second, third = _BOTH[digits[:3]], _BOTH[digits[3:6]], _BOTH[digits[6:9]]
        own = _PAIR[digits[9:11]] + OUTER[digits[11:]]
    except KeyError:  # not fourteen digits
        return False
    if (first[0] + second[1] + third[0]) % 10 or digits.startswith(_NO_SIREN):
        return False
    total = first[1] + second[0] + third[1] + own
    return total % 10 == 0 or (digits.startswith(LA_POSTE) and stdnum_siret.is_valid(digits))


def check_siren(raw: str) -> Checked:
    """Strip and check a SIREN."""
    digits = raw if raw.isascii() and raw.isdigit() else clean(raw)
    if is_siren(digits):
        return Checked(digits, "")
    return Checked("", _fault(digits, "SIREN", _SIREN_DIGITS))


def check_siret(raw: str) -> Checked:
    """Strip and check a SIRET, the SIREN it starts with included."""
    digits = raw if raw.isascii() and raw.isdigit() else clean(raw)
    if is_siret(digits):
        return Checked(digits, "")
    fault = _fault(digits, "SIRET", _SIRET_DIGITS)
    if fault == _WRONG_KEY.format("SIRET") and not is_siren(digits[:9]):
        fault = f"le SIREN {digits[:9]} de ce SIRET n'est pas valide"
    return Checked("", fault)


def vat_number(siren: str) -> str:
    """The intra-community VAT number of a valid SIREN: FR, key (12 + 3 × (SIREN mod 97)) mod 97, SIREN."""
    return f"FR{stdnum_siren.to_tva(siren)}"


def _fault(digits: str, name: str, length: int) -> str:
    if not digits:
        return f"{name} absent"
    if not (digits.isascii() and digits.isdigit()):
        return f"un {name} ne contient que des chiffres"
    if len(digits) != length:
        return f"un {name} a {length} chiffres, pas {len(digits)}"
    if not digits.strip("0"):
        return f"un {name} de zéros n'existe pas"
    return _WRONG_KEY.format(name)
