"""Virtual time with more patience: most of these tests have several threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from yaoki.testing import VirtualClock


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """A thread that the system starts late is not passed over."""
    with VirtualClock(grace=0.2) as clock:
        yield clock
