"""What keeps an open index up to date, in a thread of its own: documents of other processes, and vectors (SPEC G1)."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from yaoki.core.policies.backoff import exponential
from yaoki.systems.chat.embeddings.embedder import EmbeddingError, ModelFilesError
from yaoki.systems.chat.embeddings.find import find_embedder
from yaoki.systems.chat.vector.errors import ChatIndexError
from yaoki.systems.chat.vector.meanings.embedding_job import EmbeddingJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
    from yaoki.systems.chat.vector.index.index import ChatIndex

__all__ = ["Upkeep"]

_log = logging.getLogger("yaoki.systems.chat")

_LOOK_EVERY = 2.0
"""Seconds between two looks at what other processes have changed."""
_AGAIN = exponential(2.0, multiplier=2.0, cap=300.0)


class Upkeep:
    """The upkeep of one index. `listener` is called in the thread whenever something has changed; it must not block.

    `embedded`, `of`: how many passages have their vector, and how many will have one; 0 of 0 without an embedder. `problem`: why
    it does not go on, or "".
    """

    def __init__(self, index: ChatIndex, settings: EmbeddingsConfiguration, listener: Callable[[], object]) -> None:
        self.embedded = 0
        self.of = 0
        self.model = ""
        self.problem = ""
        self._index = index
        self._settings = settings
        self._listener = listener
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._job: EmbeddingJob | None = None
        self._thread = threading.Thread(target=self._run, name="yaoki-index-upkeep", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def end(self) -> None:
        """End the thread, and the process that embeds. What is embedded stays."""
        self._ended.set()
        with self._guard:
            if self._job is not None:
                self._job.kill()
        self._index.wake()
        self._thread.join(1.0)
        if self._index.embedder is not None:
            self._index.embedder.close()

    def to_dict(self) -> dict[str, Any] | None:
        """How far the vectors are, as JSON; None without an embedder."""
        if not self.model and not self.problem:
            return None
        return {"model": self.model, "embedded": self.embedded, "of": self.of, "problem": self.problem or None}

    def _run(self) -> None:
        failures = 0
        wanted = True
        while not self._ended.is_set():
            try:
                if wanted and self._index.embedder is None:
                    wanted = self._take_embedder()
                self._index.refresh()
                if self._index.embedder is not None:
                    self._embed()
                self._set_problem("")
                failures = 0
                self._index.wait_for_change(_LOOK_EVERY)
            except (ChatIndexError, EmbeddingError, OSError) as error:
                failures += 1
                if self._set_problem(str(error)):
                    _log.warning("the chat's index is not brought up to date: %s", error)
                # A wrong file stays wrong; an endpoint may come back.
                wanted = wanted and not isinstance(error, ModelFilesError)
                self._ended.wait(_AGAIN.delay(failures) if wanted else _LOOK_EVERY)

    def _take_embedder(self) -> bool:
        """Whether there is one."""
        embedder = find_embedder(self._settings)
        if embedder is None:
            return False
        try:
            # An endpoint that tells its dimensions works.
            _ = embedder.dimensions
        except EmbeddingError:
            embedder.close()
            raise
        self._index.use(embedder)
        self.model = embedder.name
        self._tell()
        return True

    def _embed(self) -> None:
        self._tell()
        while self.embedded < self.of and not self._ended.is_set():
            with self._guard:
                if self._ended.is_set():
                    return
                self._job = job = EmbeddingJob(self._index.file, self._settings)
            try:
                for _ in job.progress():
                    self._tell()
            finally:
                with self._guard:
                    self._job = None
                job.end()
            self._tell()
            if self._ended.is_set():
                return
            if job.problem:
                raise EmbeddingError(job.problem)
            if self.embedded < self.of and (job.busy or not self._index.refresh()):
                # Another process embeds, or sees other documents than this one.
                self._ended.wait(_LOOK_EVERY)

    def _tell(self) -> None:
        before = (self.embedded, self.of, self.model)
        self.embedded, self.of = self._index.take_vectors()
        if (self.embedded, self.of, self.model) != before:
            self._listener()

    def _set_problem(self, problem: str) -> bool:
        """Whether it is another one than before."""
        changed = problem != self.problem
        self.problem = problem
        if changed:
            self._listener()
        return changed and bool(problem)
