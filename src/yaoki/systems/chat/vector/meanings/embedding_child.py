"""`python -m yaoki.systems.chat.vector.meanings.embedding_child`: embeds what is missing in an index, in a process of its own (SPEC G1).

It is told on its standard input what to do, in one line of JSON, and tells on its standard output how far it is: a line for each
batch that is on the disk. It works at low priority, and ends when its standard input is closed, so also when its parent dies.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from yaoki.service.file_lock import FileLock
from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.embeddings.embedder import EmbeddingError
from yaoki.systems.chat.embeddings.find import find_embedder
from yaoki.systems.chat.vector.errors import ChatIndexError
from yaoki.systems.chat.vector.index import embedding_store, store
from yaoki.systems.chat.vector.index.content import served

__all__ = ["BUSY", "DONE", "FAILED", "main"]

DONE, FAILED, BUSY = 0, 1, 75
"""Exit codes: all is embedded; it could not be; another process does it."""

_NICENESS = 15
_BATCH = 64
_ENDPOINT_SECONDS = 60.0


def main() -> int:
    """Embed what is missing; returns the exit code."""
    given = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    lock = FileLock(Path(given["file"]).with_name("embedding.lock"))
    try:
        if lock.take() is not None:
            return BUSY
        _embed(Path(given["file"]), EmbeddingsConfiguration.model_validate(given["settings"]))
    except (ChatIndexError, EmbeddingError, OSError) as error:
        _tell(problem=str(error))
        return FAILED
    finally:
        lock.release()
    return DONE


def _embed(file: Path, settings: EmbeddingsConfiguration) -> None:
    embedder = find_embedder(settings, timeout=_ENDPOINT_SECONDS)
    if embedder is None:
        return
    passages = [passage for document in served(store.load(file)) for passage in document.passages]
    # What is much in use is asked about most.
    passages.sort(key=lambda passage: -passage.imported_by)
    texts = {
        embedding_store.key_of(text): text for text in map(embedding_store.text_of, passages) if embedder.understands(text)
    }
    known, _ = embedding_store.read(file, embedder.name, embedder.dimensions)
    embedding_store.forget(file, embedder.name, texts)
    missing = [key for key in texts if key not in known]
    for start in range(0, len(missing), _BATCH):
        keys = missing[start : start + _BATCH]
        embedding_store.write(file, embedder.name, keys, embedder.embed([texts[key] for key in keys]))
        _tell(embedded=len(texts) - len(missing) + start + len(keys), of=len(texts))


def _tell(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _end_with_the_parent() -> None:
    while sys.stdin.read(1):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
