"""Health checks: what a program asks about itself and its dependencies, in the background, one check beside the other (SPEC H2).

Each check has its own period, jitter and timeout, so a slow one delays no other. One that hangs is cut at its timeout; one that
raises has failed, and what it raised is classified. A check only looks; repairing is the recovery's.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.fork import renew_after_fork
from yaoki.core.health.check_run import Finding, Runs
from yaoki.core.health.schedule import LoopSchedule, ThreadSchedule, once_in_threads, once_on_loop
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeAlias, TypeVar

    from yaoki.core.faults.record import Fault

    S = TypeVar("S", LoopSchedule, ThreadSchedule)

    Verdict: TypeAlias = bool | str | None
    Check: TypeAlias = "Callable[[], Verdict] | Callable[[], Awaitable[Verdict]]"

__all__ = ["GROUPS", "CheckResult", "HealthCheck", "HealthChecks"]

GROUPS = ("live", "ready", "startup")

_RESERVED = ("ping", "shutdown", "started")
"""The lines that probes write themselves."""


class CheckResult:
    """What is known about one check.

    `ok`: True, False, or None before its first run. `detail`: what the check said, or why it failed; None if there is nothing
    to say. `at`: wall-clock seconds since 1970 when the latest run ended, or None. `took`: its seconds, or None. `groups`: the
    probes that ask it. `critical`: whether readiness needs it. `passed`: whether it was ok at least once. `fault`: the
    classified failure, or None.
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
        self.name: str = name
        self.ok: bool | None = ok
        self.detail: str | None = detail
        self.at: float | None = at
        self.took: float | None = took
        self.groups: tuple[str, ...] = groups
        self.critical: bool = critical
        self.passed: bool = passed
        self.fault: Fault | None = fault

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "name": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "at": self.at,
            "took": self.took,
            "groups": list(self.groups),
            "critical": self.critical,
            "passed": self.passed,
            "fault": None if self.fault is None else self.fault.to_dict(),
        }

    def __repr__(self) -> str:
        verdict = "not checked yet" if self.ok is None else "ok" if self.ok else "failed"
        return f"<CheckResult {self.name}: {verdict}{f', {self.detail}' if self.detail else ''}>"


class HealthCheck:
    """One question about the program or a dependency.

    `check` is a function or coroutine function without parameters. None or True is ok, a text is ok with a detail, False and
    every exception is a failure. Coroutine functions run on the event loop that runs the checks, or in a loop of their own where
    there is none; functions run in a daemon thread.

    `period`: seconds from the start of one run to the start of the next; `jitter`: the share by which it varies, either way.
    `timeout`: seconds until a run is cut and has failed. `groups`: the probes that ask it, of "live", "ready" and "startup"; a
    check in "live" looks at nothing but the process, so it stands in no other group; one in "startup" alone is not repeated
    once it was ok. `critical`: whether readiness needs it; False for a dependency without which a degraded answer is possible.

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
        groups: Iterable[str] = ("ready",),
        critical: bool = True,
        jitter: float = 0.1,
    ) -> None:
        if not callable(check):
            raise ConfigurationError(f"check must be callable without arguments, not {check!r}")
        self.name: str = _name(name)
        self.check: Check = check
        self.period: float = duration("period", period)
        self.timeout: float = duration("timeout", timeout)
        self.groups: tuple[str, ...] = _groups(groups)
        self.critical: bool = critical
        self.jitter: float = share("jitter", jitter, zero=True)

    def pause(self) -> float:
        """Seconds from the start of a run to the start of the next, with jitter."""
        return self.period * (1.0 + self.jitter * (2.0 * clock.random() - 1.0))

    def __repr__(self) -> str:
        return f"<HealthCheck {self.name}: {', '.join(self.groups)}, every {self.period:g} s>"


class Watched:
    """A check of a HealthChecks, with its runs and its latest result."""

    __slots__ = ("_checks", "check", "result", "runs")

    result: CheckResult

    def __init__(self, check: HealthCheck, checks: HealthChecks) -> None:
        self.check: HealthCheck = check
        self.runs: Runs = Runs(check)
        self._checks = checks
        self.renew()

    def renew(self) -> None:
        """Nothing has been checked."""
        self.runs.forget()
        self.result = CheckResult(self.check.name, groups=self.check.groups, critical=self.check.critical)

    @property
    def is_over(self) -> bool:
        """Whether the check is not to be repeated."""
        return self.result.passed and self.check.groups == ("startup",)

    def note(self, finding: Finding) -> None:
        """Keep what a run came to, and tell if it is news. Before its first run a check counts as ok."""
        check = self.check
        with lock_of(self._checks):
            before = self.result
            self.result = CheckResult(
                *(check.name, finding.ok, finding.detail, clock.wall(), finding.took, check.groups),
                critical=check.critical,
                passed=before.passed or finding.ok,
                fault=finding.fault,
            )
        if finding.ok != (before.ok is not False) and events.listeners:
            events.emit(
                events.CheckChanged(
                    check=check.name, previous=before.ok, ok=finding.ok, detail=finding.detail, fault=finding.fault
                )
            )


class HealthChecks:
    """Checks by name, and their latest results. In one program they run on an event loop or by threads, not both at once.

    `run` is the coroutine of an event loop, `start` makes it a task; `start_threads` runs them in daemon threads. `stop`, from
    any thread, ends either; the latest results stay. A forked child starts with checks that do not run and have no results.
    """

    __slots__ = ("__weakref__", "_schedule", "_watched")

    def __init__(self, *checks: HealthCheck) -> None:
        # Guarded by lock_of(self).
        self._watched: dict[str, Watched] = {}
        self._schedule: LoopSchedule | ThreadSchedule | None = None
        for check in checks:
            self.add(check)
        renew_after_fork(self)

    def add(self, check: HealthCheck) -> None:
        """One more check; if the others run, so does this, from now on. Raises ConfigurationError for a name that is taken."""
        if not isinstance(check, HealthCheck):
            raise ConfigurationError(f"check must be a HealthCheck, not {check!r}")
        watched = Watched(check, self)
        with lock_of(self):
            if check.name in self._watched:
                raise ConfigurationError(f"name must be one that no other check has, and {check.name!r} is taken")
            self._watched[check.name] = watched
            schedule = self._schedule
        if schedule is not None:
            schedule.add(watched)

    async def run(self) -> None:
        """Run the checks until `stop` or cancellation. Raises RuntimeError if they run already."""
        await self._serve(self._take(LoopSchedule()))

    def start(self) -> Task[None]:
        """Run the checks in a task of the running event loop. Raises RuntimeError if they run already, or without a loop."""
        from asyncio import get_running_loop

        schedule = self._take(LoopSchedule())
        task = get_running_loop().create_task(self._serve(schedule), name="yaoki-checks")
        # The loop itself keeps tasks by weak references only.
        schedule.task = task
        return task

    def start_threads(self) -> None:
        """Run the checks in daemon threads. Raises RuntimeError if they run already."""
        schedule = self._take(ThreadSchedule())
        for watched in self._all():
            schedule.add(watched)

    async def _serve(self, schedule: LoopSchedule) -> None:
        try:
            await schedule.serve(self._all)
        finally:
            with lock_of(self):
                if self._schedule is schedule:
                    self._schedule = None

    def _take(self, schedule: S) -> S:
        with lock_of(self):
            if self._schedule is not None and not self._schedule.is_dead:
                raise RuntimeError("these checks run already: stop() them first")
            self._schedule = schedule
        return schedule

    def _all(self) -> list[Watched]:
        with lock_of(self):
            return list(self._watched.values())

    def stop(self) -> None:
        """End the runs, from any thread. Never waits; harmless if nothing runs."""
        with lock_of(self):
            schedule, self._schedule = self._schedule, None
        if schedule is not None:
            schedule.stop()

    async def run_once(self) -> dict[str, CheckResult]:
        """Run every check once, side by side, and return the results."""
        await once_on_loop(self._all())
        return self.results()

    def run_once_threads(self) -> dict[str, CheckResult]:
        """The same without an event loop."""
        once_in_threads(self._all())
        return self.results()

    def results(self) -> dict[str, CheckResult]:
        """The latest result of every check, in the order in which they were added."""
        return {watched.check.name: watched.result for watched in self._all()}

    def renew(self) -> None:
        """Start anew, in a forked child: no check runs, and nothing is known."""
        self._schedule = None
        for watched in self._watched.values():
            watched.renew()

    def __repr__(self) -> str:
        failed = [name for name, result in self.results().items() if result.ok is False]
        return f"<HealthChecks: {len(self._watched)}, failed: {', '.join(failed) or 'none'}>"


def _name(name: object) -> str:
    # It stands in lines of text, in addresses and in labels.
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= 100 or " " in name:
        raise ConfigurationError(f"name must be 1 to 100 printable characters without spaces, not {name!r}")
    if name in _RESERVED:
        raise ConfigurationError(f"name must be another one than {', '.join(_RESERVED)}, which probes have themselves")
    return name


def _groups(groups: Iterable[str]) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(groups)) if not isinstance(groups, str) else (groups,)
    if not known or not set(known) <= set(GROUPS):
        raise ConfigurationError(f"groups must be one or more of {', '.join(GROUPS)}, not {groups!r}")
    if "live" in known and len(known) > 1:
        raise ConfigurationError("groups: a check in 'live' looks at the process alone, so it stands in no other group")
    return known
