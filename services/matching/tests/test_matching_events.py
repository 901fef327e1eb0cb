"""What is published fits its own JSON Schema, and what is read fits what the diagnostic service publishes."""

from typing import Any

import jsonschema
import msgspec
import pytest

from common.declare.contract import contract
from matching.needs.inputs import AcceptMatch, DeclineMatch, OffersExpired
from matching.needs.model import CompanyNeeds
from matching.service import SERVICE


def published(make: Any) -> Any:
    """One event of each kind, from a life of two companies."""
    given = make.given(*[make.connector(n) for n in range(1, 8)])
    opened = make.decided(None, given, make.diagnosis("cybersecurite", "donnees", headcount_code="", naf=""))
    matches = opened.state.needs[0].matches
    declined = make.decided(opened.state, opened.given, DeclineMatch(matches[0].match_id, "conflit_interet"), 1)
    accepted = make.decided(declined.state, declined.given, AcceptMatch(matches[1].match_id), 2.5)
    expired = make.decided(opened.state, opened.given, OffersExpired(opened.state.needs[0].need_id, 1), 100)
    nobody = make.decided(None, make.given(), make.diagnosis())
    return [*opened.events, *declined.events, *accepted.events, *expired.events, *nobody.events]


def test_every_event_is_published_and_fits_its_schema(make: Any) -> None:
    events = published(make)
    assert {type(event) for event in events} == set(SERVICE.publishes)
    for event in events:
        schema = contract(event.__class__).json_schema()
        document = msgspec.json.decode(msgspec.json.encode(event))
        jsonschema.validate(document, schema)
        assert document["siren"] == make.siren


def test_sentences_are_french_and_complete(make: Any) -> None:
    for event in published(make):
        for part in (*getattr(event, "proposals", ()), *getattr(event, "programmes", ())):
            for sentence in (*part.reasons, *part.missing):
                assert sentence[0].isupper(), sentence
                assert sentence.endswith("."), sentence


def test_states_hold_only_what_json_can(make: Any) -> None:
    given = make.given(make.connector(1))
    state = make.decided(None, given, make.diagnosis()).state
    again = msgspec.json.decode(msgspec.json.encode(state), type=CompanyNeeds)
    assert again == state


@pytest.mark.parametrize("kind", [rule.input for rule in SERVICE.rules])
def test_every_input_can_be_decoded(kind: type) -> None:
    assert msgspec.json.schema(kind)
