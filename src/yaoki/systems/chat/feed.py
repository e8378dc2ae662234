"""The live feed of the page: what happens to the two dependencies, as it happens, and the state after it (SPEC G5).

Text of messages is never in it. A listener that reads too slowly loses old happenings, never the newest state.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.observe.request_id import current_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

__all__ = ["Feed"]

LONGEST = 200
HEARTBEAT = 15.0


class Feed:
    """Sends happenings to any number of listeners, at most `most` at once. For one event loop.

    `names`: the pipelines it tells about, and what the page calls them. `state`: the present state, JSON-ready.
    """

    def __init__(self, names: Mapping[str, str], state: Callable[[], dict[str, Any]], *, most: int = 64) -> None:
        self.most = most
        self._names = names
        self._state = state
        self._listeners: set[_Listener] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._listeners)

    @property
    def full(self) -> bool:
        """Whether no further listener is taken."""
        return len(self._listeners) >= self.most

    def hear(self, event: events.Event) -> None:
        """Hear an event of the core, in the thread of the call; tell the listeners about those of the two dependencies."""
        told = self._told(event)
        if told is not None:
            self._post(told)

    def changed(self) -> None:
        """Tell the listeners that the state has changed. Called in the event loop."""
        for listener in self._listeners:
            listener.wake()

    def tell(self, event: str, **facts: object) -> None:
        """Tell the listeners something that is no event of the core."""
        self._post({"event": event, "at": clock.wall(), **facts})

    def close(self) -> None:
        """End every stream, with a last word."""
        self._closed = True
        self.changed()

    async def listen(self) -> AsyncIterator[bytes]:
        """The stream of one listener, as server-sent events: the state first, then what happens."""
        self._loop = asyncio.get_running_loop()
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield _line("state", self._state())
            while not self._closed:
                if not await listener.wait():
                    yield b": still here\n\n"
                    continue
                while listener.told:
                    yield _line("happened", listener.told.popleft())
                yield _line("state", self._state())
            yield _line("closed", {})
        finally:
            self._listeners.discard(listener)

    def _post(self, told: dict[str, Any]) -> None:
        # Always by way of the loop, whatever thread this is, so that everything is told in the order in which it happened.
        if self._loop is not None and self._listeners:
            # So that a page can tell what happened to its own question.
            self._loop.call_soon_threadsafe(self._send, {"request_id": current_request.get(), **told})

    def _send(self, told: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener.told.append(told)
            listener.wake()

    def _told(self, event: events.Event) -> dict[str, Any] | None:
        if isinstance(event, events.CircuitChanged):
            part = self._names.get(event.breaker or "")
        else:
            part = self._names.get(getattr(event, "pipeline", None) or "")
        if part is None:
            return None
        told: dict[str, Any] = {"part": part, "at": clock.wall()}
        if isinstance(event, events.CallFailed):
            return told | {"event": "failed", "attempt": event.attempt, "error": event.fault.error_type}
        if isinstance(event, events.RetryScheduled):
            waits = {"attempt": event.attempt, "max_attempts": event.max_attempts, "delay": round(event.delay, 3)}
            return told | {"event": "retry", **waits}
        if isinstance(event, events.RetryGivenUp):
            return told | {"event": "given_up", "attempts": event.attempts, "reason": event.reason}
        if isinstance(event, events.CallRefused):
            return told | {"event": "refused", "retry_after": event.retry_after}
        if isinstance(event, events.CircuitChanged):
            return told | {
                "event": "circuit",
                "previous": event.previous,
                "state": event.state,
                "retry_after": event.retry_after,
            }
        return None


class _Listener:
    __slots__ = ("_changed", "told")

    def __init__(self) -> None:
        self.told: deque[dict[str, Any]] = deque(maxlen=LONGEST)
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def wait(self) -> bool:
        """Whether something has changed before it is time for a heartbeat."""
        try:
            await asyncio.wait_for(self._changed.wait(), HEARTBEAT)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


def _line(event: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
