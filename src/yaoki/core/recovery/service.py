"""Recovery as a service: on an event loop or in a thread, by the clock, until it is asked to stop (SPEC H3).

At its start it continues what a killed process has left over; then it recovers, and in between it looks, as its schedules say.
"""

from __future__ import annotations

from yaoki.core.clock import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaoki.core.parking import Wakes
    from yaoki.core.recovery.schedule import Schedule
    from yaoki.core.recovery.strategy import Strategy

__all__ = ["Request", "Service"]

LOOK_AGAIN = 900.0
"""Seconds after which a waiting service looks at the wall clock again: it may have been set, or the host may have slept."""


class Request:
    """What one recovery is asked to do."""

    __slots__ = ("dry_run", "force", "only", "resume_only", "staged", "strategy")

    def __init__(
        self,
        strategy: Strategy,
        *,
        dry_run: bool = False,
        staged: bool = False,
        only: str | None = None,
        force: bool = False,
        resume_only: bool = False,
    ) -> None:
        self.strategy: Strategy = strategy
        self.dry_run: bool = dry_run
        self.staged: bool = staged
        self.only: str | None = only
        self.force: bool = force
        self.resume_only: bool = resume_only


class Service:
    """When a running service does what: `legs` are requests, and moments in monotonic seconds until which it waits."""

    __slots__ = ("_jobs", "_parking", "_strategy", "stopped")

    def __init__(self, recover: Schedule, check: Schedule | None, strategy: Strategy, *, staged: bool, parking: Wakes) -> None:
        self._strategy = strategy
        self._parking = parking
        self._jobs: list[tuple[Schedule, Request]] = [(recover, Request(strategy, staged=staged))]
        if check is not None:
            self._jobs.append((check, Request(strategy, dry_run=True)))
        self.stopped: bool = False

    def stop(self) -> None:
        """End it. From any thread."""
        self.stopped = True
        self._parking.wake()

    def legs(self, *, unfinished: bool) -> Iterator[Request | float]:
        """What comes next. `unfinished`: something was left over."""
        if unfinished:
            yield Request(self._strategy, resume_only=True)
        due = [schedule.first(clock.wall()) for schedule, _ in self._jobs]
        while not self.stopped:
            now = clock.wall()
            for index, (schedule, _) in enumerate(self._jobs):
                if due[index] - now > schedule.longest:
                    due[index] = schedule.first(now)
            # Of two that are due at once the recovery comes first.
            index = min(range(len(due)), key=due.__getitem__)
            if due[index] <= now:
                schedule, request = self._jobs[index]
                yield request
                due[index] = schedule.after(due[index], clock.wall())
            else:
                yield clock.now() + min(due[index] - now, LOOK_AGAIN)
