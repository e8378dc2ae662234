"""What every embedder offers, and what can go wrong with one (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from yaoki.core.faults.errors import ConfigurationError, YaokiError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Embedder", "EmbeddingError", "Matrix", "ModelFilesError", "unit_rows"]

Matrix: TypeAlias = npt.NDArray[np.float32]
"""Vectors as rows, shape (n, dimensions)."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1: the scalar product of two is the cosine of their angle. Safe for many threads.

    `name`: the model; vectors of another name cannot be compared with these. `dimensions`: numbers in a vector.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row of length 1 for each text, shape (len(texts), dimensions), float32. It blocks: call it in a thread.

        Raises EmbeddingError, or Rejected while the circuit of an endpoint is open.
        """
        ...

    def understands(self, text: str) -> bool:
        """Whether the model knows the writing of this text; what it says about another writing means nothing."""
        ...

    def close(self) -> None:
        """Give back what it holds; it is not asked any more."""


class EmbeddingError(YaokiError):
    """There are no vectors: the endpoint failed or answered something else."""

    kind = "embedding_failed"


class ModelFilesError(EmbeddingError, ConfigurationError):
    """The files of a local model are missing, or not those that are known."""

    kind = "model_files_wrong"


def unit_rows(vectors: npt.NDArray[np.floating]) -> Matrix:
    """The vectors with length 1. Raises EmbeddingError where one is not finite or has no direction."""
    rows = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0.0).all():
        raise EmbeddingError("a vector has numbers that are not finite, or only zeros")
    return np.asarray(rows / lengths, np.float32)
