"""A pool `web` with two slots, and the command line over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.repopool.cli.running import Commands


@pytest.fixture
def pool(tmp_path: Path, pool_origin: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The command line over a new folder with the pool `web` of two slots."""
    monkeypatch.chdir(tmp_path)
    commands = Commands(tmp_path)
    commands.json("create", "web", pool_origin, "--slots", 2)
    return commands
