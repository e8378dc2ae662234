"""An application's own beginning and end: the lifespan protocol of ASGI, with the application's errors as they are.

A web server would log them and exit; here whoever starts the service gets the exception that kept the application from starting.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yaoki.service.errors import CannotStartError

if TYPE_CHECKING:
    from asyncio import Task
    from typing import Any

__all__ = ["Lifespan"]


class Lifespan:
    """The lifespan of one application. `state` is what it keeps for its requests (`request.state`)."""

    def __init__(self, app: Any) -> None:  # any ASGI application
        self.app = app
        self.state: dict[str, Any] = {}
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told = asyncio.Event()
        self._failure = ""
        self._task: Task[None] | None = None

    async def startup(self) -> None:
        """Let the application start. Raises what it raised; CannotStartError if it only said that it failed."""
        self._task = asyncio.create_task(self._run(), name="yaoki-lifespan")
        try:
            await self._tell("lifespan.startup")
        except BaseException:
            self._task.cancel()
            raise
        if self._task.done() and not self._task.cancelled() and self._task.exception() is not None:
            await self._task
        if self._failure:
            raise CannotStartError(f"the application could not start: {self._failure}")

    async def shutdown(self) -> None:
        """Let the application end. Raises what it raised."""
        task = self._task
        if task is not None and not task.done():
            await self._tell("lifespan.shutdown")
            await task

    def abandon(self) -> None:
        """End it without its own end."""
        if self._task is not None:
            self._task.cancel()

    async def _tell(self, kind: str) -> None:
        assert self._task is not None
        self._told.clear()
        self._messages.put_nowait({"type": kind})
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({told, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()

    async def _run(self) -> None:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            asked = True
            return await self._messages.get()

        async def send(message: dict[str, Any]) -> None:
            if message["type"].endswith(".failed"):
                # What comes next is the exception itself, of frameworks that raise it.
                self._failure = str(message.get("message") or "it gave no reason").strip().splitlines()[-1]
            self._told.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, receive, send)
        except Exception:
            if asked:
                raise
            # An application without a lifespan refuses the question itself.
