"""A small repository, and managers of a pool of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yaoki.systems.repopool import PoolConfig, PoolManager

GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "LC_ALL": "C",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}
AUTHOR = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder, as a tenant would run it."""
    done = subprocess.run(
        ["git", *AUTHOR, *arguments], cwd=folder, env=GIT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.fixture(scope="session")
def pool_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a few files; nobody writes to it."""
    folder = tmp_path_factory.mktemp("pool-origin") / "origin"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for number in range(5):
        (folder / f"file{number}.txt").write_text(f"line {number}\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "the first")
    return folder


@pytest.fixture
def make_manager(tmp_path: Path, pool_origin: Path) -> Iterator[Callable[..., PoolManager]]:
    """A function that makes managers of one workspaces folder, with a pool `web` of so many slots."""
    made: list[PoolManager] = []

    def make(slots: int = 2, **settings: object) -> PoolManager:
        manager = PoolManager(PoolConfig(tmp_path / "workspaces", **settings))  # type: ignore[arg-type]
        made.append(manager)
        if slots and "web" not in manager.list_pools():
            manager.create_pool("web", str(pool_origin), slots)
        return manager

    yield make
    for manager in made:
        manager.close()
