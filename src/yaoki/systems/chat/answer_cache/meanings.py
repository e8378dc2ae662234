"""The embeddings of kept questions, made in a thread of their own, so that neither an answer nor the event loop waits for them.

An embedder that fails or lags costs nothing but its help: then questions are compared by their words (SPEC G3).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from yaoki.core.faults.errors import YaokiError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from yaoki.systems.chat.embeddings.embedder import Embedder

    Vector = npt.NDArray[np.float32]

__all__ = ["Meaning", "Meanings"]

MOST_WAITING = 32
"""Questions that wait for the thread; one more is left without an embedding."""


class Meaning:
    """What one question means to one embedder: `vector` of length 1, None until it is there. `embedder`: whose it is."""

    __slots__ = ("embedder", "vector")

    def __init__(self) -> None:
        self.embedder = ""
        self.vector: Vector | None = None

    def cosine(self, other: Meaning) -> float | None:
        """How near both are; None where either is missing, or they are of different models."""
        if self.vector is None or other.vector is None or self.embedder != other.embedder:
            return None
        return float(self.vector @ other.vector)


class Meanings:
    """Makes embeddings for a cache. `embedder` gives the present one, None where there is none. For one event loop.

    `patience`: seconds that a question which has to be answered waits for its own.
    """

    def __init__(self, embedder: Callable[[], Embedder | None], *, patience: float = 0.25) -> None:
        self.patience = patience
        self._embedder = embedder
        self._waiting = 0
        self._thread: ThreadPoolExecutor | None = None

    def learn(self, question: str) -> Meaning:
        """The meaning of a question that is kept; its vector comes later, or never."""
        meaning = Meaning()
        self._begin(question, meaning)
        return meaning

    async def of(self, question: str) -> Meaning:
        """The meaning of a question that waits for its answer; without a vector where the embedder takes too long or fails."""
        meaning = Meaning()
        done = self._begin(question, meaning)
        if done is not None:
            await asyncio.wait([done], timeout=self.patience)
        return meaning

    def close(self) -> None:
        """Begin nothing more; what runs comes to its end."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self, question: str, meaning: Meaning) -> asyncio.Future[None] | None:
        embedder = self._embedder()
        if embedder is None or not embedder.understands(question) or self._waiting >= MOST_WAITING:
            return None
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="yaoki-chat-meanings")
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, _embed, embedder, question, meaning)
        done.add_done_callback(self._ended)
        return done

    def _ended(self, _: asyncio.Future[None]) -> None:
        self._waiting -= 1


def _embed(embedder: Embedder, question: str, meaning: Meaning) -> None:
    try:
        vector = embedder.embed([question])[0]
    except YaokiError:
        # The embedder's pipeline has told of it; here it only means that words must do.
        return
    meaning.embedder, meaning.vector = embedder.name, vector
