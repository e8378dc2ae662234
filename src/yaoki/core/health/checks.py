"""Health checks: what a program asks about itself and its dependencies, in the background, one check beside the other (SPEC H2).

Each check has its own period, jitter and timeout, so a slow one delays no other. One that hangs is cut at its timeout: a
coroutine is cancelled, a function is left behind in its daemon thread, and is not started again before it is back. One that
raises has failed, and what it raised is classified. A check only looks; repairing is the recovery's.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from yaoki.core.faults.record import Fault

    Verdict: TypeAlias = bool | str | None
    Check: TypeAlias = Callable[[], Verdict | Awaitable[Verdict]]

__all__ = ["CheckResult", "HealthCheck", "HealthChecks"]


class CheckResult:
    """What is known about one check. Immutable by convention, JSON-ready by `to_dict`.

    `ok`: True, False, or None before its first run. `detail`: what the check said, or why it failed; None if there is nothing
    to say. `at`: wall-clock seconds since 1970 when the latest run ended, or None. `took`: its seconds, or None. `groups`: the
    probes that ask it. `critical`: whether no answer is possible without it. `passed`: whether it was ok at least once.
    `fault`: the classified failure, or None.
    """

    __slots__ = ("at", "critical", "detail", "fault", "groups", "name", "ok", "passed", "took")

    def __init__(
        self,
        name: str,
        ok: bool | None = None,
        detail: str | None = None,
        at: float | None = None,
        took: float | None = None,
        groups: tuple[str, ...] = ("ready",),
        *,
        critical: bool = True,
        passed: bool = False,
        fault: Fault | None = None,
    ) -> None:
        self.name = name
        self.ok = ok
        self.detail = detail
        self.at = at
        self.took = took
        self.groups = groups
        self.critical = critical
        self.passed = passed
        self.fault = fault

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        raise NotImplementedError


class HealthCheck:
    """One question about the program or a dependency.

    `check` is a function or coroutine function without parameters. None or True is ok, a text is ok with a detail, False and
    every exception is a failure. Functions run in a daemon thread, coroutines on the event loop that runs the checks.

    `period`: seconds from the start of one run to the next, `jitter`: the share by which it varies, either way. `timeout`:
    seconds until a run is cut and has failed. `groups`: the probes that ask it, of "live", "ready", "startup"; a check in
    "live" looks at the process alone, so it stands in no other group. `critical`: whether readiness needs it; False for a
    dependency without which a degraded answer is possible.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("check", "critical", "groups", "jitter", "name", "period", "timeout")

    def __init__(
        self,
        name: str,
        check: Check,
        *,
        period: float = 10.0,
        timeout: float = 1.0,
        groups: Sequence[str] = ("ready",),
        critical: bool = True,
        jitter: float = 0.1,
    ) -> None:
        raise NotImplementedError


class HealthChecks:
    """Checks by name, and their latest results. In one program they run on an event loop or by threads, not both.

    `run` is the coroutine of an event loop, `start` makes it a task; `start_threads` runs them in daemon threads. `stop`, from
    any thread, ends either; the latest results stay. A forked child starts with checks that do not run and have no results.
    """

    __slots__ = ()

    def __init__(self, *checks: HealthCheck) -> None:
        raise NotImplementedError

    def add(self, check: HealthCheck) -> None:
        """One more check; if the others run, so does this, from now on. Raises ConfigurationError for a name that is taken."""
        raise NotImplementedError

    async def run(self) -> None:
        """Run the checks until `stop` or cancellation. Raises RuntimeError if they run already."""
        raise NotImplementedError

    def start(self) -> Task[None]:
        """Run the checks in a task of the running event loop."""
        raise NotImplementedError

    def start_threads(self) -> None:
        """Run the checks in daemon threads. Raises RuntimeError if they run already."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the runs. Never waits; harmless if nothing runs."""
        raise NotImplementedError

    async def run_once(self) -> dict[str, CheckResult]:
        """Run every check once, side by side, and return the results."""
        raise NotImplementedError

    def run_once_threads(self) -> dict[str, CheckResult]:
        """The same without an event loop."""
        raise NotImplementedError

    def results(self) -> dict[str, CheckResult]:
        """The latest result of every check, in the order in which they were added."""
        raise NotImplementedError
