"""The shutdown of one process, for event loops and threads (SPEC H4).

request → readiness false → `balancer_wait` → no new work, steps before → drain up to `drain_timeout` → force → steps after.

| exit code | |
| --- | --- |
| 0 | everything was drained |
| 3 | forced: the time was over, the warning names what was left |
| 130, 143 | forced by a second signal, SIGINT or SIGTERM |
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

__all__ = ["DRAINED", "FORCED", "Shutdown"]

DRAINED = 0
FORCED = 3


class Shutdown:
    """The one place that knows whether the process is to end, and what it still does.

    `drain_timeout`: seconds that work in flight gets. `balancer_wait`: seconds between readiness going false and the first
    refusal, for a balancer to notice. `close_timeout`: seconds that the steps after the drain get together.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ()

    def __init__(self, *, drain_timeout: float = 30.0, balancer_wait: float = 0.0, close_timeout: float = 5.0) -> None:
        raise NotImplementedError

    # --- asking for it ------------------------------------------------------------------------------------------------------

    def request(self, reason: str = "requested") -> None:
        """Ask the process to end. From any thread, any number of times; the first reason stays. Nothing waits here."""

    def force(self, reason: str = "forced") -> None:
        """End at once: whatever drains stops waiting. Requests the shutdown too."""

    def install_signals(self) -> bool:
        """Let SIGTERM and SIGINT request the shutdown, and a second one force it. True if the handlers are in place.

        False outside of the main thread, where no handler can be installed. Raises RuntimeError if another Shutdown of this
        process has the signals.
        """
        raise NotImplementedError

    def remove_signals(self) -> None:
        """Put back the handlers that were there before."""

    # --- what others ask ----------------------------------------------------------------------------------------------------

    @property
    def requested(self) -> bool:
        """Whether the process is to end: readiness is false from here on."""
        raise NotImplementedError

    @property
    def reason(self) -> str | None:
        """Why, or None before."""
        raise NotImplementedError

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        raise NotImplementedError

    @property
    def forced(self) -> bool:
        """Whether waiting was given up."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int | None:
        """0, 3, 130 or 143 after the drain; None before."""
        raise NotImplementedError

    def left(self) -> list[str]:
        """What is in flight, oldest first, one entry for each name: "request (2, oldest 3.1 s)"."""
        raise NotImplementedError

    # --- work and steps -----------------------------------------------------------------------------------------------------

    def work(self, name: str) -> AbstractContextManager[None] | AbstractAsyncContextManager[None]:
        """A block of work that the drain waits for: `with` or `async with`.

        Entering raises ShuttingDownError, a Rejected, once new work is refused; a block inside of admitted work is admitted.
        """
        raise NotImplementedError

    def add_step(self, name: str, step: Callable[[], object], *, after: bool = False) -> None:
        """Something to do on the way: before the drain, as soon as new work is refused (close listeners), or `after` it.

        `step` is a function or coroutine function. Steps before run in the order in which they were added, steps after in the
        reverse order. One that raises is logged, and the others still run.
        """
        raise NotImplementedError

    # --- the way down -------------------------------------------------------------------------------------------------------

    async def wait(self) -> str:
        """Wait until the shutdown is requested; returns the reason."""
        raise NotImplementedError

    def wait_threads(self) -> str:
        """The same, blocking the thread."""
        raise NotImplementedError

    async def drain(self) -> int:
        """Carry the shutdown out, requesting it if nobody has; returns the exit code. A second call waits for the first."""
        raise NotImplementedError

    def drain_threads(self) -> int:
        """The same, blocking the thread."""
        raise NotImplementedError
