"""What people type: SIREN numbers and proofs, checked and brought to one form."""

import re
from typing import Final
from urllib.parse import urlsplit

from stdnum import luhn
from stdnum.fr import siren as siren_number

_PUNCTUATION: Final = re.compile(r"[\s.\-]")
_ONE_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_PLAIN_ADDRESS: Final = re.compile(r"https?://[a-z0-9.\-]+(?:/[!-~]*)?")
"""An address of the plainest shape: nothing of it needs a closer look, and it is kept as it is."""

# Luhn is additive: the checksum of a number is the sum over its blocks of three digits, by parity of their offset.
_EVEN: Final = {f"{block:03}": luhn.checksum(f"{block:03}") for block in range(1000)}
_ODD: Final = {f"{block:03}": luhn.checksum(f"{block:03}0") for block in range(1000)}


def valid_siren(text: str) -> str:
    """A SIREN without blanks or punctuation.

    Raises:
        ValueError: not 9 digits, or the control digit is wrong.
    """
    digits = text if text.isdigit() else _PUNCTUATION.sub("", text)
    if not (_passes_luhn(digits) or siren_number.is_valid(digits)) or digits == "000000000":
        raise ValueError("numéro SIREN invalide : 9 chiffres dont une clé de contrôle juste sont attendus")
    return digits


def _passes_luhn(digits: str) -> bool:
    """Whether these are nine bare digits with a right key: what python-stdnum says of them, from tables."""
    try:
        return (_EVEN[digits[:3]] + _ODD[digits[3:6]] + _EVEN[digits[6:]]) % 10 == 0
    except KeyError:
        return False


def valid_proof(text: str) -> str:
    """A proof: an address on the web, or the reference of a document.

    Raises:
        ValueError: an address that cannot be opened, an e-mail address, control characters.
    """
    if _PLAIN_ADDRESS.fullmatch(text):
        return text
    proof = text.strip()
    if not _ONE_LINE.fullmatch(proof):
        raise ValueError("une preuve est une adresse http(s) ou la référence d'un document, sur une ligne")
    scheme, separator, _ = proof.partition("://")
    if separator:
        if scheme.lower() not in {"http", "https"} or not _host(proof):
            raise ValueError("une adresse de preuve commence par http:// ou https:// et nomme un site")
        return scheme.lower() + proof[len(scheme) :]
    if "@" in proof:
        raise ValueError("une preuve n'est pas une adresse électronique : ne joignez aucune donnée personnelle")
    return proof


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
