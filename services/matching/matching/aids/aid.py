"""The record of an aid.

Record fields keep the French words of the CNNum report (`sujets`, `effectif`, `anciennete`): they are the vocabulary of
the partners.
"""

from dataclasses import dataclass
from datetime import date

from matching.criteria.filters import NO_CONDITION, Filters
from matching.events import Nature


@dataclass(frozen=True, slots=True)
class Aid:
    """A public aid or resource. Conditions are indicative: the operator decides.

    Attributes:
        id: stable identifier.
        name: public French name.
        nature: accompagnement | formation | subvention | pret | fiscal | ressource.
        operator: who runs it.
        url: official page.
        summary: one French sentence.
        sujets: needs it answers.
        gratuit: free for the company.
        filters: companies it accepts.
        regions: INSEE regions it is limited to; empty: whole country.
        autres_conditions: conditions no rule computes, one French sentence each.
        valid_from: first day it can be asked for, or None.
        valid_until: last day, or None.
        a_verifier: details may have changed since `verifie_en`.
        verifie_en: year of the last look at the facts.
    """

    id: str
    name: str
    nature: Nature
    operator: str
    url: str
    summary: str
    sujets: tuple[str, ...]
    verifie_en: int
    gratuit: bool = False
    filters: Filters = NO_CONDITION
    regions: tuple[str, ...] = ()
    autres_conditions: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    a_verifier: bool = False
