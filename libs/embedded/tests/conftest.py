"""The stacks of these tests are their own: addresses in the environment are somebody else's."""

import os
from collections.abc import Iterator

import pytest

from embedded.stack import BOOTSTRAP, DSN, SMTP


@pytest.fixture(scope="module", autouse=True)
def _own_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in (BOOTSTRAP, DSN, SMTP):
            patch.delenv(name, raising=False)
        yield
        assert not {BOOTSTRAP, DSN, SMTP} & os.environ.keys()
