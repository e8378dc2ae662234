"""The data folder of an index: the file that counts in it, and what is set aside (SPEC G1).

The file is `index-N.sqlite3`; the highest N counts. A damaged one is renamed and never deleted, and the next one gets a new
number: a write-ahead log belongs to one file name, so no log of an old index can ever be applied to a new one.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.vector.errors import DataFolderError, IndexDamagedError
from yaoki.systems.chat.vector.index import store
from yaoki.systems.chat.vector.index.lock import building

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.index.document import Document

__all__ = ["Folder"]

_GENERATION = re.compile(r"index-(\d{1,12})\.sqlite3")


class Folder:
    """One data folder. `path`: where it is. Raises DataFolderError where it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._notices: list[str] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error

    def notices(self) -> tuple[str, ...]:
        """What was set aside since this object was made, each one sentence."""
        return tuple(self._notices)

    def present(self, *, locked: bool = False) -> tuple[Path, store.Stored] | None:
        """The index that counts, verified; None where there is none. A damaged one is set aside first.

        `locked`: the caller holds the lock of builders. Raises IndexBusyError where another process does and it is needed, NewerIndexError, and DataFolderError where the folder or the file cannot be read.
        """
        while generations := self._generations():
            file = generations[0][1]
            try:
                if store.format_of(file) < store.FORMAT:
                    return None
                return file, store.load(file)
            except IndexDamagedError as error:
                with nullcontext() if locked else building(self.path):
                    if _is_damaged(file):
                        self.set_aside(file, error.reason)
            except DataFolderError:
                # Another process may have set it aside since it was listed.
                if file.exists():
                    raise
        return None

    def make(self, *documents: Document) -> Path:
        """A new index of these documents, with a new number; the caller holds the lock.

        Those of an older format are removed once it is there: they held nothing but Python's documentation, which is read again.
        """
        older = self._generations()
        file = self.path / f"index-{older[0][0] + 1 if older else 1}.sqlite3"
        try:
            store.create(file, documents)
        except (OSError, sqlite3.Error) as error:
            raise DataFolderError(self.path, getattr(error, "strerror", None) or str(error)) from error
        for _, each in older:
            with suppress(IndexDamagedError, DataFolderError):
                if store.format_of(each) < store.FORMAT:
                    _remove(each)
        return file

    def clean(self) -> None:
        """Remove what builds that were killed have left; the caller holds the lock."""
        for file in self._listed():
            if file.name.startswith("building-"):
                _remove(file)

    def _generations(self) -> list[tuple[int, Path]]:
        """The indexes, newest first."""
        matches = [(_GENERATION.fullmatch(file.name), file) for file in self._listed()]
        return sorted(((int(match.group(1)), file) for match, file in matches if match), reverse=True)

    def _listed(self) -> list[Path]:
        try:
            return list(self.path.iterdir())
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error

    def set_aside(self, file: Path, reason: str) -> None:
        """Rename a damaged index, and put the user's documents that are whole in it into a new one."""
        documents, lost = store.salvage(file)
        kept = self._free_name(f"damaged-{file.stem}", file.suffix)
        successor = self.path / f"index-{int(file.stem.rpartition('-')[2]) + 1}.sqlite3"
        try:
            store.create(successor, documents)
            for part in ("-wal", "-shm", ""):
                beside = file.with_name(file.name + part)
                if beside.exists():
                    beside.rename(kept.with_name(kept.name + part))
        except FileNotFoundError:
            return  # another process was faster
        except (OSError, sqlite3.Error) as error:
            raise DataFolderError(self.path, getattr(error, "strerror", None) or str(error)) from error
        saved = f" {len(documents)} of your documents were saved from it." if documents else ""
        missing = f" {lost} could not be: index them again." if lost else ""
        self._notices.append(
            f"The index was damaged ({reason}) and was built anew; the damaged file is kept as {kept.name}.{saved}{missing}"
        )

    def _free_name(self, stem: str, suffix: str) -> Path:
        moment = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{stem}-{moment}{suffix}", *(f"{stem}-{moment}-{number}{suffix}" for number in range(2, 100)))
        return next((free for name in names if not (free := self.path / name).exists()), self.path / names[-1])


def _is_damaged(file: Path) -> bool:
    """Whether it still is; another process may have been faster."""
    try:
        store.load(file)
    except IndexDamagedError:
        return True
    except DataFolderError:
        return False
    return False


def _remove(file: Path) -> None:
    """Remove a file with what SQLite keeps beside it; what cannot be removed stays and harms nothing."""
    for part in ("-wal", "-shm", ""):
        with suppress(OSError):
            file.with_name(file.name + part).unlink(missing_ok=True)
