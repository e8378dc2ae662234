"""Embeddings from an OpenAI-compatible endpoint, behind a pipeline of its own (SPEC G1, G2).

Outermost first: the whole budget, the breaker. A question whose vector does not come in time is searched by words, so nothing is
retried here; whoever embeds documents tries again later.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.breaker import CircuitBreaker
from yaoki.core.policies.timeout import Timeout
from yaoki.observe.secrecy import hide
from yaoki.systems.chat.embeddings.embedder import EmbeddingError, unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.systems.chat.embeddings.embedder import Matrix

__all__ = ["EndpointEmbedder"]

_LARGEST_ANSWER = 64 << 20
_LONGEST_TEXT = 8000
_MOST_DIMENSIONS = 16_384


class EndpointEmbedder:
    """The endpoint at `url`, its root or its `/v1`. Safe for many threads. `close` gives its connections back. `api_key` is
    hidden from the logs.

    `timeout`: seconds for one call, all in all. After 5 failures in a row it is left alone for 30 s.
    """

    def __init__(self, url: str, model: str, api_key: str | None = None, timeout: float = 0.6) -> None:
        root = url.rstrip("/").removesuffix("/v1")
        self._address = f"{root}/v1/embeddings"
        self._model = model
        self.name = f"{model} at {urlsplit(root).netloc.rpartition('@')[2]}"
        self._timeout = timeout
        headers = {}
        if api_key is not None:
            hide(api_key)
            headers["Authorization"] = f"Bearer {api_key}"
        # No proxy of the environment, no redirects: the key goes where it was meant to go.
        self._client = httpx.Client(headers=headers, trust_env=False, timeout=timeout)
        self.pipeline = Pipeline(
            # A thread that can be left: what drips slowly keeps every timeout of a socket.
            Timeout(timeout, mode="thread"),
            CircuitBreaker(failure_threshold=5, open_timeout=30.0, name="chat-embeddings"),
            name="chat-embeddings",
        )
        self._dimensions = 0
        self._learning = threading.Lock()

    @property
    def dimensions(self) -> int:
        """Numbers in a vector; the endpoint is asked the first time. Raises EmbeddingError where it cannot tell."""
        return self._dimensions or self.embed(["dimensions"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row of length 1 for each text; of a long text the first 8000 characters count. Raises EmbeddingError."""
        if not texts:
            return np.zeros((0, self._dimensions), np.float32)
        outcome = self.pipeline.execute(self._ask, [text[:_LONGEST_TEXT] or " " for text in texts])
        if outcome.error is not None:
            raise EmbeddingError(f"no vectors from {self._address}: {outcome.error}") from outcome.error
        vectors: Matrix = outcome.unwrap()
        return vectors

    def understands(self, text: str) -> bool:
        """Whether the model knows this writing; of an endpoint that is not known, so it is asked."""
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _ask(self, texts: list[str]) -> Matrix:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        ends = clock.now() + self._timeout
        content = bytearray()
        with self._client.stream("POST", self._address, json=body, headers=deadline.headers()) as response:
            if response.status_code != 200:
                raise EmbeddingError(f"status {response.status_code}")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER or clock.now() > ends:
                    raise EmbeddingError("the answer is too long, or comes too slowly")
        return self._checked(_vectors(bytes(content), len(texts)))

    def _checked(self, vectors: Matrix) -> Matrix:
        with self._learning:
            if not self._dimensions:
                self._dimensions = vectors.shape[1]
        if vectors.shape[1] != self._dimensions:
            raise EmbeddingError(f"vectors have {vectors.shape[1]} numbers, not {self._dimensions} as before")
        return vectors


def _vectors(content: bytes, count: int) -> Matrix:
    """The vectors of an answer, in the order of the texts. Raises EmbeddingError for anything else."""
    import json

    try:
        listed: list[dict[str, Any]] = json.loads(content)["data"]
        rows = {each.get("index", place): each["embedding"] for place, each in enumerate(listed)}
        vectors = np.array([rows[place] for place in range(count)], np.float64)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise EmbeddingError("the answer has no vector for every text") from error
    if len(listed) != count or vectors.ndim != 2 or not 1 <= vectors.shape[1] <= _MOST_DIMENSIONS:
        raise EmbeddingError("the answer has another number of vectors, or no vectors")
    with np.errstate(over="ignore", invalid="ignore"):
        return unit_rows(vectors)
