"""The recovery loop common to all systems: detect, repair, verify, isolate, report (SPEC H3).

    detect ─▶ decide (strategy) ─▶ repair, cheapest rung first ─▶ verify ─▶ well
                                          │ what is replaced goes to quarantine before
                                          └─ no rung helps ─▶ isolate: reason, category, time, command; tried again 3 times

It runs once, on a schedule, or as a service; for threads and for event loops. A detector or repair that raises or hangs stops
nothing: it is an error in the report, and the next subject's turn comes.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun
from yaoki.core.faults.errors import YaokiError
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration
from yaoki.core.parking import NEVER, OnLoop, OnThread
from yaoki.core.recovery.anomaly import word
from yaoki.core.recovery.journal import Journal, RecoveryBusyError, new_run
from yaoki.core.recovery.passes import Passes
from yaoki.core.recovery.report import Isolation, RecoveryReport
from yaoki.core.recovery.service import Request, Service
from yaoki.core.recovery.steps import Behind, Steps, Stopped
from yaoki.core.recovery.strategy import CONSERVATIVE, strategy_of
from yaoki.core.recovery.system import System
from yaoki.core.recovery.treatment import isolated, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Iterable

    from yaoki.core.policies.backoff import Backoff
    from yaoki.core.recovery.anomaly import Detector
    from yaoki.core.recovery.ladder import Quarantine, RepairLadder
    from yaoki.core.recovery.schedule import Schedule
    from yaoki.core.recovery.strategy import Strategy
    from yaoki.core.recovery.system import Hook

__all__ = ["RecoveryLoop"]

STAGE_SECONDS = 60.0
"""The wait between the two passes of a staged recovery."""


class RecoveryLoop:
    """Recovers one system.

    `detectors` find anomalies, and `ladders` repair their kinds. `journal`: the file that lets a killed recovery be continued, and
    that keeps isolations; None keeps them in memory, as long as this object lives. `quarantine`: where destructive repairs leave
    what they replace; without one they are refused. `isolate` and `release`: functions or coroutine functions of an `Isolation`,
    called when a subject goes out of use and before it comes back; they may be called again for the same one. `max_retries`: how
    often an isolated subject is tried again before it waits for a person, and `backoff`: the waits between (5 min, 30 min, 3 h).
    `hook_timeout`: seconds for isolate and release. `stage_wait`: seconds between the passes of a staged recovery.

    Foreign code runs in daemon threads, coroutine functions on the event loop where there is one. One recovery at a time uses a
    journal, in one process; the others get RecoveryBusyError. A forked child starts with a loop that does not run.

    Raises ConfigurationError for a value out of its range, and for a destructive repair without a quarantine.
    """

    __slots__ = (
        *("__weakref__", "_behind", "_current", "_journal", "_running", "_service", "_stage_wait", "_system"),
        *("last_check", "last_report"),
    )

    def __init__(
        self,
        name: str,
        detectors: Iterable[Detector],
        ladders: Iterable[RepairLadder],
        *,
        journal: str | os.PathLike[str] | None = None,
        quarantine: Quarantine | None = None,
        isolate: Hook | None = None,
        release: Hook | None = None,
        max_retries: int = 3,
        backoff: Backoff | None = None,
        hook_timeout: float = 60.0,
        stage_wait: float = STAGE_SECONDS,
    ) -> None:
        self._system = System(
            name,
            detectors,
            ladders,
            quarantine=quarantine,
            isolate=isolate,
            release=release,
            max_retries=max_retries,
            backoff=backoff,
            hook_timeout=hook_timeout,
        )
        self._stage_wait = duration("stage_wait", stage_wait, zero=True)
        self._journal = Journal(journal)
        self.last_report: RecoveryReport | None = None
        """The report of the latest recovery, or None."""
        self.last_check: RecoveryReport | None = None
        """The report of the latest dry run, or None."""
        self._forget()
        renew_after_fork(self)

    def _forget(self) -> None:
        # Guarded by lock_of(self).
        self._behind = Behind(self._idle)
        self._current: dict[Steps, None] = {}
        self._running = False
        self._service: Service | None = None

    @property
    def name(self) -> str:
        """The name that reports and events carry."""
        return self._system.name

    # --- once ---------------------------------------------------------------------------------------------------------------

    async def run_once(
        self, strategy: Strategy | str = CONSERVATIVE, *, dry_run: bool = False, staged: bool = False
    ) -> RecoveryReport:
        """Detect, repair, verify, isolate, report.

        `dry_run`: only say what would be done; nothing is changed, the journal included. `staged`: a first pass without forced
        release, 60 seconds, another look; then the second pass if the strategy forces, else what is still there is reported.

        Trouble with subjects, detectors and the journal's disk is in the report's errors. Raises RecoveryBusyError if somebody else
        recovers, and ConfigurationError if the journal is of a newer version.
        """
        return await self._on_loop(Request(strategy_of(strategy), dry_run=dry_run, staged=staged))

    def run_once_threads(
        self, strategy: Strategy | str = CONSERVATIVE, *, dry_run: bool = False, staged: bool = False
    ) -> RecoveryReport:
        """The same, blocking the thread."""
        return self._run(Request(strategy_of(strategy), dry_run=dry_run, staged=staged), Steps(self._behind))

    async def recover(
        self, subject: str, strategy: Strategy | str = CONSERVATIVE, *, force: bool = False, dry_run: bool = False
    ) -> RecoveryReport:
        """Recover one subject because a person asks: at once, and although an operator has isolated it.

        If it is well, or well again, its isolation ends. `force`: forced repairs may run, and the number of attempts counts for
        nothing. Raises as `run_once` does.
        """
        return await self._on_loop(_request(subject, strategy, force=force, dry_run=dry_run))

    def recover_threads(
        self, subject: str, strategy: Strategy | str = CONSERVATIVE, *, force: bool = False, dry_run: bool = False
    ) -> RecoveryReport:
        """The same, blocking the thread."""
        return self._run(_request(subject, strategy, force=force, dry_run=dry_run), Steps(self._behind))

    # --- as a service -------------------------------------------------------------------------------------------------------

    async def run(
        self,
        recover: Schedule,
        *,
        check: Schedule | None = None,
        strategy: Strategy | str = CONSERVATIVE,
        staged: bool = False,
    ) -> None:
        """Recover as the schedule says until `stop` or cancellation; `check`: when to look without repairing.

        What a killed process has left over is continued at once. Raises RuntimeError if the service runs already.
        """
        parking = OnLoop()
        service = self._take(Service(recover, check, strategy_of(strategy), staged=staged, parking=parking))
        try:
            for leg in service.legs(unfinished=bool(self._journal.peek()[1])):
                if isinstance(leg, Request):
                    await self._one_of_many_on_loop(leg)
                elif not service.stopped:
                    await parking.park(leg)
                if service.stopped:
                    return
        finally:
            self._give_back(service)

    def start(
        self,
        recover: Schedule,
        *,
        check: Schedule | None = None,
        strategy: Strategy | str = CONSERVATIVE,
        staged: bool = False,
    ) -> Task[None]:
        """`run` in a task of the running event loop, which the caller keeps."""
        from asyncio import get_running_loop

        coroutine = self.run(recover, check=check, strategy=strategy, staged=staged)
        return get_running_loop().create_task(coroutine, name=f"yaoki-recovery-{self.name}")

    def run_threads(
        self,
        recover: Schedule,
        *,
        check: Schedule | None = None,
        strategy: Strategy | str = CONSERVATIVE,
        staged: bool = False,
    ) -> None:
        """`run`, blocking the thread."""
        parking = OnThread()
        service = self._take(Service(recover, check, strategy_of(strategy), staged=staged, parking=parking))
        self._serve(service, parking)

    def start_threads(
        self,
        recover: Schedule,
        *,
        check: Schedule | None = None,
        strategy: Strategy | str = CONSERVATIVE,
        staged: bool = False,
    ) -> None:
        """`run` in a daemon thread. Raises RuntimeError if the service runs already."""
        import threading

        parking = OnThread()
        service = self._take(Service(recover, check, strategy_of(strategy), staged=staged, parking=parking))
        name = f"yaoki-recovery-{self.name}"
        threading.Thread(target=self._serve, args=(service, parking), name=name, daemon=True).start()

    def stop(self) -> None:
        """End the service and whatever recovers now, at once, from any thread. What was interrupted is continued next time."""
        with lock_of(self):
            service, current = self._service, list(self._current)
        if service is not None:
            service.stop()
        for steps in current:
            steps.stop()

    # --- isolations ---------------------------------------------------------------------------------------------------------

    def isolate(self, subject: str, reason: str = "isolated by operator") -> Isolation:
        """Isolate a subject as an operator; only `recover` and `release` end that. Blocks while the journal is written.

        `RecoveryLoop`'s own `isolate` function is not called: the caller is the system or speaks to it.
        """
        isolation = Isolation(word("subject", subject), by="operator", reason=reason, at=clock.wall())
        with self._journal.session([]):
            self._journal.isolate(isolation)
        if events.listeners:
            events.emit(isolated(self.name, isolation))
        return isolation

    def release(self, subject: str) -> bool:
        """End an isolation as an operator, unseen: without a look at the subject. Whether it was isolated."""
        with self._journal.session([]):
            isolation = self._journal.isolations().get(subject)
            self._journal.release(subject, operator=True)
        if isolation is not None and events.listeners:
            kind = "isolated" if isolation.anomaly is None else isolation.anomaly.kind
            events.emit(
                events.SubjectRecovered(
                    recovery=self.name, run=isolation.run, subject=subject, kind=kind, by="operator", was_isolated=True
                )
            )
        return isolation is not None

    def isolations(self) -> dict[str, Isolation]:
        """The isolated subjects, oldest first."""
        with self._journal.session([]):
            return self._journal.isolations()

    def runs(self, limit: int = 20) -> list[dict[str, object]]:
        """The latest recoveries in the journal, newest first: id, name, strategy, started_at, ended_at, state, report."""
        with self._journal.session([]):
            return self._journal.runs(limit)

    # --- inside -------------------------------------------------------------------------------------------------------------

    def _run(self, request: Request, steps: Steps) -> RecoveryReport:
        """One recovery, in this thread."""
        report = RecoveryReport("", self.name, request.strategy.name, started_at=clock.wall(), dry_run=request.dry_run)
        started = clock.now()
        with lock_of(self):
            if self._running and not request.dry_run:
                raise RecoveryBusyError(str(self._journal.path), "this very process")
            self._running = self._running or not request.dry_run
            self._current[steps] = None
        try:
            if request.dry_run:
                self._rehearse(request, report, steps)
            else:
                self._recover(request, report, steps)
        finally:
            with lock_of(self):
                del self._current[steps]
                if not request.dry_run:
                    self._running = False
                    if not self._behind:
                        self._journal.let_go()
        report.took = clock.now() - started
        if request.dry_run:
            self.last_check = report
        else:
            self.last_report = report
        if events.listeners:
            events.emit(events.RecoveryEnded(recovery=self.name, run=report.run, report=report))
        return report

    def _rehearse(self, request: Request, report: RecoveryReport, steps: Steps) -> None:
        report.run = new_run()
        self._tell_start(report)
        passes = self._passes(request, report, steps)
        try:
            passes.rehearse()
        except Stopped:
            report.stopped = True

    def _recover(self, request: Request, report: RecoveryReport, steps: Steps) -> None:
        import sqlite3

        try:
            with self._journal.held(report.notes):
                report.run = self._journal.start_run(self.name, request.strategy.name)
                self._tell_start(report)
                try:
                    self._pass(request, self._passes(request, report, steps), report, steps)
                except Stopped:
                    report.stopped = True
                self._journal.end_run(report.run, "stopped" if report.stopped else "ended", report.to_dict())
        except (sqlite3.Error, OSError) as error:
            # Without a journal nothing is begun that might be left half done.
            report.run = report.run or new_run()
            report.errors.append(f"the recovery ended, since the journal cannot be used: {say(error)}")

    def _pass(self, request: Request, passes: Passes, report: RecoveryReport, steps: Steps) -> None:
        passes.resume()
        if request.resume_only:
            return
        if not request.staged:
            passes.go(request.strategy)
            return
        passes.go(request.strategy.replace(force_release=False))
        if report.handled or report.errors:
            steps.wait(self._stage_wait)
            passes.go(request.strategy, 2, repairs=request.strategy.force_release)

    def _passes(self, request: Request, report: RecoveryReport, steps: Steps) -> Passes:
        return Passes(
            self._system,
            self._journal,
            request.strategy,
            report,
            steps,
            self._behind,
            only=request.only,
            force=request.force,
        )

    def _tell_start(self, report: RecoveryReport) -> None:
        if events.listeners:
            events.emit(
                events.RecoveryStarted(recovery=self.name, run=report.run, strategy=report.strategy, dry_run=report.dry_run)
            )

    async def _on_loop(self, request: Request) -> RecoveryReport:
        """One recovery in a thread of its own, whose coroutine functions run on this event loop."""
        from asyncio import get_running_loop

        loop: AbstractEventLoop = get_running_loop()
        steps, parking = Steps(self._behind, loop), OnLoop()
        run = DaemonRun(lambda: self._run(request, steps), parking.wake)
        run.start(f"yaoki-recovery-{self.name}")
        try:
            while not run.done:
                await parking.park(NEVER)
        finally:
            # Cancelled: what runs is left, and continued next time.
            steps.stop()
        if run.error is not None:
            raise run.error
        assert isinstance(run.value, RecoveryReport)
        return run.value

    async def _one_of_many_on_loop(self, request: Request) -> None:
        try:
            await self._on_loop(request)
        except YaokiError as error:
            self._refused(request, error)

    def _serve(self, service: Service, parking: OnThread) -> None:
        try:
            for leg in service.legs(unfinished=bool(self._journal.peek()[1])):
                if isinstance(leg, Request):
                    try:
                        self._run(leg, Steps(self._behind))
                    except YaokiError as error:
                        self._refused(leg, error)
                elif not service.stopped:
                    parking.park(leg)
                if service.stopped:
                    return
        finally:
            self._give_back(service)

    def _refused(self, request: Request, error: YaokiError) -> None:
        """A service goes on: the next time may be better."""
        report = RecoveryReport(new_run(), self.name, request.strategy.name, started_at=clock.wall(), dry_run=request.dry_run)
        report.errors.append(say(error))
        self.last_report = report
        if events.listeners:
            events.emit(events.RecoveryEnded(recovery=self.name, run=report.run, report=report))

    def _take(self, service: Service) -> Service:
        with lock_of(self):
            if self._service is not None and not self._service.stopped:
                raise RuntimeError(f"the recovery {self.name} runs already: stop() it first")
            self._service = service
        return service

    def _give_back(self, service: Service) -> None:
        with lock_of(self):
            if self._service is service:
                self._service = None

    def _idle(self) -> None:
        """Nothing that was left behind runs any more."""
        with lock_of(self):
            if not self._running:
                self._journal.let_go()

    def renew(self) -> None:
        """Start anew, in a forked child: what runs belongs to the parent."""
        self._journal.renew()
        self._forget()

    def __repr__(self) -> str:
        return (
            f"<RecoveryLoop {self.name}: {len(self._system.detectors)} detectors, journal {self._journal.path or 'in memory'}>"
        )


def _request(subject: str, strategy: Strategy | str, *, force: bool, dry_run: bool) -> Request:
    given = strategy_of(strategy)
    return Request(
        given.replace(force_release=True) if force else given, only=word("subject", subject), force=force, dry_run=dry_run
    )
