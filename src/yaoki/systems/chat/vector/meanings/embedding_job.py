"""The parent's side of the process that embeds: started, listened to, ended (SPEC G1)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from yaoki.systems.chat.embeddings.threads import THREADS
from yaoki.systems.chat.vector.meanings.embedding_child import BUSY, DONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration

__all__ = ["EmbeddingJob"]


class EmbeddingJob:
    """One run of the child over one index file. `problem`: why it did not end well, or "". `busy`: whether another process
    embeds there already.
    """

    def __init__(self, file: Path, settings: EmbeddingsConfiguration) -> None:
        self.problem = ""
        self.busy = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "yaoki.systems.chat.vector.meanings.embedding_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **THREADS},
            text=True,
        )
        key = settings.embeddings_api_key
        wanted = {name: getattr(settings, name) for name in type(settings).model_fields if name.startswith("embeddings")}
        wanted["embeddings_api_key"] = None if key is None else key.get_secret_value()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            # By the standard input: arguments and the environment of a process are read by others.
            self._process.stdin.write(json.dumps({"file": str(file), "settings": wanted}, default=str) + "\n")
            self._process.stdin.flush()

    def progress(self) -> Iterator[tuple[int, int]]:
        """How many texts are embedded and of how many, after each batch; ends with the child."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):
                said = json.loads(line)
                self.problem = str(said.get("problem", ""))
                if "embedded" in said:
                    yield int(said["embedded"]), int(said["of"])
        code = self._process.wait()
        self.busy = code == BUSY
        if code not in (DONE, BUSY) and not self.problem:
            self.problem = f"the process that embeds ended with status {code}"

    def kill(self) -> None:
        """End the child, whatever it does; `progress` ends then. Batches that are on the disk stay. Any thread may do it."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> None:
        """End the child, and give back what it took of this process."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
