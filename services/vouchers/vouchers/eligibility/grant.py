"""The amount of a grant: rate, ceilings, de minimis. All in euro cents, rounded down."""

from operator import itemgetter
from typing import Literal, TypeAlias

import msgspec

from france.typography import NO_BREAK, euros
from vouchers.eligibility.facts import Declarations, Reason
from vouchers.ruleset import Ruleset

Ceiling: TypeAlias = Literal["", "maximum", "de_minimis", "cumul", "instructeur"]
"""What can cut the amount that the rate gives: the largest grant, the ceilings of aid, an instructor."""


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What a file gives right to.

    Attributes:
        amount_cents: the grant, 0 when not admissible.
        rate_percent: the rate applied.
        reasons: every reason why it is not admissible; none: it is.
        ceiling: what cut the amount that the rate gives; "" when nothing did.
        sentence: how the amount comes about where a ceiling cut it, in French; "" else.
    """

    amount_cents: int
    rate_percent: int
    reasons: tuple[Reason, ...] = ()
    ceiling: Ceiling = ""
    sentence: str = ""


def rate(ruleset: Ruleset, sme_category: str, *, labelled: bool) -> int:
    """The rate of a company, in percent."""
    percent = ruleset.rate_percent
    if sme_category == "micro":
        percent += ruleset.micro_bonus_percent
    if labelled and ruleset.label_bonus:
        percent += ruleset.label_bonus_percent
    return min(percent, 100)


def grant(ruleset: Ruleset, base_cents: int, percent: int, declarations: Declarations, own_aid_cents: int) -> Grant:
    """The grant on `base_cents` of eligible spend: the rate, then every ceiling; below the minimum none.

    Each ceiling that leaves too little is a reason of its own; one that would leave enough if the spend reached the
    minimum is not: it follows from the minimum.
    """
    least = ruleset.min_grant_cents
    by_rate = base_cents * percent // 100
    used = declarations.de_minimis_declared_cents + own_aid_cents
    left = max(0, ruleset.de_minimis_ceiling_cents - used)
    other = declarations.other_public_aid_cents
    room = _room(ruleset, base_cents, other)
    reasons: list[Reason] = []
    if by_rate < least:
        sentence = (
            f"La subvention serait au plus de {euros(by_rate)} ({percent} % de {euros(base_cents)} hors taxes), "
            f"moins que le minimum de {euros(least)}."
        )
        reasons.append(Reason("subvention_minimum", sentence))
    if left < least:
        sentence = (
            f"Vos aides de minimis atteignent {euros(used)} sur {ruleset.de_minimis_years} ans pour un plafond de "
            f"{euros(ruleset.de_minimis_ceiling_cents)}: il reste moins que la subvention minimale."
        )
        reasons.append(Reason("de_minimis", sentence))
    enough_spend = -(-least * 100 // percent)
    if _room(ruleset, max(base_cents, enough_spend), other) < least:
        sentence = (
            f"Avec {euros(other)} d'autres aides publiques sur les mêmes dépenses, le plafond de cumul de "
            f"{ruleset.public_aid_ceiling_percent} % laisse {euros(room)}, moins que la subvention minimale."
        )
        reasons.append(Reason("plafond_cumul", sentence))
    if reasons:
        return Grant(0, percent, tuple(reasons))
    ceilings: tuple[tuple[int, Ceiling], ...] = (
        (ruleset.max_grant_cents, "maximum"),
        (left, "de_minimis"),
        (room, "cumul"),
    )
    most, ceiling = min(ceilings, key=itemgetter(0))
    if by_rate <= most:
        return Grant(by_rate, percent)
    why = _why(ruleset, ceiling, used, other)
    return Grant(most, percent, (), ceiling, cut(base_cents, percent, most, why))


def _why(ruleset: Ruleset, ceiling: Ceiling, used_cents: int, other_cents: int) -> str:
    """What a ceiling is, in French; `used_cents` of de minimis aid, `other_cents` of public aid on the same spend."""
    if ceiling == "de_minimis":
        return (
            f"avec {euros(used_cents)} d’aides de minimis sur {ruleset.de_minimis_years} ans, c’est ce qui reste sous "
            f"leur plafond de {euros(ruleset.de_minimis_ceiling_cents)}"
        )
    if ceiling == "cumul":
        return (
            f"avec {euros(other_cents)} d’autres aides publiques sur les mêmes dépenses, le cumul est limité à "
            f"{ruleset.public_aid_ceiling_percent}{NO_BREAK}% de ces dépenses"
        )
    return "c’est le montant maximal d’un chèque"


def cut(base_cents: int, percent: int, amount_cents: int, why: str) -> str:
    """How an amount below the one of the rate comes about, in French; `why` names what cut it."""
    return f"{plain(base_cents, percent).removesuffix('.')}, ramenés à {euros(amount_cents)}{NO_BREAK}: {why}."


def plain(base_cents: int, percent: int) -> str:
    """How an amount that nothing cut comes about, in French: the rate on the spend, rounded down to the cent."""
    by_rate = euros(base_cents * percent // 100)
    return f"{percent}{NO_BREAK}% de {euros(base_cents)} de dépenses hors taxes, soit {by_rate}."


def _room(ruleset: Ruleset, base_cents: int, other_cents: int) -> int:
    """What other public aid on the same spend leaves under the ceiling of all public aid."""
    return max(0, base_cents * ruleset.public_aid_ceiling_percent // 100 - other_cents)
