"""Signals: one Shutdown of a process owns SIGTERM and SIGINT (SPEC H4).

The handlers only set what `Phases` sets and wake who waits: no lock is taken and nothing is logged in them. A watchdog thread
makes sure that the process ends in its time even if what should carry the shutdown out is blocked; it waits in real time.
"""

from __future__ import annotations

import os
import signal
import threading

from yaoki.core.shutdown.phases import DRAINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

    from yaoki.core.shutdown.shutdown import Shutdown

__all__ = ["GRACE", "install", "name_of", "remove"]

GRACE = 1.0
"""Seconds that the watchdog gives on top, for the way from the exit code to the exit."""

NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name))


class _Owned:
    """The signals of the process, the Shutdown that has them, and what was there before."""

    __slots__ = ("former", "shutdown", "watchdog")

    def __init__(self, shutdown: Shutdown) -> None:
        self.shutdown = shutdown
        self.former: Mapping[int, Any] = {}
        self.watchdog: _Watchdog | None = None


_owned: _Owned | None = None


def name_of(number: int) -> str:
    """The name of a signal, such as SIGTERM."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def install(shutdown: Shutdown, *, watchdog: bool) -> bool:
    """Hand the signals to `shutdown`; False outside of the main thread. Raises RuntimeError if another one has them."""
    global _owned
    if threading.current_thread() is not threading.main_thread():
        return False
    if _owned is not None:
        if _owned.shutdown is shutdown:
            return True
        if _owned.shutdown.exit_code is None:
            raise RuntimeError(f"the signals of this process belong to another Shutdown: share that one ({_owned.shutdown!r})")
        remove(_owned.shutdown)
    owned = _Owned(shutdown)

    def handle(number: int, frame: FrameType | None) -> None:
        shutdown.signal(number)
        if shutdown.forced:
            _restore(owned)

    try:
        owned.former = {number: signal.signal(number, handle) for number in NUMBERS}
    except ValueError:
        # The main thread of a subinterpreter is not that of the process.
        return False
    _owned = owned
    if watchdog:
        owned.watchdog = _Watchdog(shutdown)
        shutdown.wake_also(owned.watchdog)
    return True


def remove(shutdown: Shutdown) -> None:
    """Put back the former handlers, if this Shutdown has the signals."""
    global _owned
    if _owned is None or _owned.shutdown is not shutdown:
        return
    owned, _owned = _owned, None
    if owned.watchdog is not None:
        owned.watchdog.end()
    _restore(owned)


def _restore(owned: _Owned) -> None:
    former, owned.former = owned.former, {}
    for number, handler in former.items():
        # None: a handler that was not installed from Python, and cannot be put back from there.
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Watchdog:
    """A thread that ends the process if nobody else does: when the time is over, or soon after it was forced."""

    __slots__ = ("_ended", "_over", "_requested", "_shutdown", "_urgent")

    def __init__(self, shutdown: Shutdown) -> None:
        self._shutdown = shutdown
        self._over = False
        self._requested, self._urgent, self._ended = _shut_gate(), _shut_gate(), _shut_gate()
        threading.Thread(target=self._watch, name="yaoki-shutdown-watchdog", daemon=True).start()

    def wake(self) -> None:
        """Look again. From any thread, and from a signal handler."""
        if self._shutdown.requested:
            _open(self._requested)
        if self._shutdown.forced:
            _open(self._urgent)

    def end(self) -> None:
        """Watch no longer."""
        self._over = True
        for gate in (self._requested, self._urgent, self._ended):
            _open(gate)

    def _watch(self) -> None:
        shutdown = self._shutdown
        self._requested.acquire()
        self._urgent.acquire(timeout=min(shutdown.seconds, threading.TIMEOUT_MAX - GRACE))
        self._ended.acquire(timeout=GRACE)
        code = shutdown.exit_code
        if self._over or code == DRAINED:
            return
        if code is None:
            code = shutdown.forced_code
            left = ", ".join(shutdown.left()) or "nothing known"
            # Not by logging: whoever is stuck may hold its locks.
            os.write(
                2, f"yaoki: nobody carried the shutdown out in time; forced with exit code {code}; left: {left}\n".encode()
            )
        os._exit(code)


def _shut_gate() -> threading.Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate


def _open(gate: threading.Lock) -> None:
    try:
        gate.release()
    except RuntimeError:
        # It is open already.
        return
