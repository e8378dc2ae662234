"""The index of the chat: opened, built when it is missing or stale, searched, changed document by document (SPEC G1)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.systems.chat.embeddings.embedder import EmbeddingError
from yaoki.systems.chat.vector.corpus.collect import Sources
from yaoki.systems.chat.vector.errors import DataFolderError, EmptyCorpusError, IndexBusyError, IndexDamagedError
from yaoki.systems.chat.vector.index import embedding_store, store
from yaoki.systems.chat.vector.index.content import WITH_PYTHON, Content, served
from yaoki.systems.chat.vector.index.document import LIBRARY, Document
from yaoki.systems.chat.vector.index.folder import Folder
from yaoki.systems.chat.vector.index.hits import Found, Hit
from yaoki.systems.chat.vector.index.lock import building
from yaoki.systems.chat.vector.index.vectors import Vectors
from yaoki.systems.chat.vector.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import TypeVar

    from yaoki.systems.chat.embeddings.embedder import Embedder, Matrix
    from yaoki.systems.chat.vector.index.hits import Retrieval
    from yaoki.systems.chat.vector.progress import Listener

    T = TypeVar("T")

__all__ = ["ChatIndex"]

# The shares of a build's time.
_COLLECTED, _INDEXED = 0.78, 0.96

_FOR_EMBEDDING = 0.75
"""The share of a search's time that the vector of its query may take, so that there is time left to search by words.

More than an endpoint has by its own settings: its circuit opens at timeouts of its own alone.
"""


class ChatIndex:
    """The passages of an index in memory, and what finds them. Any number of threads may search while one changes it.

    `notices`: what a reader should know about this index, each one English sentence: a source that could not be read, a damaged
    file that was set aside. `built`: whether this start built it. `len(index)`: the number of passages.
    """

    def __init__(self, folder: Folder, file: Path, stored: store.Stored, notices: tuple[str, ...], *, built: bool) -> None:
        self.built = built
        self.file = file
        self._folder = folder
        self._said = notices
        self._serving = _Serving(Content(served(stored), stored.state))
        self._changing = threading.Lock()
        self._changed = threading.Event()
        self._read_on = 0

    @classmethod
    def open_or_build(cls, data_dir: Path, *, progress: Listener | None = None, sources: Sources | None = None) -> ChatIndex:
        """The index in this folder; Python's documentation is read first where it is missing or stale, and served.

        Opening takes about 0.2 s, building 5 to 15 s. It blocks: call it in a thread. `progress` is called in that thread; an
        exception that it raises ends the build. Nothing of a build is in place before it is whole, whatever kills the process.
        A damaged index is set aside (renamed, never deleted). While a stale one cannot be rebuilt, because the disk is full or
        another process is at it, it is served with a notice. `sources`: the documents; by default those of the running Python.

        Raises DataFolderError (folder cannot be used), IndexBusyError (another process builds the first index here),
        NewerIndexError (format of a newer Yaoki), EmptyCorpusError (nothing to index).
        """
        folder = Folder(data_dir)
        sources = sources or Sources.running()
        wanted = sources.fingerprint()
        present = folder.present()
        if present is not None and _is_current(present[1], wanted):
            return cls(folder, *present, folder.notices(), built=False)
        try:
            with building(folder.path):
                # Another process may have built it since.
                present = folder.present(locked=True) or present
                if present is not None and _is_current(present[1], wanted):
                    return cls(folder, *present, folder.notices(), built=False)
                file = _build(folder, present[0] if present else None, sources, progress or _silent)
                return cls(folder, file, store.load(file), folder.notices(), built=True)
        except (DataFolderError, IndexBusyError, EmptyCorpusError) as error:
            if present is None or not served(present[1]):
                raise
            notice = f"This index was made of an older state of the documents and could not be built anew: {error}."
            return cls(folder, *present, (notice, *folder.notices()), built=False)

    def __len__(self) -> int:
        return len(self._serving.content.passages)

    @property
    def version(self) -> str:
        """Names what is served: another version, other passages."""
        return self._serving.content.version

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader should know about this index, each one English sentence."""
        return (*self._said, *self._serving.content.notices)

    @property
    def retrieval(self) -> Retrieval:
        """How the next search will search, if the embedder does not fail it."""
        vectors = self._serving.vectors
        return "hybrid" if vectors is not None and vectors.known else "lexical"

    @property
    def embedder(self) -> Embedder | None:
        """What embeds questions, or None."""
        return self._serving.embedder

    # Searching

    def find(self, query: str, k: int = 5) -> Found:
        """The `k` best passages for the query, best first, at most two of one name; fewer or none where nothing matches.

        By words and meaning where there is an embedder that understands the query, else by words; 0.2 to 1 ms, and the time of
        the embedder. Never raises for any text of a caller. Raises ValueError for `k` below 1.
        """
        if k < 1:
            raise ValueError(f"k is 1 or more, not {k!r}")
        serving = self._serving
        content, vectors = serving.content, serving.vectors
        meant, reason = serving.embedded(query)
        if meant is None or vectors is None:
            hits = [_hit(content, number, score) for number, score in content.by_words(query, k)]
            return Found(hits, content.version, "lexical", reason)
        ranking = content.by_words_and_meaning(query, meant, vectors, k)
        # While some meanings are missing the nearest one may be among them, so similarity tells nothing yet.
        complete = vectors.complete
        return Found(
            [
                _hit(content, number, score, vectors.similarity(number, meant) if complete else None)
                for number, score in ranking
            ],
            content.version,
            "hybrid",
        )

    def search(self, query: str, k: int = 5) -> list[Hit]:
        """The hits of `find`."""
        return self.find(query, k).hits

    def passage(self, key: str) -> Hit | None:
        """The passage with this id, with score 0, or None: what a reader opens from a source."""
        content = self._serving.content
        number = content.number(key)
        return None if number is None else _hit(content, number, 0.0)

    def names(self, key: str) -> tuple[str, ...]:
        """The name of the passage with this id and its further names, such as `bisect.insort`; none for an unknown id."""
        content = self._serving.content
        number = content.number(key)
        if number is None:
            return ()
        passage = content.passages[number]
        return (passage.name, *passage.aliases)

    def ids(self) -> tuple[str, ...]:
        """The ids of all passages."""
        return tuple(passage.id for passage in self._serving.content.passages)

    def knows(self, word: str) -> bool:
        """Whether a passage has this word, normalised as for `weight`."""
        return self._serving.content.lexical.knows(word)

    def weight(self, word: str) -> float:
        """How much a word of a question tells: its inverse document frequency; highest for words the corpus never saw.

        `word`: as `yaoki.systems.chat.segmentation.words.words` gives it.
        """
        return self._serving.content.lexical.weight(word)

    # Changing

    def change(self, put: Sequence[Document] = (), remove: Iterable[str] = ()) -> list[bool]:
        """Add documents of the user, each in the place of one with its id, and remove those with these ids.

        All of it is on the disk when this returns, and found from then on, or nothing of it. Returns for each removed id whether
        there was such a document. It blocks, about 0.1 s with 10 000 passages. Raises DataFolderError or IndexDamagedError.
        """
        with self._changing:
            removed = self._write_locked(lambda changed: _apply(changed, put, remove))
            self._reload_locked()
        return removed

    def refresh(self) -> bool:
        """Read anew what another process has changed; whether there was something. Raises ChatIndexError."""
        with self._changing:
            if self.file.exists() and store.state_of(self.file) == self._serving.content.state:
                return False
            self._reload_locked()
            return True

    def wait_for_change(self, seconds: float) -> None:
        """Return when documents have changed here, when `wake` is called, or after this time."""
        self._changed.wait(seconds)
        self._changed.clear()

    def wake(self) -> None:
        """Let whoever waits for a change go on."""
        self._changed.set()

    def _write_locked(self, write: Callable[[store.Change], T]) -> T:
        try:
            with store.change(self.file) as changed:
                return write(changed)
        except IndexDamagedError as error:
            # Found by the writer alone, in a page that no reader needed.
            with building(self._folder.path):
                self._folder.set_aside(self.file, error.reason)
            self._reload_locked()
            with store.change(self.file) as changed:
                return write(changed)

    def _reload_locked(self) -> None:
        present = self._folder.present()
        if present is None:
            raise DataFolderError(self._folder.path, "the index is gone; start again to build it")
        self.file, stored = present
        content = Content(served(stored), stored.state)
        self._take_locked(content, self._serving.embedder)
        self._changed.set()

    # Meaning

    def use(self, embedder: Embedder) -> None:
        """Search by meaning too from now on, with the vectors that are stored and those that `take_vectors` brings."""
        with self._changing:
            self._take_locked(self._serving.content, embedder)

    def take_vectors(self) -> tuple[int, int]:
        """Take what has been embedded since; how many passages have their vector, and how many will have one."""
        with self._changing:
            embedder, vectors = self._serving.embedder, self._serving.vectors
            if embedder is None or vectors is None:
                return 0, 0
            found, self._read_on = embedding_store.read(self.file, embedder.name, embedder.dimensions, self._read_on)
            vectors.add(found)
            return vectors.known, vectors.wanted

    def _take_locked(self, content: Content, embedder: Embedder | None) -> None:
        before = self._serving
        vectors = None
        if embedder is not None:
            vectors = Vectors(content.keys(embedder.understands), embedder.dimensions)
            if before.vectors is not None and before.embedder is embedder:
                vectors.take(before.vectors)
            else:
                self._read_on = 0
            found, self._read_on = embedding_store.read(self.file, embedder.name, embedder.dimensions, self._read_on)
            vectors.add(found)
        self._serving = _Serving(content, vectors, embedder)


@dataclass(frozen=True, slots=True)
class _Serving:
    """What a search uses, replaced as one: vectors of the passages that it sees, from the embedder that it asks."""

    content: Content
    vectors: Vectors | None = None
    embedder: Embedder | None = None

    def embedded(self, query: str) -> tuple[Matrix | None, str | None]:
        """The vector of the query; where there is none, why. An embedder that is late leaves time to search without it."""
        if self.embedder is None or self.vectors is None:
            return None, None
        if not self.vectors.known:
            return None, "preparing"
        if not self.embedder.understands(query):
            return None, "other_writing"
        try:
            with deadline.within(_FOR_EMBEDDING * deadline.remaining()):
                return self.embedder.embed([query])[0], None
        except EmbeddingError as error:
            return None, error.kind


def _apply(changed: store.Change, put: Sequence[Document], remove: Iterable[str]) -> list[bool]:
    removed = [changed.remove("user", key) for key in remove]
    for document in put:
        changed.put(document)
    return removed


def _is_current(stored: store.Stored, wanted: str) -> bool:
    """Whether what is served of the index is not stale; the user's documents never are by themselves."""
    states = {document.state for document in served(stored) if document.origin == "library"}
    own = any(document.origin == "user" for document in stored.documents)
    return states == {wanted} or (own and not states and stored.settings.get(WITH_PYTHON) != "yes")


def _build(folder: Folder, file: Path | None, sources: Sources, progress: Listener) -> Path:
    """Read Python's documentation into the index; the caller holds the lock."""
    # Taken first: what changes while it is read makes the index stale at the next start.
    wanted = sources.fingerprint()
    folder.clean()
    corpus = sources.collect(progress)
    if not corpus.passages:
        raise EmptyCorpusError(corpus.notices)
    document = Document.of(
        "library",
        LIBRARY,
        corpus.passages,
        state=wanted,
        notices=corpus.notices,
        progress=lambda share: progress(Progress("Indexing words", _COLLECTED + (_INDEXED - _COLLECTED) * share)),
    )
    progress(Progress("Writing the index", _INDEXED))
    if file is None:
        file = folder.make(document)
    else:
        try:
            with store.change(file) as changed:
                changed.put(document)
        except IndexDamagedError as error:
            folder.set_aside(file, error.reason)
            present = folder.present(locked=True)
            file = folder.make(document) if present is None else present[0]
            with store.change(file) as changed:
                changed.put(document)
    _ready(progress)
    return file


def _ready(progress: Listener) -> None:
    progress(Progress("Ready", 1.0))


def _hit(content: Content, number: int, score: float, similarity: float | None = None) -> Hit:
    passage = content.passages[number]
    return Hit(passage.id, passage.text, score, passage.title, passage.signature, passage.source, similarity)


def _silent(_: Progress) -> None:
    """Nobody listens."""
