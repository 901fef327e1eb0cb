"""The figures of each envelope, read from the rows of `rulesets` and checked before any decision uses them."""

from datetime import datetime
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from common.errors import Misconfigured
from vouchers.ruleset import Rules

_RULESETS = TypeAdapter(tuple[tuple[datetime, Rules], ...])


@lru_cache(maxsize=64)
def rulesets_of(document: str) -> tuple[tuple[datetime, Rules], ...]:
    """Rulesets from the JSON text `[[valid from, rules], …]`, newest first.

    Raises:
        Misconfigured: there is none, or figures are wrong; the text lists every fault.
    """
    try:
        rulesets = _RULESETS.validate_json(document)
    except ValidationError as error:
        faults = [
            f"  {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise Misconfigured("rulesets are wrong:\n" + "\n".join(faults)) from None
    if not rulesets:
        raise Misconfigured("an envelope has no ruleset")
    for _, rules in rulesets:
        _check(rules)
    return tuple(sorted(rulesets, key=lambda dated: dated[0], reverse=True))


def _check(rules: Rules) -> None:
    """Refuse figures that contradict each other."""
    faults: list[str] = []
    if rules.min_grant_cents > rules.max_grant_cents:
        faults.append("min_grant_cents is above max_grant_cents")
    if rules.rate_percent + rules.micro_bonus_percent + rules.label_bonus_percent > 100:
        faults.append("rate_percent and its bonuses are above 100")
    both = rules.categories.keys() & rules.excluded_categories.keys()
    if both:
        faults.append(f"eligible and excluded at once: {', '.join(sorted(both))}")
    if faults:
        raise Misconfigured(f"ruleset {rules.version}: {'; '.join(faults)}")
