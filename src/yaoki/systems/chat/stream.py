"""Streams of replies as server-sent events: each ends with exactly one last event, whatever happens on the way (SPEC G3, H4).

Each `data:` line is one JSON object: `{"delta": "..."}` as the text comes, then `{"done": true, ...}` with all that `POST /chat`
answers. A caller that hangs up ends the work for it at once. What is still being answered when a drain is nearly over is cut: a stream
says so in its last event, and a reply in one piece says so too.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from yaoki.core import deadline
from yaoki.systems.chat.reply import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from yaoki.systems.chat.turn import Turn

__all__ = ["Streams"]

_log = logging.getLogger("yaoki.chat")

HEARTBEAT = 15.0
"""Seconds without an event after which a comment is sent, so that nobody on the way thinks the connection dead."""


class Streams:
    """The streams that run, and the replies in one piece that are being made. `len`: the streams. For one event loop."""

    def __init__(self) -> None:
        self._writing: set[asyncio.Task[None]] = set()
        self._replying: set[asyncio.Task[Any]] = set()
        """The tasks of requests for replies in one piece."""
        self._cut = False

    def __len__(self) -> int:
        return len(self._writing)

    async def events(self, turn: Turn, seconds: float, answered: Callable[[Reply], object]) -> AsyncGenerator[bytes, None]:
        """The events of one turn, which has `seconds`; a comment comes first and at once. `answered` is called with the reply."""
        events: asyncio.Queue[str | Reply] = asyncio.Queue()
        # A task of its own: it goes on while a slow caller reads, and can be ended without the caller's connection.
        writing = asyncio.create_task(self._write(turn, seconds, events), name="yaoki-chat-stream")
        self._writing.add(writing)
        try:
            yield b": hello\n\n"
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        event = await events.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if isinstance(event, Reply):
                    answered(event)
                    yield _line({"done": True, **event.to_dict()})
                    return
                yield _line({"delta": event})
        finally:
            self._writing.discard(writing)
            writing.cancel()
            await asyncio.wait({writing})

    async def whole(self, turn: Turn) -> Reply:
        """The reply of a turn in one piece, in the task that asks for it. It is cut when the streams are."""
        task = asyncio.current_task()
        assert task is not None
        self._replying.add(task)
        try:
            return await turn.reply()
        except asyncio.CancelledError:
            # A caller that hangs up meanwhile has cancelled it once more.
            if not self._cut or task.uncancel():
                raise
            return turn.cut()
        finally:
            self._replying.discard(task)

    def cut_after(self, seconds: float) -> None:
        """Cut what is still being answered after `seconds`. Called in the event loop."""
        asyncio.get_running_loop().call_later(seconds, self._cut_now)

    def _cut_now(self) -> None:
        self._cut = True
        for task in (*self._writing, *self._replying):
            task.cancel()

    async def _write(self, turn: Turn, seconds: float, events: asyncio.Queue[str | Reply]) -> None:
        reply: Reply | None = None
        said = False
        try:
            with deadline.within(seconds):
                async with aclosing(turn.stream()) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            reply = piece
                        else:
                            said = True
                            events.put_nowait(piece)
        except asyncio.CancelledError:
            if not self._cut:
                raise
        except Exception:  # noqa: BLE001  # the status is on its way already: the caller gets what there is
            _log.exception("a stream failed")
        if reply is None:
            reply = turn.cut()
            if not said and reply.message:
                events.put_nowait(reply.message)
        events.put_nowait(reply)


def _line(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
