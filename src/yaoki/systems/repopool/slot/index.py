"""Our index of a slot's tree, and what git does with it (SPEC W1).

No tenant is given it. The repository is the mirror, which has all that a base needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.repopool.git.index_file import entries_in_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import SlotLayout
    from yaoki.systems.repopool.slot.snapshot import Mark, Snapshot

# One for each core; for a few hundred files one alone is faster.
_SEVERAL_WRITERS = ("-c", "checkout.workers=0", "-c", "checkout.thresholdForParallelism=1000")

__all__ = ["SlotIndex", "Tracked", "seen_by_git"]


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a commit has. `files`: their paths. `submodules`: their folders, which are empty in a clean tree."""

    files: frozenset[str]
    submodules: frozenset[str]

    @staticmethod
    def written(seen: Snapshot) -> Tracked:
        """What a commit has that was just checked out into an empty folder: git makes no other empty folders than those of submodules."""
        empty = [each.path for each in seen.listings if each.path and not each.names and not each.folders]
        return Tracked(frozenset(seen.files), frozenset(empty))


class SlotIndex:
    """The index of `slot`. For who holds the slot's lock; every method raises GitOperationError."""

    def __init__(self, git: Git, slot: SlotLayout) -> None:
        self._git = git
        self._slot = slot

    def tracked(self) -> Tracked:
        """What is in the index."""
        files: list[str] = []
        submodules: list[str] = []
        for line in filter(None, self._run(["ls-files", "--stage", "-z"]).split("\0")):
            about, _, path = line.partition("\t")
            (submodules if about.startswith("160000") else files).append(path)
        return Tracked(frozenset(files), frozenset(submodules))

    def changed(self) -> list[str]:
        """The files that hold something else than the index says, or are gone. Never asks a nested repository."""
        return list(filter(None, self._run(["diff-files", "--name-only", "-z", "--ignore-submodules=all"]).split("\0")))

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that git ignores."""
        return set(filter(None, self._run(["check-ignore", "-z", "--stdin", "--no-index"], paths, allowed=(0, 1)).split("\0")))

    def check_out(self, paths: Iterable[str]) -> None:
        """Bring `paths` back to what the index says."""
        self._run(["checkout-index", "--force", "--index", "--quiet", "-z", "--stdin"], paths)

    def bring_to(self, commit: str) -> None:
        """Bring index and tree to a commit; files that nobody has changed, and that it has too, are not written."""
        self._run([*_SEVERAL_WRITERS, "read-tree", "--reset", "-u", commit])

    def renew(self, commit: str) -> None:
        """Make the index anew for a tree that is left as it is."""
        self._run(["read-tree", commit])

    def settle(self, newest: int, looked_at: int) -> None:
        """Let the index be younger than the tree, which was found to be as the index says by a look at `looked_at`; the last change in it
        was at `newest` (both times of files, in ns).

        git tells times by the second, and reads every file again that is as young as the index, whenever it writes the index. If that
        second was over when we looked, the index may be younger: what is written later bears another one. Raises OSError.
        """
        second = newest // 1_000_000_000
        if int(self._slot.index.stat().st_mtime) <= second < looked_at // 1_000_000_000:
            os.utime(self._slot.index)

    def _run(self, words: Sequence[str], paths: Iterable[str] = (), *, allowed: Sequence[int] = (0,)) -> str:
        stdin = b"".join(os.fsencode(path) + b"\0" for path in paths)
        done = self._git.run(
            self._slot.mirror, words, tree=self._slot.tree, index=self._slot.index, stdin=stdin, allowed=allowed
        )
        return os.fsdecode(done.stdout)


def seen_by_git(slot: SlotLayout, *, digest_size: int) -> dict[bytes, Mark]:
    """How each file of a tree stood when git last knew it to be as our index says, of the inode the lower 32 bits; {} for an index that
    is written otherwise. Raises OSError.
    """
    content = slot.index.read_bytes()
    try:
        return {path: (changed, inode) for path, changed, inode in entries_in_index(content, digest_size=digest_size)}
    except ValueError:
        return {}
