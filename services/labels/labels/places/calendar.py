"""Programme years and terms: both are counted in Europe/Paris calendar days."""

from datetime import datetime

from france.days import add_months, end_of_day, paris_day


def programme_year(instant: datetime) -> int:
    """The programme year of an instant: the calendar year in Paris."""
    return paris_day(instant).year


def end_of_term(start: datetime, months: int) -> datetime:
    """When something valid for so many months ends, in UTC: at midnight in Paris after its last whole day."""
    return end_of_day(add_months(paris_day(start), months))
