"""A function in a daemon thread, whose caller may stop waiting for it.

The thread cannot be stopped: who gives up leaves it behind, and what it brings later is nobody's. It does not keep the
interpreter from exiting. A coroutine that the function returns is run to its end in an event loop of the thread.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Awaitable, Callable
    from typing import Any

__all__ = ["DaemonRun"]


class DaemonRun:
    """One run of `function`. `ended` is called in its thread when it is over.

    `done`: whether it is over; then `value` or `error` is there. `awaited=False` hands an awaitable over instead of running it.
    """

    __slots__ = ("_awaited", "_cancelled", "_ended", "_function", "_loop", "_task", "done", "error", "value")

    done: bool

    def __init__(self, function: Callable[[], object], ended: Callable[[], None], *, awaited: bool = True) -> None:
        self._function = function
        self._ended = ended
        self._awaited = awaited
        self._loop: AbstractEventLoop | None = None
        self._task: Task[object] | None = None
        self._cancelled = False
        self.done = False
        self.value: object = None
        self.error: BaseException | None = None

    def start(self, name: str) -> None:
        """Start the thread. Raises RuntimeError if the system gives none."""
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def cancel(self) -> None:
        """Cancel the coroutine that the function has returned, or will return. A function goes on."""
        self._cancelled = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                # The loop is closed: the coroutine has ended this moment.
                return

    def _work(self) -> None:
        try:
            value: Any = self._function()
            if self._awaited and hasattr(value, "__await__"):
                value = self._run(value)
            self.value = value
        except BaseException as error:  # noqa: BLE001  # the thread's last frame: whoever waits judges it
            self.error = error
        self.done = True
        self._ended()

    def _run(self, awaitable: Awaitable[object]) -> object:
        import asyncio

        async def main() -> object:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            if self._cancelled and self._task is not None:
                self._task.cancel()
            return await awaitable

        return asyncio.run(main())
