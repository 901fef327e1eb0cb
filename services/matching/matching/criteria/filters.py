"""What a connecteur or an aid asks of companies, as its record says it.

Record fields keep the French words of the CNNum report (`sujets`, `effectif`, `anciennete`): they are the vocabulary of
the partners who fill the directory.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Filters:
    """Which companies a connecteur or an aid accepts. None or empty: no condition.

    Attributes:
        effectif_min: lowest headcount.
        effectif_max: highest headcount, included.
        anciennete_min: lowest age in months.
        anciennete_max: highest age in months, included.
        naf_in: sections ("F"), divisions ("62") or longer prefixes ("62.01Z") accepted.
        naf_out: the same, refused.
        formes_in: prefixes of legal categories accepted ("54", "5710").
        formes_out: the same, refused.
        communes_out: INSEE codes not served.
    """

    effectif_min: int | None = None
    effectif_max: int | None = None
    anciennete_min: int | None = None
    anciennete_max: int | None = None
    naf_in: tuple[str, ...] = ()
    naf_out: tuple[str, ...] = ()
    formes_in: tuple[str, ...] = ()
    formes_out: tuple[str, ...] = ()
    communes_out: tuple[str, ...] = ()


NO_CONDITION: Final = Filters()


@dataclass(frozen=True, slots=True)
class Absence:
    """Days a connecteur is away, both included."""

    start: date
    end: date
