"""No test of the live side passes whose readers were sent what breaks the protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import readers


@pytest.fixture(autouse=True)
def _nothing_broke_the_protocol() -> Iterator[None]:
    """A test that breaks it on purpose empties the list."""
    readers.broken.clear()
    yield
    assert not readers.broken
