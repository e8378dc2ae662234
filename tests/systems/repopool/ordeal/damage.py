"""Damage to a slot, or to what is around it, that destroys no work: what it hits is the pool's, or can be read from elsewhere."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from yaoki.systems.repopool import PoolManager

__all__ = ["DAMAGES", "Harm", "bad_metadata", "flip", "truncate"]


def flip(file: Path, chance: random.Random) -> None:
    """Turn one bit around."""
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    _replace(file, bytes(content))


def truncate(file: Path, chance: random.Random) -> None:
    """Cut a file off somewhere."""
    content = file.read_bytes()
    _replace(file, content[: chance.randrange(len(content))])


def _replace(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


@dataclass(frozen=True)
class Harm:
    """One act against the slot with the tree `tree` of a manager's pool `web`."""

    manager: PoolManager
    tree: Path
    chance: random.Random

    @property
    def git(self) -> Path:
        return self.tree / ".git"

    @property
    def control(self) -> Path:
        return self.manager.quarantine("web").layout.control / self.tree.name


def _head_garbage(harm: Harm) -> None:
    (harm.git / "HEAD").write_bytes(harm.chance.choice([b"", b"garbage", b"ref: refs/heads/../../x\n", b"\0" * 41]))


def _head_missing(harm: Harm) -> None:
    (harm.git / "HEAD").unlink(missing_ok=True)


def _unborn(harm: Harm) -> None:
    (harm.git / "HEAD").write_text("ref: refs/heads/nobody\n")


def _index_truncated(harm: Harm) -> None:
    if (harm.git / "index").exists():
        truncate(harm.git / "index", harm.chance)


def _index_flipped(harm: Harm) -> None:
    if (harm.git / "index").exists():
        flip(harm.git / "index", harm.chance)


def _config_garbage(harm: Harm) -> None:
    (harm.git / "config").write_bytes(b"[core\n\0nonsense")


def _alternates_gone(harm: Harm) -> None:
    (harm.git / "objects" / "info" / "alternates").unlink(missing_ok=True)


def _locks(harm: Harm) -> None:
    for name in ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/main.lock", "refs/heads/x/y.lock"):
        (harm.git / name).parent.mkdir(parents=True, exist_ok=True)
        (harm.git / name).touch()


def _packed_refs_garbage(harm: Harm) -> None:
    (harm.git / "packed-refs").write_bytes(b"\xff\xfe nonsense\n")


def _control_part(harm: Harm) -> None:
    name = harm.chance.choice(["index", "base", "proof"])
    (harm.control / name).write_bytes(harm.chance.choice([b"", b"garbage"]))


def _control_flipped(harm: Harm) -> None:
    flip(harm.control / "index", harm.chance)


def _control_gone(harm: Harm) -> None:
    shutil.rmtree(harm.control)


def _control_locks(harm: Harm) -> None:
    (harm.control / "index.lock").touch()


def bad_metadata(harm: Harm) -> None:
    """Something that no version of ours has written, in the row of the slot."""
    column, value = harm.chance.choice(
        [("metadata", "{"), ("metadata", "[]"), ("state", "odd"), ("pid", "x"), ("lease_since", "x"), ("created_at", "x")]
    )
    with closing(sqlite3.connect(harm.manager.config.workspaces_dir / "pool.db")) as connection, connection:
        connection.execute(f"UPDATE slots SET {column} = ? WHERE number = ?", (value, int(harm.tree.name[4:])))


def _orphan_lock(harm: Harm) -> None:
    (harm.manager.lock_manager.locks_dir / "workspace-web-slot99.lock").touch()


def _references_of_mirror(harm: Harm) -> None:
    mirror = harm.manager.quarantine("web").layout.mirror
    (mirror / "HEAD.lock").touch()
    (mirror / "refs" / "heads" / "main.lock").parent.mkdir(parents=True, exist_ok=True)
    (mirror / "refs" / "heads" / "main.lock").touch()


def _nothing(harm: Harm) -> None:
    """So that work is also ended in peace."""


DAMAGES: list[Callable[[Harm], None]] = [
    *(_head_garbage, _head_missing, _unborn, _index_truncated, _index_flipped, _config_garbage, _alternates_gone, _locks),
    *(_packed_refs_garbage, _control_part, _control_flipped, _control_gone, _control_locks, bad_metadata, _orphan_lock),
    *(_references_of_mirror, _nothing, _nothing, _nothing, _nothing),
]
