"""Given, when, then."""

from datetime import UTC, datetime

from common.declare.decision import Refusal
from common.testing.rules import decided, message_of
from NAME.AGGREGATE.inputs import Company, CompanyRegistered, Note
from NAME.AGGREGATE.model import Entry, NoteAnswer
from NAME.events import CLASSNoted
from NAME.service import SERVICE

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIREN = "732829320"
KNOWN = Entry(SIREN, "84")


def test_a_company_that_nobody_knows_is_told_so() -> None:
    answer = decided(SERVICE, Entry(SIREN), message_of(Note("apprendre"), SIREN, NOW)).answer

    assert isinstance(answer, Refusal)
    assert answer.code == "entreprise_inconnue"


def test_a_registered_company_is_remembered() -> None:
    decision = decided(SERVICE, Entry(SIREN), message_of(CompanyRegistered(Company("84")), SIREN, NOW))

    assert decision.state == KNOWN


def test_a_wish_is_published_once() -> None:
    first = decided(SERVICE, KNOWN, message_of(Note("apprendre"), SIREN, NOW))
    again = decided(SERVICE, first.state, message_of(Note("apprendre"), SIREN, NOW))

    assert first.events == (CLASSNoted(siren=SIREN, wish="apprendre", region="84"),)
    assert again.events == ()
    assert again.answer == first.answer == NoteAnswer(SIREN, ("apprendre",))
