"""What vouchers knows of the measures of a referential is what diagnostic publishes of it."""

from diagnostic.measures.table import TABLE
from diagnostic.questionnaire.forms import COMPLET
from vouchers.eligibility.measures import REFERENTIALS, Known, called
from vouchers.ruleset import CATEGORIES


def test_vouchers_lists_the_measures_of_the_referential_as_diagnostic_numbers_them() -> None:
    """A new referential is added to `vouchers/data/measures.json` beside the old ones: their diagnoses stay valid."""
    bits = COMPLET.size + len(COMPLET.questions)
    measures = {entry.measure.id: Known(bits - 1 - entry.position, entry.measure.spend_categories) for entry in TABLE}
    listed = REFERENTIALS[COMPLET.reference]
    assert len(listed) == bits
    assert {name: known for name, known in listed.items() if known.spend_categories} == measures


def test_every_measure_leads_to_spend_that_a_cheque_knows() -> None:
    assert {category for entry in TABLE for category in entry.measure.spend_categories} <= CATEGORIES.keys()


def test_a_measure_that_is_called_for_is_found_by_its_bit() -> None:
    name = TABLE[0].measure.id
    bit = REFERENTIALS[COMPLET.reference][name].bit
    assert called(COMPLET.reference, f"{1 << bit:x}", name) == TABLE[0].measure.spend_categories
    assert called(COMPLET.reference, f"{(1 << bit) - 1:x}", name) == ()
