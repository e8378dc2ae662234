"""The files of a tree as one commit in one pack, made by one git process (SPEC W3).

Every file is kept as its bytes are: nothing converts line ends, no filter runs.

Source: git-fast-import(1).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import CleanupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yaoki.systems.repopool.git.command import Git

__all__ = ["CHUNK", "Imported", "WorkTree", "import_commit"]

CHUNK = 1024 * 1024
"""Bytes of a file that are read at once."""

# Time counts more than space, since a tenant waits and the pack is dropped some day; and files of one tree are no base for deltas.
_QUICKLY = ("-c", "fastimport.unpackLimit=0", "-c", "pack.compression=1")
# git would not check them out again: on some file system they stand for the git folder, or as links for the list of submodules.
_REFUSED = re.compile(r"(?:^|/)(?:\.git|git~1)[ .]*(?:[:\\][^/]*)?(?:/|$)", re.IGNORECASE)
_REFUSED_LINK = re.compile(r"(?:^|/)(?:\.gitmodules|(?:g[^/~]{0,5})?~\d+)[ .]*(?::[^/]*)?$", re.IGNORECASE)


class WorkTree(NamedTuple):
    """What is kept: the files `present` under `root` as they are, without the files `gone`, and else what the tree object `rest` has."""

    root: Path
    rest: str
    present: list[str]
    gone: list[str]


class Imported(NamedTuple):
    """`commit` and its `tree`, both in the one pack that was written."""

    commit: str
    tree: str


def import_commit(git: Git, folder: Path, borrow: list[Path], work: WorkTree, *, parent: str, message: str) -> Imported:
    """Make the commit in the repository `folder`, which is there for that alone; its pack survives a power cut.

    Raises GitOperationError, OSError for a file that cannot be read, CleanupError for one that changes meanwhile or that git refuses.
    """
    for path in work.present:
        if _REFUSED.search(path):
            raise CleanupError(f"git cannot keep a file of the name {path!r}")
    done = git.run(
        *(folder, [*_QUICKLY, "fast-import", "--quiet", "--depth=0"]),
        stdin=_stream(work, parent, message),
        borrow=borrow,
        durable=True,
    )
    tree, commit = done.stdout.decode("utf-8", "replace").splitlines()
    return Imported(commit, tree.split()[2])


def _stream(work: WorkTree, parent: str, message: str) -> Iterator[bytes]:
    said = message.encode()
    author = f"Yaoki <yaoki@localhost> {int(clock.wall())} +0000"
    lines = ["commit refs/heads/wip", "mark :1", f"committer {author}", f"data {len(said)}", ""]
    yield "\n".join(lines).encode() + said
    yield f"\nfrom {parent}\nM 040000 {work.rest} \n".encode()
    # First, since a file may have become a folder, or a folder a file.
    yield from (b"D " + _quoted(path) + b"\n" for path in work.gone)
    for path in work.present:
        yield from _file(f"{work.root}/{path}", path)
    yield b'ls ""\n\nget-mark :1\n'


def _file(place: str, path: str) -> Iterator[bytes]:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        if _REFUSED_LINK.search(path):
            raise CleanupError(f"git cannot keep a link of the name {path!r}") from error
        target = os.fsencode(os.readlink(place))  # noqa: PTH115  # a Path would tidy it up
        yield b"M 120000 inline " + _quoted(path) + f"\ndata {len(target)}\n".encode() + target + b"\n"
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CleanupError(f"{path} changes while it is kept")
        mode = b"100755" if status.st_mode & stat.S_IXUSR else b"100644"
        left = status.st_size
        yield b"M " + mode + b" inline " + _quoted(path) + f"\ndata {left}\n".encode()
        while left:
            chunk = os.read(descriptor, min(left, CHUNK))
            if not chunk:
                raise CleanupError(f"{path} changes while it is kept")
            left -= len(chunk)
            yield chunk
        now = os.fstat(descriptor)
        if (now.st_size, now.st_ctime_ns) != (status.st_size, status.st_ctime_ns):
            raise CleanupError(f"{path} changes while it is kept")
        yield b"\n"
    finally:
        os.close(descriptor)


def _quoted(path: str) -> bytes:
    """As git reads it, whatever bytes are in it."""
    return b'"' + os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
