"""The amount of a grant: rate, ceilings, de minimis. All in euro cents, rounded down."""

import msgspec

from france.typography import euros
from vouchers.eligibility.facts import Declarations, Reason
from vouchers.ruleset import Ruleset


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What a file gives right to.

    Attributes:
        amount_cents: the grant, 0 when not admissible.
        rate_percent: the rate applied.
        reason: why it is not admissible; None: it is.
    """

    amount_cents: int
    rate_percent: int
    reason: Reason | None = None


def rate(ruleset: Ruleset, sme_category: str, *, labelled: bool) -> int:
    """The rate of a company, in percent."""
    percent = ruleset.rate_percent
    if sme_category == "micro":
        percent += ruleset.micro_bonus_percent
    if labelled and ruleset.label_bonus:
        percent += ruleset.label_bonus_percent
    return min(percent, 100)


def grant(ruleset: Ruleset, base_cents: int, percent: int, declarations: Declarations, own_aid_cents: int) -> Grant:
    """The grant on `base_cents` of eligible spend: the rate, then every ceiling; below the minimum none."""
    by_rate = base_cents * percent // 100
    if by_rate < ruleset.min_grant_cents:
        sentence = (
            f"La subvention serait de {euros(by_rate)} ({percent} % de {euros(base_cents)} hors taxes), "
            f"moins que le minimum de {euros(ruleset.min_grant_cents)}."
        )
        return Grant(0, percent, Reason("subvention_minimum", sentence))
    used = declarations.de_minimis_declared_cents + own_aid_cents
    left = max(0, ruleset.de_minimis_ceiling_cents - used)
    if left < ruleset.min_grant_cents:
        sentence = (
            f"Vos aides de minimis atteignent {euros(used)} sur {ruleset.de_minimis_years} ans pour un plafond de "
            f"{euros(ruleset.de_minimis_ceiling_cents)}: il reste moins que la subvention minimale."
        )
        return Grant(0, percent, Reason("de_minimis", sentence))
    other = declarations.other_public_aid_cents
    room = max(0, base_cents * ruleset.public_aid_ceiling_percent // 100 - other)
    if room < ruleset.min_grant_cents:
        sentence = (
            f"Avec {euros(other)} d'autres aides publiques sur les mêmes dépenses, le plafond de cumul de "
            f"{ruleset.public_aid_ceiling_percent} % laisse {euros(room)}, moins que la subvention minimale."
        )
        return Grant(0, percent, Reason("plafond_cumul", sentence))
    return Grant(min(by_rate, ruleset.max_grant_cents, left, room), percent)
