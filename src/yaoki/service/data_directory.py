"""The data folder of a system, and the one running instance that may use it.

`--data`, else `$STATE_DIRECTORY` (which systemd sets), else the platform's own place for user data. It is made if it is missing,
for its owner alone, and written to once, so that a read-only place is told at the start and not in the middle of the work.

An instance holds a lock on a file in the folder, which the operating system gives back however the process ends. The file says
who holds it; nobody needs to delete it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.service.errors import CannotStartError
from yaoki.service.file_lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["Instance", "data_directory", "usual_place"]

LOCK_FILE = "instance.lock"


def data_directory(
    system: str, given: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Path:
    """The folder for the data of `system`, made and writable.

    `given`: what the user chose, or None. `environ`: the process's environment by default. Raises CannotStartError, with the
    reason and a way out, if it cannot be made or written.
    """
    if given is not None:
        place, chosen_by = Path(given).expanduser(), "--data"
    else:
        place, chosen_by = usual_place(system, environ=environ)
    try:
        place = place.absolute()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = place / f".writable-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotStartError(
            f"the data folder {place} ({chosen_by}) cannot be written: {why}",
            "Choose another with --data FOLDER, or make this one writable.",
        ) from error
    return place


def usual_place(system: str, *, environ: Mapping[str, str] | None = None) -> tuple[Path, str]:
    """The folder for the data of `system` if the user names none, and what chose it. It may not exist."""
    environ = os.environ if environ is None else environ
    if environ.get("STATE_DIRECTORY"):
        # With several, the first is the service's own.
        return Path(environ["STATE_DIRECTORY"].split(os.pathsep)[0]), "$STATE_DIRECTORY"
    from platformdirs import user_data_path

    return user_data_path("yaoki", appauthor=False) / system, "the usual place"


class Instance:
    """The one running instance of `system` on a data folder; a context manager.

    `acquire` takes the lock or raises CannotStartError, which says who holds it. `address` may be set to where the service can
    be reached, for whoever finds the lock taken. `lock_file`: its name in the folder; systems with different names share a folder.
    `option`: how the user names another folder.
    """

    def __init__(
        self, system: str, place: str | os.PathLike[str], *, lock_file: str = LOCK_FILE, option: str = "--data"
    ) -> None:
        self.system = system
        self.option = option
        self.file: Path = Path(place) / lock_file
        self._lock = FileLock(self.file)
        self._facts: dict[str, object] = {}

    def acquire(self) -> None:
        """Take the lock. Raises CannotStartError if another process holds it, or if it cannot be taken."""
        try:
            holder = self._lock.take()
        except ImportError:
            raise CannotStartError(
                "this platform has no file locks, so two instances could use one data folder",
                "Run the service on Linux or macOS.",
            ) from None
        except OSError as error:
            raise CannotStartError(
                f"the lock {self.file} cannot be taken: {error.strerror}",
                f"Choose a data folder on a local disk with {self.option} FOLDER.",
            ) from error
        if holder is not None:
            raise self._taken(holder)
        self._facts = {"system": self.system, "pid": os.getpid(), "since": clock.wall(), "address": None}
        self._lock.write(self._facts)

    def _taken(self, holder: Mapping[str, object]) -> CannotStartError:
        pid, address = holder.get("pid"), holder.get("address")
        where = f" at {address}" if isinstance(address, str) else ""
        who = f"process {pid}{where}" if isinstance(pid, int) else "another process"
        return CannotStartError(
            f"{self.system} is running already: {who} uses the data folder {self.file.parent}",
            f"Use that one, stop it{f' (kill {pid})' if isinstance(pid, int) else ''}, or choose another folder with {self.option} FOLDER.",
        )

    @property
    def address(self) -> str | None:
        """Where the service can be reached, as the lock file tells."""
        address = self._facts.get("address")
        return address if isinstance(address, str) else None

    @address.setter
    def address(self, address: str) -> None:
        self._facts["address"] = address
        self._lock.write(self._facts)

    def release(self) -> None:
        """Give the lock back; harmless without it."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()
