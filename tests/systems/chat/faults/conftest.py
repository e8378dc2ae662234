"""The two services that the chat asks, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systems.chat.faults.deployment import Services
from tests.systems.chat.faults.model_server import ModelServer
from tests.systems.chat.search_server import SearchServer


@pytest.fixture
def services() -> Iterator[Services]:
    """A search and a model that answer at once."""
    with SearchServer() as search, ModelServer() as model:
        yield Services(search, model)
