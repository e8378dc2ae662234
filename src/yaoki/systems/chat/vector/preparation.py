"""The index is prepared in the background while the service already answers; how far it is can be read at any time (SPEC G1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from yaoki.core.clock import clock
from yaoki.systems.chat.vector.index.index import ChatIndex
from yaoki.systems.chat.vector.meanings.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
    from yaoki.systems.chat.vector.progress import Progress

__all__ = ["Preparation", "PreparationStoppedError"]


class PreparationStoppedError(Exception):
    """The service is stopped while it was still reading documents. Nothing of the build is left behind."""


class Preparation:
    """Opens the index, or builds it, and keeps it up to date from then on: by words it answers at once, by meaning when it can.

    `listener` is called in the event loop whenever something has changed. `settings`: of the embedder; None for none.
    """

    def __init__(self, folder: Path, listener: Callable[[], object], settings: EmbeddingsConfiguration | None = None) -> None:
        self.index: ChatIndex | None = None
        self.stage = "opening the index"
        self.share = 0.0
        self.took: float | None = None
        """Seconds until the index was there, or None."""
        self._folder = folder
        self._listener = listener
        self._settings = settings
        self.failure: Exception | None = None
        """What kept the index from being prepared, after `begin`."""
        self._upkeep: Upkeep | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._ready = asyncio.Event()

    @property
    def percent(self) -> int:
        """How much is done; 100 only when the index is there."""
        return 100 if self.index is not None else min(99, int(self.share * 100))

    @property
    def version(self) -> str:
        """Which index is open; empty while none is."""
        return "" if self.index is None else self.index.version

    def begin(self, failed: Callable[[], object]) -> None:
        """Prepare the index in a task of the running event loop. `failed` is called if that cannot be done; `failure` then says why."""
        self._task = asyncio.create_task(self._run(failed))

    async def _run(self, failed: Callable[[], object]) -> None:
        try:
            await self.run()
        except PreparationStoppedError:
            return
        except Exception as error:  # noqa: BLE001  # raised again where the process ends
            self.failure = error
            failed()

    async def run(self) -> None:
        """Prepare the index. Raises ChatIndexError with a way out, or PreparationStoppedError after `stop`."""
        loop = asyncio.get_running_loop()
        began = clock.now()

        def progressed(progress: Progress) -> None:
            if self._stopped:
                raise PreparationStoppedError
            loop.call_soon_threadsafe(self._progressed, progress)

        self.index = await asyncio.to_thread(ChatIndex.open_or_build, self._folder, progress=progressed)
        self.took = clock.now() - began
        self._ready.set()
        self._listener()
        if self._settings is not None and not self._stopped:
            self._upkeep = Upkeep(self.index, self._settings, lambda: loop.call_soon_threadsafe(self._kept_up))
            self._upkeep.start()

    async def ready(self) -> ChatIndex:
        """The index, as soon as it is there."""
        await self._ready.wait()
        assert self.index is not None
        return self.index

    def _progressed(self, progress: Progress) -> None:
        before = (self.stage, self.percent)
        self.stage, self.share = progress.stage, progress.share
        if (self.stage, self.percent) != before:
            self._listener()

    def _kept_up(self) -> None:
        if not self._stopped:
            self._listener()

    def stop(self) -> None:
        """End the build at its next step, and the upkeep."""
        self._stopped = True
        if self._upkeep is not None:
            self._upkeep.end()

    @property
    def meanings(self) -> dict[str, Any] | None:
        """How many passages have their vector: `model`, `embedded`, `of`, `problem`; None where there is no embedder."""
        return None if self._upkeep is None else self._upkeep.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """How far it is, as JSON."""
        index = self.index
        return {
            "ready": index is not None,
            "stage": "" if index is not None else self.stage,
            "percent": self.percent,
            "passages": 0 if index is None else len(index),
            "notices": [] if index is None else list(index.notices),
            "retrieval": "lexical" if index is None else index.retrieval,
            "meanings": self.meanings,
        }
