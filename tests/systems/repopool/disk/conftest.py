"""A remote made once, and a world around a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, make_origin


@pytest.fixture(scope="session")
def first_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_origin(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def origin(first_origin: Path, tmp_path: Path) -> Path:
    """A remote of the test's own."""
    return Path(shutil.copytree(first_origin, tmp_path / "origin.git"))


@pytest.fixture
def world(origin: Path, tmp_path: Path) -> World:
    return World(tmp_path, origin)
