"""How a work tree differs from the commit that the tenant was given (SPEC W3)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import is_folder
from yaoki.systems.repopool.slot.snapshot import Snapshot, is_covered, snapshot

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from pathlib import Path

    from yaoki.systems.repopool.slot.index import SlotIndex, Tracked
    from yaoki.systems.repopool.slot.proof import Proof

# Files about which git is asked one by one: it takes as many system calls for the answers.
_FEW = 50

__all__ = ["Changes", "changes", "folders_of", "missing_files", "topmost"]


@dataclass(slots=True)
class Changes:
    """`changed`: tracked files that differ or are gone, and maybe some that were written with the same content. `untracked`, `ignored`:
    further files. `repositories`: nested ones, the topmost. `folders`: further folders, also empty ones. `spared`: those of `changed`
    that stand where a pattern spares them, so that they are not `seen`. `seen`: everything else that stands there. `tracked`: what should,
    in the folders `expected`.
    """

    seen: Snapshot
    tracked: Tracked
    expected: set[str]
    changed: list[str] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    repositories: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    spared: set[str] = field(default_factory=set)

    def claim(self, paths: Container[str]) -> None:
        """What the tenant has added to an index of his own is work, though a pattern ignores it."""
        claimed = {path for path in self.ignored if path in paths}
        if claimed:
            self.ignored = [path for path in self.ignored if path not in claimed]
            self.untracked = sorted((*self.untracked, *claimed))


def changes(tree: Path, index: SlotIndex, proof: Proof | None, keep: Sequence[str] = ()) -> Changes:
    """Compare the tree with our index, by two git processes at most. `proof`: how it stood when it was of the same commit: then only
    what was written since is looked at. Raises GitOperationError.
    """
    seen = snapshot(tree, keep=keep)
    tracked = index.tracked() if proof is None else proof.tracked
    found = Changes(seen, tracked, folders_of((*tracked.files, *tracked.submodules)) | tracked.submodules)
    repositories = set(seen.repositories)
    found.repositories = sorted(path for path in repositories if not is_covered(path.rpartition("/")[0], repositories))
    if proof is None or proof.spared:
        found.changed = index.changed()
        kept = set(seen.kept)
        found.spared = {path for path in found.changed if is_covered(path, kept) and _stands(tree, path)}
    else:
        found.changed = proof.tree.changed_in(tree, seen)
    extras = [path for path in seen.files if path not in tracked.files and path not in seen.special]
    if extras:
        ignored = _ignored(index, extras, found.expected)
        found.ignored = sorted(ignored)
        found.untracked = sorted(path for path in extras if path not in ignored)
    found.folders = [path for path in seen.folders if path not in found.expected and path not in repositories]
    found.folders += [path for path in seen.special if path not in tracked.files]
    return found


def _stands(tree: Path, path: str) -> bool:
    """Whether something is at `path`, in folders that are no links."""
    above = path.rpartition("/")[0]
    while above:
        if not is_folder(tree / above):
            return False
        above = above.rpartition("/")[0]
    return os.path.lexists(tree / path) and not is_folder(tree / path)


def _ignored(index: SlotIndex, extras: Sequence[str], expected: Container[str]) -> set[str]:
    """Those of `extras` that git ignores. What is in an ignored folder is ignored, so of many files the folders are asked about first."""
    if len(extras) <= _FEW:
        return index.ignored(extras)
    outermost = topmost(extras, expected)
    ignored = index.ignored(outermost)
    inside = {path for path in extras if is_covered(path, ignored)}
    asked = set(outermost)
    rest = [path for path in extras if path not in inside and path not in asked]
    return inside | (index.ignored(rest) if rest else set())


def folders_of(paths: Iterable[str]) -> set[str]:
    """The folders that `paths` are in, "" for the root, all the way down."""
    folders = {""}
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return folders


def topmost(paths: Iterable[str], needed: Container[str]) -> list[str]:
    """The highest files and folders that hold all of `paths`, and nothing else that is in the folders `needed`, the root among them."""
    found: set[str] = set()
    for path in paths:
        while (parent := path.rpartition("/")[0]) not in needed:
            path = parent  # noqa: PLW2901  # climbs
        found.add(path)
    return sorted(found)


def missing_files(seen: Snapshot, tracked: Tracked, keep: Sequence[str] = ()) -> list[str]:
    """Tracked files that are not there, those that a pattern spares aside."""
    missing = sorted(tracked.files.difference(seen.files))
    kept = set(seen.kept)
    return [path for path in missing if not is_covered(path, kept)] if keep else missing
