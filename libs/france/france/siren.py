"""SIREN, SIRET and VAT numbers, judged as INSEE makes them, from tables of blocks of digits."""

from typing import Final, NamedTuple

LA_POSTE: Final = "356000000"
"""Its establishments may pass a digit-sum rule instead of Luhn."""

_SIREN_DIGITS: Final = 9
_SIRET_DIGITS: Final = 14
_WRONG_KEY: Final = "clé de contrôle du {} fausse"
_NO_SIREN: Final = "0" * _SIREN_DIGITS

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""What the Luhn key counts of a digit that it doubles."""

# Luhn adds up digit by digit, every second one doubled: so it may be added up by blocks of three, from tables.
_OUTER: Final = {f"{block:03}": block // 100 + _DOUBLED[block // 10 % 10] + block % 10 for block in range(1000)}
"""Sums of blocks of three digits of which the one in the middle is doubled."""

_MIDDLE: Final = {
    f"{block:03}": _DOUBLED[block // 100] + block // 10 % 10 + _DOUBLED[block % 10] for block in range(1000)
}
"""Sums of blocks of three digits of which the first and the last are doubled."""

_BOTH: Final = {block: (_OUTER[block], _MIDDLE[block]) for block in _OUTER}
"""In a SIRET the digits of its SIREN stand at the other parity than in the SIREN itself: a block counts both ways."""

_PLAIN: Final = tuple(pair // 10 + _DOUBLED[pair % 10] for pair in range(100))
"""Sums of two digits of which the right one is doubled."""

_SHIFTED: Final = tuple(_DOUBLED[pair // 10] + pair % 10 for pair in range(100))
"""Sums of two digits of which the left one is doubled."""

_PAIR: Final = {f"{pair:02}": total for pair, total in enumerate(_PLAIN)}
"""The blocks of two digits before the last three of a SIRET."""


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
    return raw if raw.isalnum() else "".join(character for character in raw if character.isalnum())


def is_siren(digits: str) -> bool:
    """Whether these are nine bare digits with a right key (Luhn), and not all zeros."""
    try:
        total = _OUTER[digits[:3]] + _MIDDLE[digits[3:6]] + _OUTER[digits[6:]]
    except KeyError:  # not three digits thrice
        return False
    return total > 0 and total % 10 == 0


def is_siret(digits: str) -> bool:
    """Whether fourteen bare digits are a valid SIRET; those of La Poste pass Luhn or the digit-sum rule."""
    try:
        first, second, third = _BOTH[digits[:3]], _BOTH[digits[3:6]], _BOTH[digits[6:9]]
        own = _PAIR[digits[9:11]] + _OUTER[digits[11:]]
    except KeyError:  # not fourteen digits
        return False
    if (first[0] + second[1] + third[0]) % 10 or digits.startswith(_NO_SIREN):
        return False
    total = first[1] + second[0] + third[1] + own
    return total % 10 == 0 or (digits.startswith(LA_POSTE) and sum(map(int, digits)) % 5 == 0)


def check_siren(raw: str) -> Checked:
    """Strip and check a SIREN."""
    digits = clean(raw)
    if is_siren(digits):
        return Checked(digits, "")
    return Checked("", _fault(digits, "SIREN", _SIREN_DIGITS))


def check_siret(raw: str) -> Checked:
    """Strip and check a SIRET, the SIREN it starts with included."""
    digits = clean(raw)
    if is_siret(digits):
        return Checked(digits, "")
    fault = _fault(digits, "SIRET", _SIRET_DIGITS)
    if fault == _WRONG_KEY.format("SIRET") and not is_siren(digits[:9]):
        fault = f"le SIREN {digits[:9]} de ce SIRET n'est pas valide"
    return Checked("", fault)


def vat_number(siren: str) -> str:
    """The intra-community VAT number of a valid SIREN: FR, key (12 + 3 × (SIREN mod 97)) mod 97, SIREN."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02}{siren}"


def siren_of(first_eight: int) -> str:
    """The SIREN that begins with these eight digits: adds the Luhn check digit."""
    high, low = divmod(first_eight, 10_000)
    total = _PLAIN[high // 100] + _PLAIN[high % 100] + _PLAIN[low // 100] + _PLAIN[low % 100]
    return f"{first_eight:08d}{-total % 10}"


def siret_of(siren: str, establishment: int) -> str:
    """The SIRET of the n-th establishment (1–9999) of a SIREN: adds the Luhn check digit."""
    high, low = divmod(int(siren[:8]), 10_000)
    total = _SHIFTED[high // 100] + _SHIFTED[high % 100] + _SHIFTED[low // 100] + _SHIFTED[low % 100]
    total += _DOUBLED[int(siren[8])] + _PLAIN[establishment // 100] + _PLAIN[establishment % 100]
    return f"{siren}{establishment:04d}{-total % 10}"


def in_groups(siren: str) -> str:
    """A SIREN as people read it, in groups of three with no-break spaces: 732 829 320."""
    return f"{siren[:3]}\u00a0{siren[3:6]}\u00a0{siren[6:]}"


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
