"""The amount of a grant: rate, ceilings, de minimis. All in euro cents, rounded down."""

from collections.abc import Iterable
from datetime import date

import msgspec

from france.days import add_months
from france.typography import euros
from vouchers.model import Declarations, Reason, VoucherFile
from vouchers.ruleset import Rules


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


def rate(rules: Rules, sme_category: str, *, labelled: bool) -> int:
    """The rate of a company, in percent."""
    percent = rules.rate_percent
    if sme_category == "micro":
        percent += rules.micro_bonus_percent
    if labelled and rules.label_bonus:
        percent += rules.label_bonus_percent
    return min(percent, 100)


def own_aid(rules: Rules, files: Iterable[VoucherFile], today: date, *, but: str = "") -> int:
    """De minimis aid this service gave or holds for a company, over the window that ends today, to the day.

    The day of an aid is the day the right is granted; what is reserved counts as of today (Regulation (EU) 2023/2831).
    `but` names a file to leave out.
    """
    since = add_months(today, -12 * rules.de_minimis_years)
    return sum(
        file.held_cents
        for file in files
        if file.held_cents and file.id != but and (file.granted_on is None or file.granted_on > since)
    )


def grant(rules: Rules, base_cents: int, percent: int, declarations: Declarations, own_aid_cents: int) -> Grant:
    """The grant on `base_cents` of eligible spend: the rate, then every ceiling; below the minimum none."""
    by_rate = base_cents * percent // 100
    if by_rate < rules.min_grant_cents:
        sentence = (
            f"La subvention serait de {euros(by_rate)} ({percent} % de {euros(base_cents)} hors taxes), "
            f"moins que le minimum de {euros(rules.min_grant_cents)}."
        )
        return Grant(0, percent, Reason("subvention_minimum", sentence))
    used = declarations.de_minimis_declared_cents + own_aid_cents
    left = max(0, rules.de_minimis_ceiling_cents - used)
    if left < rules.min_grant_cents:
        sentence = (
            f"Vos aides de minimis atteignent {euros(used)} sur {rules.de_minimis_years} ans pour un plafond de "
            f"{euros(rules.de_minimis_ceiling_cents)}: il reste moins que la subvention minimale."
        )
        return Grant(0, percent, Reason("de_minimis", sentence))
    other = declarations.other_public_aid_cents
    room = max(0, base_cents * rules.public_aid_ceiling_percent // 100 - other)
    if room < rules.min_grant_cents:
        sentence = (
            f"Avec {euros(other)} d'autres aides publiques sur les mêmes dépenses, le plafond de cumul de "
            f"{rules.public_aid_ceiling_percent} % laisse {euros(room)}, moins que la subvention minimale."
        )
        return Grant(0, percent, Reason("plafond_cumul", sentence))
    return Grant(min(by_rate, rules.max_grant_cents, left, room), percent)
