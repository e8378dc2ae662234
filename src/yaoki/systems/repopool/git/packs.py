"""Packs of objects as files: whether they are whole, what is in them, and how they are linked, moved and removed.

Source: gitformat-pack(5).
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from yaoki.systems.repopool.files import sync_file, sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

__all__ = [
    "adopt_pack",
    "checksum_problem",
    "ends_problem",
    "link_pack",
    "link_packs",
    "objects_named_in",
    "pack_files_in",
    "packs_in",
    "stamp_of",
    "unlink_pack",
]

_CHUNK = 1024 * 1024
_IDS_READ = 4096
_FANOUT = 8 + 256 * 4
# What belongs to a pack, in the order in which git removes it: git sees a pack by its index.
_SUFFIXES = (".idx", ".pack", ".rev", ".keep", ".bitmap")
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP})


def packs_in(objects: Path) -> list[Path]:
    """The `.pack` files in a folder of objects, by name."""
    try:
        names = pack_files_in(objects)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [objects / "pack" / name for name in sorted(names) if name.startswith("pack-") and name.endswith(".pack")]


def pack_files_in(objects: Path) -> set[str]:
    """The names of all files in the folder of packs, indexes and marks included. Raises OSError."""
    with os.scandir(objects / "pack") as entries:
        return {entry.name for entry in entries}


def stamp_of(pack: str | Path) -> list[int]:
    """Size, time of change in ns and inode of a pack and of its index: as long as they stay, it is believed to be as it was.

    Raises OSError.
    """
    name = os.fspath(pack)
    stamp: list[int] = []
    for path in (name, f"{name[: -len('.pack')]}.idx"):
        status = os.stat(path)  # noqa: PTH116  # many at each look, and paths are slow
        stamp += (status.st_size, status.st_mtime_ns, status.st_ino)
    return stamp


def objects_named_in(pack: Path, *, digest_size: int = 20) -> Iterator[bytes]:
    """The ids of all objects of a pack, in their order, as its index names them. Raises OSError; ValueError for a torn index."""
    index = pack.with_suffix(".idx")
    with _opened(index) as file:
        count = int.from_bytes(os.pread(file.descriptor, 4, _FANOUT - 4), "big")
    for first in range(0, count, _IDS_READ):
        size = min(_IDS_READ, count - first) * digest_size
        # Opened anew each time: whoever goes through hundreds at once needs no descriptor for each.
        with _opened(index) as file:
            chunk = os.pread(file.descriptor, size, _FANOUT + first * digest_size)
        if len(chunk) != size:
            raise ValueError(f"{index.name} ends too early")
        yield from (chunk[at : at + digest_size] for at in range(0, size, digest_size))


def ends_problem(pack: Path, *, digest_size: int = 20) -> str:
    """What is wrong with the first and last bytes of a pack and of its index, or "". Tens of microseconds."""
    try:
        with _opened(pack) as file:
            head = os.pread(file.descriptor, 12, 0)
            trailer = os.pread(file.descriptor, digest_size, max(0, file.size - digest_size))
        if head[:4] != b"PACK" or int.from_bytes(head[4:8], "big") not in (2, 3):
            return f"{pack.name} does not begin as a pack does"
        if file.size < 12 + digest_size:
            return f"{pack.name} ends after {file.size} bytes"
        index = pack.with_suffix(".idx")
        with _opened(index) as file:
            head = os.pread(file.descriptor, _FANOUT, 0)
            ending = os.pread(file.descriptor, 2 * digest_size, max(0, file.size - 2 * digest_size))
    except OSError as error:
        return f"{pack.name}: {error.strerror or error}"
    if head[:4] != b"\xfftOc" or len(head) < _FANOUT:
        return f"{index.name} does not begin as the index of a pack does"
    count = int.from_bytes(head[-4:], "big")
    if file.size < _FANOUT + count * (digest_size + 8) + 2 * digest_size:
        return f"{index.name} ends after {file.size} bytes"
    if ending[:digest_size] != trailer:
        return f"{pack.name} and {index.name} do not belong together"
    return ""


def checksum_problem(pack: Path, *, digest_size: int = 20) -> str:
    """What is wrong with a pack and its index, all bytes summed up, or "". A third of a second for 150 MB."""
    problem = ends_problem(pack, digest_size=digest_size)
    if problem:
        return problem
    for path in (pack, pack.with_suffix(".idx")):
        try:
            if not _checksum_holds(path, digest_size):
                return f"the checksum of {path.name} is wrong"
        except OSError as error:
            return f"{path.name}: {error.strerror or error}"
    return ""


def _checksum_holds(path: Path, digest_size: int) -> bool:
    algorithm: Callable[[], hashlib._Hash] = hashlib.sha1 if digest_size == 20 else hashlib.sha256
    digest = algorithm()
    with _opened(path) as file:
        at, end = 0, file.size - digest_size
        while at < end:
            chunk = os.pread(file.descriptor, min(_CHUNK, end - at), at)
            if not chunk:
                return False
            digest.update(chunk)
            at += len(chunk)
        return os.pread(file.descriptor, digest_size, end) == digest.digest()


def link_packs(source: Path, target: Path, *, known: Callable[[], Container[str]] = tuple) -> int:
    """Give the packs in one folder of objects to another one, by hard links where that is possible: packs never change. Returns how
    many were new there. A pack without an index is passed over, since git is writing or removing it, unless its name is `known`, as one
    that stood there whole and has to stand there still. Raises OSError.
    """
    new = 0
    gone = set[str]()
    folder = os.fspath(target / "pack")
    while True:
        for pack in packs_in(source):
            # Asked by name: the target may have many more packs than the source.
            place = f"{folder}/{pack.name.removesuffix('.pack')}"
            if pack.name in gone or (os.path.lexists(f"{place}.pack") and os.path.lexists(f"{place}.idx")):
                continue
            try:
                new += link_pack(pack, target)
            except FileNotFoundError:
                if pack.name in known():
                    raise
                # If it was removed, the pack that has its objects now may have come after our look.
                gone.add(pack.name)
                break
        else:
            if new:
                sync_folder(target / "pack")
            return new


def link_pack(pack: Path, target: Path, *, copy: bool = False) -> bool:
    """Give one pack to the folder of objects `target`. `copy`: never by a link. Returns whether it was new there. Raises OSError."""
    # The index last: git sees a pack by its index.
    new = False
    for path in (pack, pack.with_suffix(".idx")):
        goal = target / "pack" / path.name
        if goal.exists():
            continue
        new = True
        if not copy:
            try:
                goal.hardlink_to(path)
                continue
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
        copied = goal.with_name(f"tmp_{goal.name}")
        shutil.copyfile(path, copied)
        sync_file(copied)
        copied.rename(goal)
    return new


def unlink_pack(objects: Path, name: str) -> int:
    """Remove the pack `name`, "pack-….pack", and what belongs to it, as git does. Returns the bytes of what was there. Raises OSError."""
    freed = 0
    for suffix in _SUFFIXES:
        path = objects / "pack" / f"{name.removesuffix('.pack')}{suffix}"
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        freed += size
    return freed


def adopt_pack(source: Path, target: Path) -> str:
    """Move the only pack in the objects `source`, whose content is on the disk, to the objects `target`, durably. Returns its name.
    Raises OSError, ValueError if there is another number of packs.
    """
    (pack,) = packs_in(source)
    # The index last: git sees a pack by its index.
    for path in (pack, pack.with_suffix(".idx")):
        path.rename(target / "pack" / path.name)
    sync_folder(target / "pack")
    return pack.stem.removeprefix("pack-")


class _Opened:
    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self.size = os.fstat(self.descriptor).st_size

    def close(self) -> None:
        os.close(self.descriptor)


def _opened(path: Path) -> closing[_Opened]:
    return closing(_Opened(path))
