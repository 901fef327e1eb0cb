"""The id of a command: the same for the same request and place, so that a repeated request leads to the same events."""

from uuid import UUID, uuid5

import pytest

from common.core.commands import Ask, Identity, to_message
from common.testing.chain import Count

NAMESPACE = UUID("6f6e2f0e-5d6e-5c0b-9a3b-0f1d7f4b6a11")


@pytest.mark.parametrize("key", ["a", "commande-été-№1", "x" * 200])
def test_the_id_of_a_command_is_the_uuid_of_its_request_and_place(key: str) -> None:
    for index in (0, 7):
        assert to_message(Ask(Count(), "732829320"), index, key, "").id == uuid5(NAMESPACE, f"{key}/{index}")


def test_commands_without_a_key_have_ids_of_their_own() -> None:
    ids = {to_message(Ask(Count(), "732829320"), 0, "", "").id for _ in range(3)}
    assert len(ids) == 3


ASKED = Identity("labels", "POST", "/v1/applications", "k1")


@pytest.mark.parametrize(
    "other",
    [
        ASKED._replace(service="vouchers"),
        ASKED._replace(method="PUT"),
        ASKED._replace(path="/v1/applications:batch"),
        ASKED._replace(key="k2"),
        ASKED._replace(principal="cci-lyon"),
        Identity("labels", "POST", '/v1/applications","k1', ""),
        Identity("labels", "POST", "/v1/applications", "", "k1"),
    ],
)
def test_one_key_at_two_doors_is_two_commands(other: Identity) -> None:
    ids = {to_message(Ask(Count(), "732829320"), 0, identity.name, "").id for identity in (ASKED, ASKED, other)}

    assert len(ids) == 2


def test_an_answer_is_kept_by_key_and_principal() -> None:
    """A key that serves again at another door is noticed; a key of somebody else is not."""
    one, two = ASKED._replace(principal="a"), ASKED._replace(principal="b")

    assert ASKED.stored == ASKED._replace(path="/v1/labels").stored == "k1"
    assert len({ASKED.stored, one.stored, two.stored}) == 3
