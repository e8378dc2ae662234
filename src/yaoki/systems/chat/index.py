"""The index of the chat: opened, built when it is missing or stale, searched (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.chat.hits import Hit
    from yaoki.systems.chat.progress import Listener

__all__ = ["ChatIndex"]


class ChatIndex:
    """The passages of a corpus in memory, and what finds them. Immutable, so any number of threads may search at once.

    `version`: names the content; another corpus has another version. `notices`: what a reader should know about this index,
    each one English sentence: a source that could not be read, a damaged file that was set aside. `built`: whether this start
    built it. `len(index)`: the number of passages.
    """

    version: str
    notices: tuple[str, ...]
    built: bool

    @classmethod
    def open_or_build(cls, data_dir: Path, *, progress: Listener | None = None) -> ChatIndex:
        """The index in this folder; built first where there is none, or where the one there is stale or damaged.

        Opening takes less than 0.1 s, building 5 to 15 s. It blocks: call it in a thread. `progress` is called in that thread; an
        exception that it raises ends the build. Nothing of an index is in place before it is whole, whatever kills the process.
        A damaged index is set aside (renamed, never deleted). While a stale one cannot be rebuilt, because the disk is full or
        another process is at it, it is served with a notice.

        Raises DataFolderError (folder cannot be used), IndexBusyError (another process builds the first index here),
        NewerIndexError (format of a newer Yaoki), EmptyCorpusError (nothing to index).
        """
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The `k` best passages for the query, best first, at most two of one name; fewer or none where nothing matches.

        Lexical; about 0.2 ms. Never raises for any text of a caller. Raises ValueError for `k` below 1.
        """
        raise NotImplementedError

    def passage(self, key: str) -> Hit | None:
        """The passage with this id, with score 0, or None: what a reader opens from a source."""
        raise NotImplementedError

    def weight(self, word: str) -> float:
        """How much a word of a question tells: its inverse document frequency; highest for words the corpus never saw."""
        raise NotImplementedError
