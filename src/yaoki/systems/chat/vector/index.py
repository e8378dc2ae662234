"""The index of the chat: opened, built when it is missing or stale, searched (SPEC G1).

Every build is a new file `index-N.sqlite3`, put in place by a rename when it is whole; the highest N counts. A write-ahead log
belongs to one file name, so no log of an old index can ever be applied to a new one.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.vector import store
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.errors import DataFolderError, EmptyCorpusError, IndexBusyError, IndexDamagedError
from yaoki.systems.chat.vector.hits import Hit
from yaoki.systems.chat.vector.lexical import LexicalIndex
from yaoki.systems.chat.vector.lock import building
from yaoki.systems.chat.vector.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yaoki.systems.chat.vector.corpus.collect import Corpus
    from yaoki.systems.chat.vector.progress import Listener

__all__ = ["ChatIndex"]

_GENERATION = re.compile(r"index-(\d{1,12})\.sqlite3")
_BUILDING = "building-"
# The shares of a build's time.
_COLLECTED, _INDEXED = 0.78, 0.96


class ChatIndex:
    """The passages of a corpus in memory, and what finds them. Immutable, so any number of threads may search at once.

    `version`: names the content; another corpus has another version. `notices`: what a reader should know about this index,
    each one English sentence: a source that could not be read, a damaged file that was set aside. `built`: whether this start
    built it. `len(index)`: the number of passages.
    """

    __slots__ = ("_lexical", "_numbers", "_rows", "built", "notices", "version")

    version: str
    notices: tuple[str, ...]
    built: bool

    def __init__(self, stored: store.Stored, notices: tuple[str, ...] = (), *, built: bool = False) -> None:
        self.version = stored.version
        self.notices = (*notices, *stored.notices)
        self.built = built
        self._rows = stored.rows
        self._lexical = stored.lexical
        self._numbers = {row[0]: number for number, row in enumerate(stored.rows)}

    @classmethod
    def open_or_build(cls, data_dir: Path, *, progress: Listener | None = None, sources: Sources | None = None) -> ChatIndex:
        """The index in this folder; built first where there is none, or where the one there is stale or damaged.

        Opening takes less than 0.1 s, building 5 to 15 s. It blocks: call it in a thread. `progress` is called in that thread; an
        exception that it raises ends the build. Nothing of an index is in place before it is whole, whatever kills the process.
        A damaged index is set aside (renamed, never deleted). While a stale one cannot be rebuilt, because the disk is full or
        another process is at it, it is served with a notice. `sources`: the documents; by default those of the running Python.

        Raises DataFolderError (folder cannot be used), IndexBusyError (another process builds the first index here),
        NewerIndexError (format of a newer Yaoki), EmptyCorpusError (nothing to index).
        """
        folder = _Folder(data_dir)
        sources = sources or Sources.running()
        wanted = sources.fingerprint()
        present = folder.present()
        if present is not None and present.fingerprint == wanted:
            return cls(present, folder.notices())
        try:
            with building(folder.path):
                # Another process may have built it since.
                present = folder.present() or present
                if present is not None and present.fingerprint == wanted:
                    return cls(present, folder.notices())
                return cls(folder.build(sources, progress or _silent), folder.notices(), built=True)
        except (DataFolderError, IndexBusyError, EmptyCorpusError) as error:
            if present is None:
                raise
            notice = f"This index was made of an older state of the documents and could not be built anew: {error}."
            return cls(present, (notice, *folder.notices()))

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The `k` best passages for the query, best first, at most two of one name; fewer or none where nothing matches.

        Lexical; about 0.2 ms. Never raises for any text of a caller. Raises ValueError for `k` below 1.
        """
        if k < 1:
            raise ValueError(f"k is 1 or more, not {k!r}")
        return [self._hit(number, score) for number, score in self._lexical.search(query, k)]

    def passage(self, key: str) -> Hit | None:
        """The passage with this id, with score 0, or None: what a reader opens from a source."""
        number = self._numbers.get(key)
        return None if number is None else self._hit(number, 0.0)

    def names(self, key: str) -> tuple[str, ...]:
        """The name of the passage with this id and its further names, such as `bisect.insort`; none for an unknown id."""
        number = self._numbers.get(key)
        return () if number is None else (self._rows[number][5], *json.loads(self._rows[number][6]))

    def weight(self, word: str) -> float:
        """How much a word of a question tells: its inverse document frequency; highest for words the corpus never saw.

        `word`: as `yaoki.systems.chat.vector.words.words` gives it.
        """
        return self._lexical.weight(word)

    def _hit(self, number: int, score: float) -> Hit:
        key, title, signature, source, text = self._rows[number][:5]
        return Hit(key, text, score, title, signature, source)


class _Folder:
    """A data folder: finds the index in it, sets aside what is damaged, puts a new one in place."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._notices: list[str] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error

    def notices(self) -> tuple[str, ...]:
        return tuple(self._notices)

    def present(self) -> store.Stored | None:
        """The newest index that is whole, in whatever state its sources are."""
        while generations := self._generations():
            file = generations[0][1]
            try:
                if store.format_of(file) < store.FORMAT:
                    self._migrate(file)
                return store.load(file)
            except IndexDamagedError as error:
                self._set_aside(file, error.reason)
            except DataFolderError:
                # Another process may have put a newer one in its place since it was listed.
                if file.exists():
                    raise
        return None

    def build(self, sources: Sources, progress: Listener) -> store.Stored:
        """Build an index and put it in place. The caller holds the lock."""
        # Taken first: what changes while it is read makes the index stale at the next start.
        wanted = sources.fingerprint()
        _remove(file for file in self._listed() if file.name.startswith(_BUILDING))
        corpus = sources.collect(progress)
        if not corpus.passages:
            raise EmptyCorpusError(corpus.notices)
        lexical = LexicalIndex.build(
            corpus.passages,
            lambda share: progress(Progress("Indexing words", _COLLECTED + (_INDEXED - _COLLECTED) * share)),
        )
        progress(Progress("Writing the index", _INDEXED))
        older = self._generations()
        file = self._put_in_place(corpus, lexical, wanted, older[0][0] + 1 if older else 1)
        stored = store.load(file)
        _remove(file for _, file in older)
        progress(Progress("Ready", 1.0))
        return stored

    def _put_in_place(self, corpus: Corpus, lexical: LexicalIndex, wanted: str, generation: int) -> Path:
        unfinished = self.path / f"{_BUILDING}{os.getpid()}.sqlite3"
        file = self.path / f"index-{generation}.sqlite3"
        try:
            store.write(unfinished, corpus.passages, lexical, wanted, corpus.notices)
            unfinished.replace(file)
            _sync(self.path)
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error
        except sqlite3.Error as error:
            raise DataFolderError(self.path, str(error)) from error
        finally:
            _remove([unfinished])
        return file

    def _generations(self) -> list[tuple[int, Path]]:
        """The finished indexes, newest first."""
        matches = [(_GENERATION.fullmatch(file.name), file) for file in self._listed()]
        return sorted(((int(match.group(1)), file) for match, file in matches if match), reverse=True)

    def _listed(self) -> list[Path]:
        try:
            return list(self.path.iterdir())
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error

    def _migrate(self, file: Path) -> None:
        with building(self.path):
            found = store.format_of(file)
            if found < store.FORMAT:
                store.migrate(file, self._free_name(f"{file.stem}-format-{found}", file.suffix))

    def _set_aside(self, file: Path, reason: str) -> None:
        kept = self._free_name(f"damaged-{file.stem}", file.suffix)
        try:
            for part in ("-wal", "-shm", ""):
                beside = file.with_name(file.name + part)
                if beside.exists():
                    beside.rename(kept.with_name(kept.name + part))
        except FileNotFoundError:
            return  # another process was faster
        except OSError as error:
            raise DataFolderError(self.path, error.strerror or str(error)) from error
        self._notices.append(f"The index was damaged ({reason}) and was built anew; the damaged file is kept as {kept.name}.")

    def _free_name(self, stem: str, suffix: str) -> Path:
        moment = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{stem}-{moment}{suffix}", *(f"{stem}-{moment}-{number}{suffix}" for number in range(2, 100)))
        return next((free for name in names if not (free := self.path / name).exists()), self.path / names[-1])


def _remove(files: Iterable[Path]) -> None:
    """Remove files with what SQLite keeps beside them; what cannot be removed stays and harms nothing."""
    for file in files:
        for part in ("-wal", "-shm", ""):
            with suppress(OSError):
                file.with_name(file.name + part).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Bring a rename to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _silent(_: Progress) -> None:
    """Nobody listens."""
