"""Releases in the background: the slot is CLEANING until it is clean, and on offer not before (SPEC W1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun
from yaoki.core.fork import renew_after_fork
from yaoki.core.parking import NEVER, OnThread
from yaoki.systems.repopool.errors import ConfigValidationError, LockTimeoutError
from yaoki.systems.repopool.parameters import duration

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BackgroundTasks"]

KEPT = 1000
"""Ended tasks whose outcome is remembered."""


class BackgroundTasks:
    """The tasks of one manager, each in a daemon thread. A forked child has none."""

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, in a forked child."""
        self._runs: dict[str, tuple[DaemonRun, OnThread]] = {}
        self._number = 0

    def start(self, name: str, work: Callable[[], None]) -> str:
        """Begin, and return the id of the task."""
        self._number += 1
        task_id = f"{name}-{self._number}"
        parking = OnThread()
        run = DaemonRun(work, parking.wake)
        self._runs[task_id] = (run, parking)
        for old in [each for each, (other, _) in list(self._runs.items()) if other.done][:-KEPT]:
            self._runs.pop(old, None)
        run.start(f"yaoki-pool-{task_id}")
        return task_id

    def wait(self, task_id: str, timeout: float | None) -> None:
        """Wait for the end of a task. Raises what it raised, LockTimeoutError after `timeout` seconds, and ConfigValidationError."""
        known = self._runs.get(task_id)
        if known is None:
            raise ConfigValidationError(f"there is no task {task_id!r}", field="task_id")
        run, parking = known
        until = NEVER if timeout is None else clock.now() + duration("timeout", timeout, zero=True, infinite=True)
        while not run.done:
            if clock.now() >= until:
                raise LockTimeoutError(f"{task_id} has not ended within {timeout} s", way_out="wait longer")
            parking.park(min(until, clock.now() + 1.0))
        if run.error is not None:
            raise run.error
