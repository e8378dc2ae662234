"""What nobody needs any more, on its way off the disk.

To delete many files takes long, to rename their folder does not: so they are renamed away at once, and deleted by a thread that nobody
waits for. What a killed process leaves, the next one deletes.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from yaoki.core.fork import renew_after_fork
from yaoki.systems.repopool.files import remove

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Discarded", "Emptying"]

SPARE = 64 * 1024 * 1024
"""Bytes free below which the space is needed at once."""

_log = logging.getLogger("yaoki.repopool")


class Discarded:
    """The things that are discarded by one piece of work, on their way through the folder `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._folder: Path | None = None
        self._number = 0

    def take(self, path: Path) -> None:
        """Have what stands at `path` out of the way, whatever it is; nothing happens if there is none. Raises OSError if it is still there
        afterwards.
        """
        if not os.path.lexists(path):
            return
        if self._folder is None:
            self._folder = self._made()
        if self._folder is not None:
            self._number += 1
            with suppress(OSError):
                path.rename(self._folder / str(self._number))
                return
        # No space to spare, or a folder that forbids it.
        remove(path)

    def _made(self) -> Path | None:
        with suppress(OSError):
            status = os.statvfs(self._place.parent)
            if status.f_bavail * status.f_frsize >= SPARE:
                folder = self._place / os.urandom(8).hex()
                folder.mkdir(parents=True)
                return folder
        return None


class Emptying:
    """Deletes what was discarded, in one thread for each place. The process does not end before it has. A forked child has none."""

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, in a forked child."""
        self._gate = threading.Lock()
        self._again: dict[Path, bool] = {}

    def begin(self, place: Path) -> None:
        """Begin to delete what is in the folder `place`. Does not wait, and raises nothing."""
        if not _contents(place):
            return
        with self._gate:
            running = place in self._again
            self._again[place] = running
        if not running:
            try:
                threading.Thread(target=self._run, args=(place,), name="yaoki-pool-discard").start()
            except RuntimeError as error:
                # The process ends, or may have no more threads; whoever works on a slot next begins again.
                _log.info("what is in %s is deleted later: %s", place, error)
                self._end(place)

    def _run(self, place: Path) -> None:
        try:
            self._empty(place)
        except BaseException:
            self._end(place)
            raise

    def _end(self, place: Path) -> None:
        with self._gate:
            self._again.pop(place, None)

    def _empty(self, place: Path) -> None:
        while True:
            for path in _contents(place):
                try:
                    remove(path)
                except OSError as error:
                    _log.warning("%s could not be removed: %s", path, error)
            with self._gate:
                if not self._again[place]:
                    del self._again[place]
                    return
                self._again[place] = False


def _contents(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except OSError:
        return []
