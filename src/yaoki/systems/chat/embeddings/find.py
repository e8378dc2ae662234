"""Which embedder there is: an endpoint that was named, else a local model, else none (SPEC G1)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from yaoki.systems.chat.embeddings.minilm import MiniLM, installed_folder

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
    from yaoki.systems.chat.embeddings.embedder import Embedder

__all__ = ["find_embedder"]


def find_embedder(configuration: EmbeddingsConfiguration, *, timeout: float | None = None) -> Embedder | None:
    """The embedder of these settings, or None where texts can be compared by their words alone.

    An endpoint is not asked yet. A local model is loaded, which takes about 0.3 s, and is the same for all who ask. `timeout`:
    seconds for one call of an endpoint, in the place of the settings' own. Raises ModelFilesError where a folder is no such model.
    """
    if configuration.embeddings == "none":
        return None
    if configuration.embeddings_url is not None:
        from yaoki.systems.chat.embeddings.endpoint import EndpointEmbedder

        key = configuration.embeddings_api_key
        return EndpointEmbedder(
            configuration.embeddings_url,
            configuration.embeddings_model,
            None if key is None else key.get_secret_value(),
            timeout or configuration.embeddings_timeout,
        )
    folder = configuration.embeddings_folder or installed_folder()
    return None if folder is None else _loaded(folder)


@lru_cache(maxsize=2)
def _loaded(folder: Path) -> MiniLM:
    return MiniLM.load(folder)
