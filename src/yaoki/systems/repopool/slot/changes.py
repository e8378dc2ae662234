"""How a work tree differs from the commit that the tenant was given (SPEC W3)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular, write_whole
from yaoki.systems.repopool.slot.snapshot import Snapshot, is_covered, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.slot.layout import SlotLayout

_LARGEST = 1024 * 1024 * 1024

__all__ = ["Changes", "Tracked", "changes", "missing_files", "topmost", "tracked_of"]


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a commit has: `files`, and `submodules`, which are empty folders in a clean tree."""

    files: frozenset[str]
    submodules: frozenset[str]


@dataclass(slots=True)
class Changes:
    """`changed`: tracked files that differ or are gone. `untracked`, `ignored`: further files. `repositories`: nested ones, the topmost.
    `folders`: further folders, also empty ones. `seen`: everything that stands there.
    """

    seen: Snapshot
    changed: list[str] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    repositories: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.untracked or self.ignored or self.repositories or self.folders)


def tracked_of(git: Git, slot: SlotLayout, *, remember: bool = False) -> Tracked:
    """What our index has, from what was remembered beside it if that is about the commit of our HEAD. `remember`: the caller knows that
    the index is of that commit, so it may be. Raises GitOperationError.
    """
    file = slot.control / "tracked"
    commit, head, listed = b"", b"?", b""
    with suppress(OSError, ValueError):
        commit = read_regular(slot.control / "HEAD", _LARGEST)
        head, _, listed = read_regular(file, _LARGEST).partition(b"\0")
    if head != commit:
        listed = git.run(slot.control, ["ls-files", "--stage", "-z"], tree=slot.tree).stdout
        if commit and remember:
            write_whole(file, commit + b"\0" + listed)
    files: list[str] = []
    submodules: list[str] = []
    for line in filter(None, os.fsdecode(listed).split("\0")):
        about, _, path = line.partition("\t")
        (submodules if about.startswith("160000") else files).append(path)
    return Tracked(frozenset(files), frozenset(submodules))


def changes(git: Git, slot: SlotLayout, tracked: Tracked, keep: Sequence[str] = ()) -> Changes:
    """Compare the tree with our index, by two git processes at most. Never asks a nested repository. Raises GitOperationError."""
    seen = snapshot(slot.tree, keep=keep)
    found = Changes(seen)
    repositories = set(seen.repositories)
    found.repositories = sorted(path for path in repositories if not is_covered(path.rpartition("/")[0], repositories))
    words = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"]
    told = os.fsdecode(git.run(slot.control, words, tree=slot.tree).stdout)
    for record in filter(None, told.split("\0")):
        if record.startswith("1 "):
            found.changed.append(record.split(" ", 8)[8])
        elif record.startswith("u "):
            found.changed.append(record.split(" ", 10)[10])
    special = set(seen.special)
    extras = [path for path in seen.files if path not in tracked.files and path not in special]
    if extras:
        ignored = _ignored(git, slot, extras)
        found.ignored = sorted(ignored)
        found.untracked = sorted(path for path in extras if path not in ignored)
    expected = _folders_of((*tracked.files, *tracked.submodules)) | tracked.submodules
    found.folders = [path for path in seen.folders if path not in expected and path not in repositories]
    found.folders += [path for path in seen.special if path not in tracked.files]
    return found


def _ignored(git: Git, slot: SlotLayout, paths: list[str]) -> set[str]:
    asked = b"\0".join(os.fsencode(path) for path in paths) + b"\0"
    done = git.run(slot.control, ["check-ignore", "-z", "--stdin", "--no-index"], tree=slot.tree, stdin=asked, allowed=(0, 1))
    return set(filter(None, os.fsdecode(done.stdout).split("\0")))


def _folders_of(paths: Iterable[str]) -> set[str]:
    folders = {""}
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return folders


def topmost(paths: Iterable[str], others: Iterable[str]) -> list[str]:
    """The highest files and folders that hold all of `paths`, and nothing of `others`."""
    needed = _folders_of(others)
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
