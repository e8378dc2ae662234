"""Embeddings in the index's file: found by model and text, so that a text that stays keeps its vector (SPEC G1)."""

from __future__ import annotations

from contextlib import closing
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.vector.index import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from yaoki.systems.chat.embeddings.embedder import Matrix
    from yaoki.systems.chat.vector.corpus.passage import Passage

__all__ = ["forget", "key_of", "read", "text_of", "write"]


def text_of(passage: Passage) -> str:
    """What is embedded of a passage: how it is called and what it says."""
    return f"{passage.signature or passage.title} - {passage.text}"


def key_of(text: str) -> bytes:
    """Names a text, 16 bytes."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def read(file: Path, model: str, dimensions: int, after: int = 0) -> tuple[dict[bytes, Matrix], int]:
    """The vectors of a model by the key of their text, and the place to read on from the next time; 0 reads all.

    What is not what was written is left out, and so embedded again. Raises as `store.load`.
    """
    found: dict[bytes, Matrix] = {}
    with store.translated(file), closing(store.open_for_reading(file)) as connection:
        rows = connection.execute(
            "SELECT number, text, vector, seal FROM embeddings WHERE number > ? AND model = ? ORDER BY number", (after, model)
        )
        for number, key, vector, seal in rows:
            after = number
            if isinstance(vector, bytes) and len(vector) == 4 * dimensions and _seal(model, key, vector) == seal:
                found[key] = np.frombuffer(vector, "<f4")
    return found, after


def write(file: Path, model: str, keys: Sequence[bytes], vectors: Matrix) -> None:
    """Keep vectors, in one transaction that is on the disk when this returns. Raises as `store.change`."""
    rows = [
        (model, key, content) for key, vector in zip(keys, vectors, strict=True) if (content := vector.astype("<f4").tobytes())
    ]
    with store.translated(file), store.writing(file) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO embeddings (model, text, vector, seal) VALUES (?, ?, ?, ?)",
            [(*row, _seal(*row)) for row in rows],
        )


def forget(file: Path, model: str, kept: Iterable[bytes]) -> None:
    """Remove the vectors of other models, and those of texts that are no longer in the index."""
    with store.translated(file), store.writing(file) as connection:
        connection.execute("CREATE TEMP TABLE kept (text BLOB PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT OR IGNORE INTO kept VALUES (?)", ((key,) for key in kept))
        connection.execute("DELETE FROM embeddings WHERE model <> ? OR text NOT IN (SELECT text FROM kept)", (model,))


def _seal(model: str, key: bytes, vector: bytes) -> bytes:
    return blake2b(key + vector, digest_size=8, person=blake2b(model.encode(), digest_size=16).digest()).digest()
