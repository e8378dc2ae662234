"""What stands in a tree, and whether it has changed since, without a git process.

A name cannot come, go or be replaced in a folder without a new time in that folder, and no file can be written without a new time of
its own. So the times of all folders and files prove together that a tree is as it was. Times have ticks: within one, two states may
look alike, and marks that are so close to the last change are not `settled`: they prove nothing yet.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from yaoki.core.clock import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Marks", "Snapshot", "is_covered", "marks_of", "matches_any", "snapshot"]

# Seconds, of which one is a tick of the slowest clock by which file systems tell time.
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Marks:
    """Times and inodes of the files and folders named. `settled`: whether the same text later proves that nothing changed."""

    text: str
    settled: bool


@dataclass(slots=True)
class Snapshot:
    """What `snapshot` has seen; paths are relative, with "/" between the parts.

    `files`: everything that is no folder. `folders`: the folders, "" for the root. `special`: those `files` that are neither regular
    nor links. `repositories`: folders that hold a `.git`, each a repository of somebody's; what is in them is not looked at. `kept`:
    what a pattern has spared. `problems`: what could not be read. `marks`: those of `folders`, each taken before its folder was read, so
    that what comes later shows. `file_marks`: those of `files`.
    """

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    special: list[str] = field(default_factory=list)
    repositories: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    marks: Marks = field(default_factory=lambda: Marks("", settled=False))
    file_marks: Marks = field(default_factory=lambda: Marks("", settled=False))


def snapshot(root: Path, *, skip: str = ".git", keep: Sequence[str] = ()) -> Snapshot:
    """Look at everything under `root`, but the entry `skip` in it, and what matches `keep` (see `matches_any`).

    Never follows a link, and never raises for what it finds.
    """
    seen = Snapshot()
    base = os.fspath(root)
    waiting = [""]
    marking, file_marking = _Marking(base), _Marking(base)
    while waiting:
        folder = waiting.pop()
        mark = marking.of(folder)
        try:
            with os.scandir(f"{base}/{folder}" if folder else base) as entries:
                found = list(entries)
        except OSError as error:
            seen.problems.append(f"{folder or '.'}: {error.strerror or error}")
            continue
        seen.folders.append(folder)
        marking.lines.append(mark)
        if folder and any(entry.name == ".git" for entry in found):
            seen.repositories.append(folder)
            continue
        prefix = f"{folder}/" if folder else ""
        for entry in found:
            name = entry.name
            path = prefix + name
            if keep and matches_any(path, keep):
                seen.kept.append(path)
            elif entry.is_dir(follow_symlinks=False):
                if folder or name != skip:
                    waiting.append(path)
            elif folder or name != skip:
                seen.files.append(path)
                file_marking.lines.append(file_marking.of(path))
                if not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
                    seen.special.append(path)
    seen.marks, seen.file_marks = marking.marks(), file_marking.marks()
    return seen


def marks_of(root: Path, paths: Iterable[str]) -> Marks:
    """The marks of `paths` under `root`, in their order; a path that is gone leaves a mark of its own."""
    marking = _Marking(os.fspath(root))
    marking.lines.extend(map(marking.of, paths))
    return marking.marks()


class _Marking:
    def __init__(self, base: str) -> None:
        self.base = base
        self.lines: list[str] = []
        self._began = clock.wall()
        self._newest = 0

    def of(self, path: str) -> str:
        try:
            status = os.lstat(f"{self.base}/{path}" if path else self.base)
        except OSError:
            return "-"
        changed = status.st_ctime_ns
        self._newest = max(self._newest, changed)
        return f"{changed} {status.st_mtime_ns} {status.st_ino} {status.st_mode}"

    def marks(self) -> Marks:
        return Marks("\n".join(self.lines), self._newest / 1e9 < self._began - _TICK)


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
