"""Files read without trust, written whole, moved and removed for certain.

What lies in a tenant's tree may be a symbolic link, a pipe, or far too large: reading never follows, never blocks, never takes more
than it was told.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import PoolManagerError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FULL",
    "bytes_in",
    "is_folder",
    "make_folder",
    "move",
    "read_regular",
    "remove",
    "sync_file",
    "sync_folder",
    "write_whole",
]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The numbers of errors that say that there is no room: no space, no quota, a file that may not grow."""

_CHUNK = 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Levels of folders, few enough to have a descriptor for each.
_DEEP = 50


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """The content of a regular file, never through a symbolic link. Raises OSError; ValueError if it is no regular file, or larger
    than `limit` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{os.fspath(path)} is no regular file")
        if status.st_size > limit:
            raise ValueError(f"{os.fspath(path)} has {status.st_size} bytes, more than {limit}")
        # As much as there is and one byte, not the limit: the memory for it is asked for at once.
        content = os.read(descriptor, status.st_size + 1)
        while len(content) <= limit and (more := os.read(descriptor, _CHUNK)):
            content += more
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise ValueError(f"{os.fspath(path)} grows beyond {limit} bytes")
    return content


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file so that others see the old content or the new one, never a part. `durable`: also after a power cut.

    Raises OSError; then the old content stands.
    """
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_file(file: Path) -> None:
    """Bring the content of a file to the disk. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path, what: str) -> None:
    """Make a folder in which everything of the pools lies, if it is missing. `what`: the folder, for people. Raises PoolManagerError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoolManagerError(
            f"{what}, {path}, cannot be made: {error.strerror}",
            way_out="name another workspaces_dir, or make this one writable",
        ) from error


def is_folder(path: Path) -> bool:
    """Whether a folder itself stands there, no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def move(source: Path, target: Path) -> None:
    """Rename, whatever it is, onto a name that is free; folders on the way are made. Raises OSError; FileExistsError if taken."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists already")
    source.rename(target)
    sync_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, also one whose permissions forbid it to its owner. Nothing happens if there is none.

    Raises OSError if it is still there afterwards.
    """
    try:
        is_real_folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if is_real_folder:
        try:
            shutil.rmtree(path, onerror=_permit)
        except RecursionError:
            _flatten(path)
            shutil.rmtree(path, onerror=_permit)
    else:
        path.unlink()


def _flatten(path: Path) -> None:
    """Bring every folder that lies deep in another one, which is to go, up to its top: `shutil.rmtree` calls itself for each level.

    By descriptors, so that no link is followed that comes into the way meanwhile. Raises OSError.
    """
    top = os.open(path, _FOLDER)
    try:
        waiting = ["."]
        while waiting:
            folder = os.open(waiting.pop(), _FOLDER, dir_fd=top)
            try:
                _bring_up(folder, 1, top, waiting)
            finally:
                os.close(folder)
    finally:
        os.close(top)


def _bring_up(folder: int, level: int, top: int, brought: list[str]) -> None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for name in names:
        if level == _DEEP:
            brought.append(os.urandom(8).hex())
            os.rename(name, brought[-1], src_dir_fd=folder, dst_dir_fd=top)  # it knows no descriptors
            continue
        inside = os.open(name, _FOLDER, dir_fd=folder)
        try:
            _bring_up(inside, level + 1, top, brought)
        finally:
            os.close(inside)


def _permit(function: Callable[..., object], path: str, problem: object) -> None:
    """Give us the rights to a folder and its parent, then try again."""
    if not os.path.lexists(path):
        return
    for place in (str(Path(path).parent), path):
        with suppress(OSError):
            if stat.S_ISDIR(os.lstat(place).st_mode):
                Path(place).chmod(0o700)
    # Somebody else may be removing it, too.
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)  # noqa: PTH108  # as rmtree gives it


def bytes_in(folder: Path) -> int:
    """Bytes on the disk under a folder, each file once; what cannot be read counts nothing."""
    total, seen, waiting = 0, set[tuple[int, int]](), [folder]
    while waiting:
        try:
            found = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
    return total
