"""An index of the Python that runs, built once for all tests that ask it questions, and a small one for all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.index.index import ChatIndex


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_index: asks the index of the Python that runs; building it takes about 10 s")


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `real_index` lies."""
    return tmp_path_factory.mktemp("real_index")


@pytest.fixture(scope="session")
def real_index(real_folder: Path) -> ChatIndex:
    """The index that `make run` builds."""
    return ChatIndex.open_or_build(real_folder)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A small library in a folder of its own."""
    return small_sources(tmp_path / "library")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"
