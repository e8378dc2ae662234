"""Whether a folder lies on a network file system, where SQLite's shared memory and locks do not hold between hosts."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["NETWORK_FILE_SYSTEMS", "file_system_of", "network_file_system"]

NETWORK_FILE_SYSTEMS = frozenset(
    """
    afs beegfs ceph cifs coda davfs fuse.ceph fuse.cephfs fuse.davfs fuse.glusterfs fuse.juicefs fuse.rclone fuse.s3fs
    fuse.sshfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs panfs pvfs2 smb2 smb3 smbfs
    """.split()
)
"""Kinds of file systems, as the kernel names them, that several hosts may write to."""

MOUNTS = Path("/proc/self/mountinfo")


def network_file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the network file system that `folder` lies on; None if it is a local one, or if that cannot be told."""
    kind = file_system_of(folder, mounts)
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def file_system_of(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the file system that `folder` lies on, as the kernel names it; None where the platform does not tell."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place = os.path.realpath(folder)
    best: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _unescaped(fields[4])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        # Of two on the same point the later one hides the earlier.
        if inside and (best is None or len(point) >= best[0]):
            best = (len(point), after.split(" ", 1)[0])
    return None if best is None else best[1]


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path
