"""The proof that a slot is as we have left it, and what belongs to it. Format 3.

It is written as the last step of making a slot clean, so where it stands, every step before is done.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular, write_whole
from yaoki.systems.repopool.slot.index import Tracked
from yaoki.systems.repopool.slot.manifest import Manifest
from yaoki.systems.repopool.slot.snapshot import is_covered

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.mirror.mirror import Base
    from yaoki.systems.repopool.slot.layout import SlotLayout

__all__ = ["Proof"]

_VERSION = 3
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """`branch`, `commit`: what is checked out. `references`: a digest of what the tenant is told of the remote. `tree`, `git`: how the work
    tree and `.git` stand. `spared`: tracked files that a pattern keeps out of `tree`. `submodules`: their folders, which are empty.
    """

    branch: str
    commit: str
    references: str
    tree: Manifest
    git: Manifest
    spared: list[str]
    submodules: list[str]

    @staticmethod
    def make(base: Base, references: str, git: Manifest, tree: Manifest, kept: set[str], tracked: Tracked) -> Proof:
        """The proof of how the slot stands. `kept`: what a pattern has spared."""
        return Proof(
            branch=base.branch,
            commit=base.commit,
            references=references,
            tree=tree,
            git=git,
            spared=sorted(path for path in tracked.files if is_covered(path, kept)) if kept else [],
            submodules=sorted(tracked.submodules),
        )

    @staticmethod
    def read(slot: SlotLayout) -> Proof | None:
        """The proof that `write` wrote, or None: the slot is not clean, or not ours."""
        try:
            status = (file := _file(slot)).stat()
            return _read(file, status.st_ino, status.st_ctime_ns)
        except OSError:
            return None

    def write(self, slot: SlotLayout) -> None:
        """Put it in place. Raises OSError."""
        stored = {
            "version": _VERSION,
            "branch": self.branch,
            "commit": self.commit,
            "references": self.references,
            "tree": self.tree.stored(),
            "git": self.git.stored(),
            "spared": self.spared,
            "submodules": self.submodules,
        }
        write_whole(_file(slot), zlib.compress(json.dumps(stored, separators=(",", ":")).encode(), level=1))

    @staticmethod
    def withdraw(slot: SlotLayout) -> None:
        """From now on the slot is not clean. Raises OSError."""
        _file(slot).unlink(missing_ok=True)

    @property
    def tracked(self) -> Tracked:
        """What the commit has."""
        return Tracked(frozenset((*self.tree.files, *self.spared)), frozenset(self.submodules))

    @property
    def is_young(self) -> bool:
        """Whether something in it is not told by marks alone; made anew, it costs less to look at."""
        return bool(self.tree.young or self.git.young)

    def settled(self, looked_at: int) -> Proof:
        """The same, of which all was found to hold by a look at `looked_at` (the time of files in ns): old marks need no backing."""
        return replace(self, tree=self.tree.settled(looked_at), git=self.git.settled(looked_at))

    def holds(self, slot: SlotLayout) -> bool:
        """Whether the slot is as the proof says. Of spared files it says nothing, so it does not hold where there are any."""
        return not self.spared and self.git.holds(slot.git) and self.tree.holds(slot.tree)


@lru_cache(maxsize=16)
def _read(file: Path, inode: int, changed: int) -> Proof | None:
    """What stands in `file`; the other arguments tell it from what stood there before. Raises OSError."""
    try:
        stored = json.loads(zlib.decompress(read_regular(file, _LARGEST)))
        if stored.pop("version") == _VERSION:
            tree, git = Manifest.restored(stored.pop("tree")), Manifest.restored(stored.pop("git"))
            return Proof(tree=tree, git=git, **stored)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error):
        pass
    return None


def _file(slot: SlotLayout) -> Path:
    return slot.control / "proof"
