"""What a tree was when it was last known to be right: its names, and the marks by which a change shows.

A mark that is too young to prove anything is backed by what there was: the content of the file, the names in the folder.
"""

from __future__ import annotations

import errno
import os
from array import array
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular
from yaoki.systems.repopool.slot.snapshot import is_young, joined, mark_of, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yaoki.systems.repopool.slot.snapshot import Mark, Snapshot

_LARGEST = 1024 * 1024 * 1024

__all__ = ["Manifest"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """`folders`: their paths, "" for the root. `names`: for each of them, the names in it that are no folders, with "/" between them.
    `marks`: for each folder its own mark, then those of its names, all in a row. `young`: what backs the marks that prove nothing by themselves, by path, "" if
    nothing does; a folder's path ends with "/".
    """

    folders: list[str]
    names: list[str]
    marks: array[int]
    young: dict[str, str]

    @staticmethod
    def of(root: Path, seen: Snapshot) -> Manifest:
        """The manifest of what was seen under `root`."""
        marks = array("q")
        young: dict[str, str] = {}
        base = os.fspath(root)
        for each in seen.listings:
            marks.extend(each.mark)
            marks.extend(chain.from_iterable(each.marks))
            if is_young(each.mark, seen.began):
                young[f"{each.path}/"] = _backing(base, f"{each.path}/")
            for name, mark in zip(each.names, each.marks, strict=True):
                if is_young(mark, seen.began):
                    path = f"{each.path}/{name}" if each.path else name
                    young[path] = _backing(base, path)
        return Manifest([each.path for each in seen.listings], ["/".join(each.names) for each in seen.listings], marks, young)

    @property
    def files(self) -> list[str]:
        """The paths of everything that is no folder."""
        return [path for folder, names in zip(self.folders, self.names, strict=True) for path in joined(folder, _split(names))]

    @property
    def newest(self) -> int:
        """The last time of change in it, in ns."""
        return max(self.marks[::2])

    def holds(self, root: Path) -> bool:
        """Whether the tree at `root` is as it was."""
        return next(self.differing(root), None) is None

    def differing(self, root: Path) -> Iterator[str]:
        """The paths whose marks say that they may have changed; a folder, in which names may have, ends with "/"."""
        base, at, marks, lstat = os.fspath(root), 0, self.marks, os.lstat
        for path, together in zip(self.folders, self.names, strict=True):
            # As bytes, since every name is given to the system.
            names = os.fsencode(together).split(b"/") if together else []
            start, at = at, at + 2 + 2 * len(names)
            try:
                with opened(base, path) as folder:
                    if mark_of(folder.status()) != (marks[start], marks[start + 1]):
                        yield f"{path}/"
                    descriptor = folder.descriptor
                    for name, changed, inode in zip(names, marks[start + 2 : at : 2], marks[start + 3 : at : 2], strict=True):
                        try:
                            status = lstat(name, dir_fd=descriptor)
                            if status.st_ctime_ns == changed and status.st_ino == inode:
                                continue
                        except OSError:
                            pass
                        yield f"{path}/{os.fsdecode(name)}" if path else os.fsdecode(name)
            except OSError:
                yield f"{path}/"
        for path, backing in self.young.items():
            if not backing or _backing(base, path) != backing:
                yield path

    def changed_in(self, root: Path, seen: Snapshot) -> list[str]:
        """The files of the manifest that may have changed, or are gone, by what was seen at `root` now."""
        changed, at = [], 0
        for folder, names in zip(self.folders, self.names, strict=True):
            for path in joined(folder, _split(names)):
                at += 2
                if seen.files.get(path) != (self.marks[at], self.marks[at + 1]):
                    changed.append(path)
            at += 2
        base, known = os.fspath(root), set(changed)
        for path, backing in self.young.items():
            if path.endswith("/") or path in known:
                continue
            if not backing or _backing(base, path) != backing:
                changed.append(path)
        return changed

    def settled(self, looked_at: int) -> Manifest:
        """The same, with backing only for what was young at `looked_at` (the time of files in ns), after which the tree was found to be as it was."""
        if not self.young:
            return self
        marks = self._marks_by_path()
        return replace(self, young={path: each for path, each in self.young.items() if is_young(marks[path], looked_at)})

    def _marks_by_path(self) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        each = zip(self.marks[::2], self.marks[1::2], strict=True)
        for folder, names in zip(self.folders, self.names, strict=True):
            found.update(zip([f"{folder}/", *joined(folder, _split(names))], each, strict=False))
        return found

    def stored(self) -> dict[str, object]:
        """As it can be written down as JSON."""
        return {
            "folders": self.folders,
            "names": self.names,
            "marks": b64encode(self.marks.tobytes()).decode("ascii"),
            "young": self.young,
        }

    @staticmethod
    def restored(stored: dict[str, object]) -> Manifest:
        """What `stored` says. Raises ValueError, KeyError, TypeError or AttributeError if it does not."""
        folders, young = stored["folders"], stored["young"]
        if not isinstance(folders, list) or not isinstance(young, dict):
            raise TypeError("it is no manifest")
        names = _texts(stored["names"])
        marks = array("q", b64decode(str(stored["marks"]), validate=True))
        if len(folders) != len(names) or len(marks) != 2 * (len(folders) + sum(len(_split(each)) for each in names)):
            raise ValueError("its parts do not belong together")
        return Manifest(_texts(folders), names, marks, young)


def _split(names: str) -> list[str]:
    return names.split("/") if names else []


def _texts(stored: object) -> list[str]:
    if not isinstance(stored, list) or not all(isinstance(each, str) for each in stored):
        raise TypeError("texts are missing")
    return stored


def _backing(root: str, path: str) -> str:
    """What there is: the names in a folder, the content of a file; "" if that cannot be told."""
    place = f"{root}/{path}"
    try:
        if path.endswith("/"):
            content = "/".join(sorted(os.listdir(place))).encode("utf-8", "surrogateescape")  # noqa: PTH208  # for many
        else:
            content = _content(place)
    except (OSError, ValueError):
        return ""
    return blake2b(content, digest_size=16).hexdigest()


def _content(place: str) -> bytes:
    try:
        return read_regular(place, _LARGEST)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return os.fsencode(os.readlink(place))  # noqa: PTH115  # a Path would tidy it up
