"""What a tree was when it was last known to be right: its names, and the marks by which a change shows.

A mark that is too young to prove anything is backed by what there was: the content of the file, the names in the folder.
"""

from __future__ import annotations

import errno
import os
from array import array
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import read_regular
from yaoki.systems.repopool.slot.snapshot import OpenFolder, is_young, joined, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from yaoki.systems.repopool.slot.snapshot import Mark, Snapshot

_LARGEST = 1024 * 1024 * 1024

__all__ = ["Manifest"]


@dataclass(frozen=True)
class Manifest:
    """`folders`: their paths, "" for the root. `names`: for each of them, the names in it that are no folders, with "/" between them.
    `marks`: for each folder its own mark, then those of its names, all in a row. `young`: by path, what backs a mark that proves nothing by
    itself, "" if nothing does; a folder's path ends with "/".
    """

    folders: list[str]
    names: list[str]
    marks: array[int]
    young: dict[str, str]

    @staticmethod
    def of(root: Path, seen: Snapshot, doubted: Iterable[str] = ()) -> Manifest:
        """The manifest of what was seen under `root`. `doubted`: files that may not be as they must be, and are to be looked at again."""
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
        young.update(dict.fromkeys(doubted, ""))
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
        base = os.fspath(root)
        for path, mark, names, times, inodes in self._to_compare:
            try:
                with OpenFolder(base, path) as folder:
                    if mark_of(folder.status()) != mark:
                        yield f"{path}/"
                    changed = folder.changed(names, times, inodes)
                    yield from joined(path, [os.fsdecode(name) for name in changed])
            except OSError:
                yield f"{path}/"
        yield from self._unbacked(base, self.young)

    @cached_property
    def _to_compare(self) -> list[tuple[str, Mark, list[bytes], list[int], list[int]]]:
        """Each folder with its mark; then the names in it as bytes, as they are given to the system, their times, and their inodes. Made
        once for all looks.
        """
        return [
            (path, (marks[0], marks[1]), _in_bytes(together), marks[2::2].tolist(), marks[3::2].tolist())
            for path, together, marks in self._by_folder()
        ]

    def changed_in(self, root: Path, seen: Snapshot) -> list[str]:
        """The files of the manifest that may have changed, or are gone, by what was seen at `root` now."""
        changed = [
            path
            for folder, together, marks in self._by_folder()
            for path, mark in zip(joined(folder, _split(together)), _pairs(marks[2:]), strict=True)
            if seen.files.get(path) != mark
        ]
        known = set(changed)
        young = [path for path in self.young if not path.endswith("/") and path not in known]
        return [*changed, *self._unbacked(os.fspath(root), young)]

    def rewritten(self, root: Path, written: Mapping[str, bytes]) -> Manifest:
        """The same, after we have put the files `written`, which it has, in the place of others, or only renamed the folder. Of what
        anybody else has done there meanwhile nothing is believed. Raises OSError.
        """
        marks, young, names = self.marks[:], dict(self.young), _split(self.names[0])
        marks[0], marks[1] = mark_of(root.lstat())
        young["/"] = _names_backing([*names, *(path for path in self.folders if path and "/" not in path)])
        for name, content in written.items():
            at = 2 + 2 * names.index(name)
            marks[at], marks[at + 1] = mark_of((root / name).lstat())
            young[name] = _sum(content)
        return replace(self, marks=marks, young=young)

    def settled(self, looked_at: int) -> Manifest:
        """The same, with backing only for what was young at `looked_at` (the time of files in ns), after which the tree was found to be as
        it was.
        """
        if not self.young:
            return self
        marks: dict[str, Mark] = {}
        for folder, together, inside in self._by_folder():
            marks.update(zip([f"{folder}/", *joined(folder, _split(together))], _pairs(inside), strict=True))
        return replace(self, young={path: each for path, each in self.young.items() if is_young(marks[path], looked_at)})

    def _by_folder(self) -> Iterator[tuple[str, str, array[int]]]:
        """Each folder: its path, the names in it that are no folders, and the `marks` of it and of them."""
        at = 0
        for path, together in zip(self.folders, self.names, strict=True):
            start, at = at, at + 2 + 2 * _count(together)
            yield path, together, self.marks[start:at]

    def _unbacked(self, base: str, paths: Iterable[str]) -> Iterator[str]:
        """Those of the young `paths` that are not, or cannot be proven to be, what they were."""
        for path in paths:
            backing = self.young[path]
            if not backing or _backing(base, path) != backing:
                yield path

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
        if len(folders) != len(names) or len(marks) != 2 * (len(folders) + sum(map(_count, names))):
            raise ValueError("its parts do not belong together")
        return Manifest(_texts(folders), names, marks, young)


def _pairs(marks: array[int]) -> Iterator[Mark]:
    return zip(marks[::2], marks[1::2], strict=True)


def _in_bytes(names: str) -> list[bytes]:
    return os.fsencode(names).split(b"/") if names else []


def _split(names: str) -> list[str]:
    return names.split("/") if names else []


def _count(names: str) -> int:
    return names.count("/") + 1 if names else 0


def _texts(stored: object) -> list[str]:
    if not isinstance(stored, list) or not all(isinstance(each, str) for each in stored):
        raise TypeError("texts are missing")
    return stored


def _backing(root: str, path: str) -> str:
    """What there is: the names in a folder, the content of a file; "" if that cannot be told."""
    place = f"{root}/{path}"
    try:
        return _names_backing(os.listdir(place)) if path.endswith("/") else _sum(_content(place))  # noqa: PTH208  # for many
    except (OSError, ValueError):
        return ""


def _names_backing(names: list[str]) -> str:
    return _sum("/".join(sorted(names)).encode("utf-8", "surrogateescape"))


def _sum(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _content(place: str) -> bytes:
    try:
        return read_regular(place, _LARGEST)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return os.fsencode(os.readlink(place))  # noqa: PTH115  # a Path would tidy it up
