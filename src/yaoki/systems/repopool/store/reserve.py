"""Space that is kept for the state of the pools, so that slots can be taken and given back on a disk that is full (SPEC W1).

A file of zeros is removed when the disk is nearly full, and made again when there is space. What it leaves is enough for the log of
the state, which is written over and over.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Reserve"]

SIZE = 2 * 1024 * 1024


class Reserve:
    """The file `file` of `SIZE` bytes, on the disk that it is kept for."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def fill(self) -> None:
        """Make the file, if it is missing and the disk is not nearly full."""
        if self.file.exists() or self._free() < 4 * SIZE:
            return
        aside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            with aside.open("wb") as opened:
                opened.write(bytes(SIZE))
            aside.replace(self.file)
        except OSError:
            # Another one was faster in filling the disk.
            aside.unlink(missing_ok=True)

    def spend(self) -> None:
        """Remove the file, if the disk is nearly full."""
        if self._free() < SIZE // 2:
            self.file.unlink(missing_ok=True)

    def _free(self) -> int:
        disk = os.statvfs(self.file.parent)
        return disk.f_bavail * disk.f_frsize
