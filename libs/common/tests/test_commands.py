"""The id of a command: the same for the same key and place, so that a repeated request leads to the same events."""

from uuid import UUID, uuid5

import pytest

from common.core.commands import Ask, to_message
from common.testing.chain import Count

NAMESPACE = UUID("6f6e2f0e-5d6e-5c0b-9a3b-0f1d7f4b6a11")


@pytest.mark.parametrize("key", ["a", "commande-été-№1", "x" * 200])
def test_the_id_of_a_command_is_the_uuid_of_its_key_and_place(key: str) -> None:
    for index in (0, 7):
        assert to_message(Ask(Count(), "732829320"), index, key, "").id == uuid5(NAMESPACE, f"{key}/{index}")


def test_commands_without_a_key_have_ids_of_their_own() -> None:
    ids = {to_message(Ask(Count(), "732829320"), 0, "", "").id for _ in range(3)}
    assert len(ids) == 3
