"""The rule set of a programme: versioned data with a validity date, rows of `rulesets`, never constants."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from common.declare.errors import Misconfigured

Percent = Annotated[int, Field(ge=0, le=100)]
Cents = Annotated[int, Field(ge=0)]

CATEGORIES: Final = {
    "logiciel_abonnement": "Logiciels et abonnements de gestion",
    "site_ecommerce": "Site et vente en ligne",
    "visibilite": "Visibilité et référencement",
    "donnees_ia": "Données et intelligence artificielle",
    "cybersecurite": "Cybersécurité",
    "integration_migration": "Intégration et migration",
    "conseil_strategie": "Conseil et stratégie",
    "formation_accompagnement": "Formation et accompagnement",
    "international": "Développement international",
    "propriete_numerique": "Noms de domaine et marques en ligne",
    "expert_partage_couts": "Coûts d'un expert partagé",
}
EXCLUDED: Final = {
    "materiel": "le matériel (ordinateurs, tablettes, téléphones, caisses, réseau) n'est pas une dépense immatérielle",
    "tva": "la TVA récupérable n'est pas une dépense de l'entreprise",
    "personnel": "les salaires de l'entreprise ne sont pas pris en charge",
    "recurrent_12_mois": "la part d'un abonnement au-delà de douze mois n'est pas prise en charge",
    "renouvellement": "un renouvellement sans gain fonctionnel n'est pas pris en charge",
    "exportation_directe": "une aide liée aux volumes exportés ou à un réseau d'exportation est interdite",
}


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All that a programme sets, kept as a row with a validity date.

    The defaults are those of « cheque-2026 ». Grants of €1,000 to €15,000 come from the report of the French national
    digital council (2017), the de minimis ceiling from Regulation (EU) 2023/2831, the rest is our default.

    Attributes:
        version: name of this set; files keep the version that judged them.
        min_grant_cents: below it a file is not admissible.
        max_grant_cents: no grant is above it.
        rate_percent: share of the eligible spend that is granted.
        micro_bonus_percent: points added for a micro-enterprise.
        label_bonus: whether a labelled company gets points.
        label_bonus_percent: points added for a labelled company, if `label_bonus`.
        categories: eligible spend, code to French name.
        excluded_categories: spend that is never eligible, code to the French reason.
        category_caps_percent: largest share of the base a category may have.
        sme_categories: classes that count as SME.
        min_age_months: age of the company at deposit.
        diagnostic_valid_months: how long a full diagnosis counts.
        excluded_naf: NAF prefixes under other State aid rules (primary agriculture, fishery).
        incentive_effect: refuse spend ordered before the day of deposit.
        one_supplier_per_category: refuse one category split between suppliers.
        measure_covers_category: a line's category must be one that its measure leads to, when the measure names any.
        de_minimis_ceiling_cents: aid per undertaking over the window.
        de_minimis_years: length of the window, counted to the day.
        public_aid_ceiling_percent: all public aid on the same spend, at most.
        auto_decision: grant an eligible file at once; off: instructors decide.
        review_over_cents: a grant above it waits for an instructor even then; None: none does.
        reservation_days: how long a reservation lasts without a decision.
        agreement_months: time to sign the agreement after the grant.
        claim_months: time to the first claim after the grant.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    version: Annotated[str, Field(min_length=1)] = "cheque-2026/1"
    min_grant_cents: Annotated[int, Field(gt=0)] = 100_000
    max_grant_cents: Annotated[int, Field(gt=0)] = 1_500_000
    rate_percent: Annotated[int, Field(gt=0, le=100)] = 50
    micro_bonus_percent: Percent = 10
    label_bonus: bool = False
    label_bonus_percent: Percent = 10
    categories: dict[str, str] = field(default_factory=lambda: dict(CATEGORIES))
    excluded_categories: dict[str, str] = field(default_factory=lambda: dict(EXCLUDED))
    category_caps_percent: dict[str, Percent] = field(default_factory=lambda: {"visibilite": 30})
    sme_categories: tuple[str, ...] = ("micro", "petite", "moyenne")
    min_age_months: Annotated[int, Field(ge=0)] = 6
    diagnostic_valid_months: Annotated[int, Field(gt=0)] = 12
    excluded_naf: tuple[str, ...] = ("01.1", "01.2", "01.3", "01.4", "01.5", "03.")
    incentive_effect: bool = True
    one_supplier_per_category: bool = True
    measure_covers_category: bool = True
    de_minimis_ceiling_cents: Cents = 30_000_000
    de_minimis_years: Annotated[int, Field(gt=0)] = 3
    public_aid_ceiling_percent: Percent = 80
    auto_decision: bool = True
    review_over_cents: Cents | None = None
    reservation_days: Annotated[int, Field(gt=0)] = 30
    agreement_months: Annotated[int, Field(gt=0)] = 6
    claim_months: Annotated[int, Field(gt=0)] = 12


_DATED: Final = TypeAdapter(tuple[tuple[datetime, Ruleset], ...])


@lru_cache(maxsize=64)
def read_rulesets(document: str) -> tuple[tuple[datetime, Ruleset], ...]:
    """Rule sets from the JSON text `[[valid from, rule set], …]`, newest first.

    Raises:
        Misconfigured: there is none, or one is wrong; the text lists every fault.
    """
    try:
        dated = _DATED.validate_json(document)
    except ValidationError as error:
        faults = [f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        raise Misconfigured("rulesets are wrong:\n" + "\n".join(faults)) from None
    if not dated:
        raise Misconfigured("an envelope has no ruleset")
    for _, ruleset in dated:
        _check(ruleset)
    return tuple(sorted(dated, key=lambda each: each[0], reverse=True))


def _check(ruleset: Ruleset) -> None:
    """Refuse a rule set that contradicts itself."""
    faults: list[str] = []
    if ruleset.min_grant_cents > ruleset.max_grant_cents:
        faults.append("min_grant_cents is above max_grant_cents")
    if ruleset.rate_percent + ruleset.micro_bonus_percent + ruleset.label_bonus_percent > 100:
        faults.append("rate_percent and its bonuses are above 100")
    both = ruleset.categories.keys() & ruleset.excluded_categories.keys()
    if both:
        faults.append(f"eligible and excluded at once: {', '.join(sorted(both))}")
    if faults:
        raise Misconfigured(f"ruleset {ruleset.version}: {'; '.join(faults)}")
