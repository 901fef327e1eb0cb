"""What people type: SIREN numbers and proofs, checked and brought to one form."""

import re
from typing import Final
from urllib.parse import urlsplit

from common.http.problems import Problem, wrong
from france.fields import bare

_ONE_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]+")


def checked_siren(text: str) -> str:
    """The SIREN of an address, without blanks or punctuation.

    Raises:
        Problem: it is not one.
    """
    try:
        return bare(text)
    except ValueError as error:
        raise Problem(wrong(str(error), "siren")) from None


def valid_proof(text: str) -> str:
    """A proof: an address on the web, or the reference of a document.

    Raises:
        ValueError: an address that cannot be opened, an e-mail address, control characters.
    """
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
