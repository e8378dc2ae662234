"""What stands in a tree, without a git process.

A name cannot come, go or be replaced in a folder without a new time of change in that folder, and no file can be written, replaced or
given other rights without a new one of its own; nobody can set it. So a mark, the time of change and the inode, tells whether a file or a
folder is as it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from yaoki.core.clock import file_time_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "GONE",
    "Listing",
    "Mark",
    "OpenFolder",
    "Snapshot",
    "is_covered",
    "is_young",
    "joined",
    "mark_of",
    "matches_any",
    "snapshot",
]

Mark = tuple[int, int]
"""The time of change in nanoseconds, and the inode."""

GONE: Mark = (0, 0)
"""The mark of what is not there."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# How far apart times are, in ns, on file systems that know no parts of seconds.
_WHOLE_SECONDS = 2_000_000_000


@dataclass(slots=True)
class Listing:
    """One folder: `path`, "" for the root, and its `mark`, taken before it was read, so that what comes later shows. `names`: everything in
    it that is no folder, with `marks`. `folders`: the names of the folders that are looked at, too. `special`: the `names` that are
    neither regular files nor links. `kept`: the names that a pattern has spared. `repository`: it holds a `.git`, so it is one of
    somebody's, and what is in it is not looked at.
    """

    path: str
    mark: Mark
    names: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    repository: bool = False


@dataclass
class Snapshot:
    """What `snapshot` has seen; paths are relative, with "/" between the parts.

    `listings`: the folders, each before those in it. `began`: the time of files in ns when the first of them was looked at. `problems`:
    what could not be read.
    """

    began: int
    listings: list[Listing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @cached_property
    def files(self) -> dict[str, Mark]:
        """Everything that is no folder."""
        return {
            path: mark for each in self.listings for path, mark in zip(joined(each.path, each.names), each.marks, strict=True)
        }

    @cached_property
    def folders(self) -> list[str]:
        """The folders, "" for the root."""
        return [each.path for each in self.listings]

    @cached_property
    def special(self) -> set[str]:
        """The files that are neither regular nor links."""
        return {path for each in self.listings for path in joined(each.path, each.special)}

    @cached_property
    def kept(self) -> list[str]:
        """What a pattern has spared."""
        return [path for each in self.listings for path in joined(each.path, each.kept)]

    @cached_property
    def repositories(self) -> list[str]:
        """The folders that hold a repository of their own."""
        return [each.path for each in self.listings if each.repository]


def snapshot(root: Path, *, skip: str = ".git", keep: Sequence[str] = (), earlier: Snapshot | None = None) -> Snapshot:
    """Look at everything under `root`, but the entry `skip` in it, and what matches `keep` (see `matches_any`). `earlier`: the same was
    seen before, and only where names have changed since is to be looked again.

    Never follows a link, and never raises for what it finds.
    """
    seen = Snapshot(began=earlier.began if earlier else file_time_ns())
    known = {each.path: each for each in earlier.listings} if earlier else {}
    base, waiting = os.fspath(root), [""]
    while waiting:
        path = waiting.pop()
        try:
            with OpenFolder(base, path) as folder:
                before = known.get(path)
                mark = mark_of(folder.status())
                if before is None or before.mark != mark or is_young(mark, seen.began):
                    before = _listed(folder, path, mark, skip, keep)
        except OSError as error:
            seen.problems.append(f"{path or '.'}: {error.strerror or error}")
            continue
        seen.listings.append(before)
        waiting += joined(path, before.folders)
    return seen


def _listed(folder: OpenFolder, path: str, mark: Mark, skip: str, keep: Sequence[str]) -> Listing:
    found = Listing(path, mark)
    with os.scandir(folder.descriptor) as entries:
        inside = list(entries)
    if path and any(entry.name == ".git" for entry in inside):
        found.repository = True
        return found
    for entry in inside:
        name = entry.name
        if not path and name == skip:
            continue
        if keep and matches_any(f"{path}/{name}" if path else name, keep):
            found.kept.append(name)
        elif entry.is_dir(follow_symlinks=False):
            found.folders.append(name)
        else:
            found.names.append(name)
            found.marks.append(folder.mark(name))
            if not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
                found.special.append(name)
    return found


class OpenFolder:
    """A folder that is open: what is in it is found without its path. Raises OSError if it is no folder."""

    __slots__ = ("descriptor",)

    def __init__(self, base: str, path: str) -> None:
        self.descriptor = os.open(f"{base}/{path}" if path else base, _FOLDER)

    def __enter__(self) -> OpenFolder:
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self.descriptor)

    def status(self) -> os.stat_result:
        """That of the folder itself."""
        return os.stat(self.descriptor)  # noqa: PTH116  # it has no path

    def mark(self, name: str) -> Mark:
        """The mark of what is in it."""
        try:
            return mark_of(os.stat(name, dir_fd=self.descriptor, follow_symlinks=False))
        except OSError:
            return GONE

    def changed(self, names: Sequence[bytes], times: Iterable[int], inodes: Iterable[int]) -> list[bytes]:
        """Those of `names` that have other marks than these, or are gone."""
        found, lstat, descriptor = [], os.lstat, self.descriptor
        for name, changed, inode in zip(names, times, inodes, strict=True):
            try:
                status = lstat(name, dir_fd=descriptor)
                if status.st_ctime_ns == changed and status.st_ino == inode:
                    continue
            except OSError:
                pass
            found.append(name)
        return found


def mark_of(status: os.stat_result) -> Mark:
    """The mark that a status gives."""
    return status.st_ctime_ns, status.st_ino


def is_young(mark: Mark, seen_at: int) -> bool:
    """Whether a change right after the look at `seen_at` (the time of files in ns) could leave the same mark: times have ticks."""
    changed = mark[0]
    return changed >= seen_at - (0 if changed % 1_000_000_000 else _WHOLE_SECONDS)


def joined(folder: str, names: list[str]) -> list[str]:
    """The paths of names in a folder."""
    return [f"{folder}/{name}" for name in names] if folder else names


def matches_any(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern spares a path: one with "/" in it is matched against the whole path, another one against the last part."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern.rstrip("/") else name, pattern.strip("/")) for pattern in patterns)


def is_covered(path: str, folders: set[str]) -> bool:
    """Whether a path is one of `folders`, or lies in one."""
    while path:
        if path in folders:
            return True
        path = path.rpartition("/")[0]
    return False
