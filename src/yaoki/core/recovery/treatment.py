"""One subject: repaired rung by rung and verified, or isolated (SPEC H3).

Every step stands in the journal before it begins. A step that was interrupted is repeated under its own key, unless the subject
turns out to be well, or the step must not be repeated, or it was interrupted too often: then it may be what kills the process.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.faults.classifier import classify
from yaoki.core.health.check_run import one_line
from yaoki.core.recovery.anomaly import Verdict
from yaoki.core.recovery.ladder import Attempt
from yaoki.core.recovery.report import Handled, Isolation, Result
from yaoki.core.recovery.steps import Hung, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yaoki.core.faults.record import Fault
    from yaoki.core.recovery.anomaly import Anomaly
    from yaoki.core.recovery.journal import Item, Journal
    from yaoki.core.recovery.ladder import Repair, RepairLadder
    from yaoki.core.recovery.report import RecoveryReport
    from yaoki.core.recovery.steps import Steps
    from yaoki.core.recovery.system import System

__all__ = ["Treatment", "isolated", "say"]

STARTS = 3
"""How often a step is started before its interruptions count as its failure."""


class Failure:
    """Why a subject is not well."""

    __slots__ = ("fault", "reason")

    def __init__(self, reason: str, fault: Fault | None = None) -> None:
        self.reason: str = one_line(reason)
        self.fault: Fault | None = fault


_OVER = Failure("tried before the interruption, or nothing for it to mend")
"""The mark of a rung that ended before the interruption."""


class Treatment:
    """Treats the subjects of one recovery, and writes the report. `asked`: a person has named the subject."""

    __slots__ = ("_asked", "_journal", "_report", "_steps", "_system")

    def __init__(self, system: System, journal: Journal, report: RecoveryReport, steps: Steps, *, asked: bool) -> None:
        self._system = system
        self._journal = journal
        self._report = report
        self._steps = steps
        self._asked = asked

    def treat(self, item: Item, ladder: RepairLadder, *, force: bool) -> None:
        """Repair a subject, or isolate it. `force`: forced repairs may run."""
        self._journal.open_item(item)
        ran: list[str] = []
        tickets: list[str] = []
        try:
            failure = self._mend(item, ladder, ladder.rungs(force=force), ran, tickets)
        except Hung as error:
            # Whatever still runs on it must not meet the next rung.
            failure = Failure(f"{error}; it may still run", fault_of(error))
        if failure is None:
            self._recovered(item, ran, tickets)
        else:
            self._isolate(item, ladder, failure, ran, tickets)

    def lift(self, item: Item) -> None:
        """End the isolation of a subject that nothing is wrong with."""
        self._journal.open_item(item)
        self._recovered(item, [], [])

    # --- repair -------------------------------------------------------------------------------------------------------------

    def _mend(
        self, item: Item, ladder: RepairLadder, rungs: list[Repair], ran: list[str], tickets: list[str]
    ) -> Failure | None:
        """Climb the ladder. None: the subject is well."""
        if item.verify_first and self._verify(item, ladder) is None:
            return None
        failures: list[Failure] = []
        for repair in rungs:
            step = f"{item.tag}:{repair.name}"
            tried = (
                self._interrupted(item, step, repair)
                or self._passed_over(item, repair, step)
                or self._try(item, repair, step, ran, tickets)
            )
            if tried is _OVER:
                continue
            if tried is None:
                tried = self._verify(item, ladder, f"{repair.name}: ")
            self._tell_repair(item, step, tried)
            if tried is None:
                return None
            failures.append(tried)
        if not failures:
            return Failure(item.anomaly.detail or f"{item.anomaly.kind}, and nothing is known that repairs it")
        return Failure(
            "; ".join(each.reason for each in failures), next((each.fault for each in failures[::-1] if each.fault), None)
        )

    def _interrupted(self, item: Item, step: str, repair: Repair) -> Failure | None:
        """Why a step that was begun before is not run: `_OVER` if it has ended. None: it is to be run."""
        known = self._journal.step(item, step)
        if known is None:
            return None
        if known.state != "started":
            return _OVER
        if not repair.repeatable:
            failure = Failure(f"{repair.name} was interrupted, and must not be repeated")
        elif known.attempt >= STARTS:
            failure = Failure(f"{repair.name} was interrupted {known.attempt} times")
        else:
            return None
        self._journal.end(item, step, "failed")
        return failure

    def _passed_over(self, item: Item, repair: Repair, step: str) -> Failure | None:
        """Why a step is not begun: `_OVER` if there is nothing for it to mend. None: it is to be run; one that was interrupted always is."""
        applies, anomaly = repair.applies, item.anomaly
        if applies is None or self._journal.step(item, step) is not None:
            return None
        name = f"whether {repair.name} applies"
        answer, failure = self._step(item, f"{step}:applies", name, lambda: applies(anomaly), repair.timeout)
        if failure is not None:
            return failure
        return _OVER if answer is False else None

    def _try(self, item: Item, repair: Repair, step: str, ran: list[str], tickets: list[str]) -> Failure | None:
        kept: tuple[str, ...] = ()
        if repair.destructive:
            kept, refused = self._keep(item, repair, step)
            tickets.extend(kept)
            if refused is not None:
                return refused
        attempt = Attempt(item.anomaly, item.run, step, self._journal.begin(item, step), kept)
        ran.append(repair.name)
        done, failure = self._step(item, step, repair.name, lambda: repair.action(attempt), repair.timeout)
        if failure is None and done is False:
            failure = Failure(f"{repair.name} could not help")
        self._journal.end(item, step, "done" if failure is None else "failed", fault=_facts(failure))
        return failure

    def _keep(self, item: Item, repair: Repair, step: str) -> tuple[tuple[str, ...], Failure | None]:
        """Let the quarantine keep what the repair replaces: all tickets for this rung, and why the repair may not run.

        A keeping that was interrupted goes on under its key. One that has ended, and whose repair was interrupted, is followed by
        another: what stands there now may be something else.
        """
        quarantine = self._system.quarantine
        assert quarantine is not None
        kept: list[str] = []
        number, own = 1, f"{step}:quarantine"
        while (known := self._journal.step(item, own)) is not None and known.state == "done":
            kept += [known.ticket] if known.ticket else []
            number += 1
            own = f"{step}:quarantine#{number}"
        why = f"{repair.name} did not run, since the quarantine"
        if known is not None and known.attempt >= STARTS:
            self._journal.end(item, own, "failed")
            return tuple(kept), Failure(f"{why} was interrupted {known.attempt} times")
        attempt = Attempt(item.anomaly, item.run, own, self._journal.begin(item, own), tuple(kept))
        name = f"quarantine for {repair.name}"
        ticket, failure = self._step(item, own, name, lambda: quarantine.keep(attempt), repair.timeout)
        if failure is None and not isinstance(ticket, str):
            failure = Failure(f"it returned {ticket!r}, which is no ticket")
        if failure is not None or not isinstance(ticket, str):
            assert failure is not None
            failure = Failure(f"{why} failed: {failure.reason}", failure.fault)
            self._journal.end(item, own, "failed", fault=_facts(failure))
            return tuple(kept), failure
        self._journal.end(item, own, "done", ticket=ticket)
        return (*kept, ticket) if ticket else tuple(kept), None

    def _step(
        self, item: Item, step: str, name: str, function: Callable[[], object], timeout: float
    ) -> tuple[object, Failure | None]:
        """What the system's own code returns, or why it failed. Raises Hung, after the journal knows."""
        subject = item.anomaly.subject
        try:
            return self._steps.run(name, subject, function, timeout), None
        except Stopped:
            raise
        except Hung as error:
            self.error(f"{subject}: {error}")
            self._journal.end(item, step, "left", fault=_facts(Failure(str(error), fault_of(error))))
            raise
        except Exception as error:  # noqa: BLE001  # border: the system's own code
            self.error(f"{subject}: {name}: {say(error)}")
            return None, Failure(f"{name}: {say(error)}", fault_of(error))

    def _verify(self, item: Item, ladder: RepairLadder, after: str = "") -> Failure | None:
        anomaly = item.anomaly
        verdict, failure = self._step(
            item, f"{item.tag}:verify", "verify", lambda: ladder.verify(anomaly), ladder.verify_timeout
        )
        if failure is not None or verdict is True or (isinstance(verdict, Verdict) and verdict.ok):
            return failure
        detail = verdict.detail if isinstance(verdict, Verdict) else ""
        return Failure(f"{after}not well{f': {detail}' if detail else ''}")

    # --- the end of an item -------------------------------------------------------------------------------------------------

    def _recovered(self, item: Item, ran: list[str], tickets: list[str]) -> None:
        anomaly = item.anomaly
        isolation = self._journal.isolations().get(anomaly.subject)
        if isolation is not None and isolation.by_operator and not self._asked:
            # The operator was faster than the repair.
            self._journal.close_item(item, Result.STILL_ISOLATED.value)
            self.note(anomaly, Result.STILL_ISOLATED, ran, f"isolated by an operator: {isolation.reason}", tickets)
            return
        if isolation is not None:
            if not self._hook(item, "release", isolation):
                self._journal.close_item(item, Result.STILL_ISOLATED.value)
                self.note(anomaly, Result.STILL_ISOLATED, ran, "well again, and could not be put back into use", tickets)
                return
            self._journal.release(anomaly.subject, operator=self._asked)
        self._journal.close_item(item, Result.REPAIRED.value)
        self.note(anomaly, Result.REPAIRED, ran, "", tickets)
        if events.listeners:
            events.emit(
                events.SubjectRecovered(
                    recovery=self._report.name,
                    run=item.run,
                    subject=anomaly.subject,
                    kind=anomaly.kind,
                    by="operator" if self._asked else "recovery",
                    was_isolated=isolation is not None,
                )
            )

    def _isolate(self, item: Item, ladder: RepairLadder, failure: Failure, ran: list[str], tickets: list[str]) -> None:
        anomaly = item.anomaly
        known = self._journal.isolations().get(anomaly.subject)
        again = item.attempt <= self._system.max_retries
        now = clock.wall()
        isolation = Isolation(
            anomaly.subject,
            by="recovery",
            reason=failure.reason,
            at=now if known is None else known.at,
            category="" if failure.fault is None else failure.fault.category.value,
            command=self._command(ladder, anomaly),
            attempts=item.attempt,
            next_at=now + self._system.backoff.delay(item.attempt) if again else None,
            fault=_facts(failure),
            run=item.run,
            anomaly=anomaly,
        )
        if self._journal.isolate(isolation):
            self._hook(item, "isolate", isolation)
        self._journal.close_item(item, Result.ISOLATED.value)
        result = Result.ISOLATED if item.attempt == 1 and not (known and known.by_operator) else Result.STILL_ISOLATED
        self.note(anomaly, result, ran, failure.reason, tickets)
        if events.listeners:
            events.emit(isolated(self._report.name, isolation))

    def _command(self, ladder: RepairLadder, anomaly: Anomaly) -> str:
        try:
            return ladder.command(anomaly)
        except Exception as error:  # noqa: BLE001  # border: the system's own code
            self.error(f"{anomaly.subject}: command: {say(error)}")
            return ""

    def _hook(self, item: Item, name: str, isolation: Isolation) -> bool:
        """Tell the system that a subject goes out of use, or comes back; whether it agreed."""
        isolates = name == "isolate"
        function = self._system.isolate if isolates else self._system.release
        step = f"{item.tag}:{name}"
        self._journal.begin(item, step)
        failure: Failure | None = None
        if function is not None:
            try:
                _, failure = self._step(item, step, name, lambda: function(isolation), self._system.hook_timeout)
            except Hung:
                return False
        fault = isolation.fault if isolates and failure is None else _facts(failure)
        state = "done" if failure is None else "failed"
        self._journal.end(item, step, state, fault=fault, next_at=isolation.next_at if isolates else None)
        return failure is None

    # --- telling ------------------------------------------------------------------------------------------------------------

    def error(self, text: str) -> None:
        self._report.errors.append(one_line(text))

    def note(
        self, anomaly: Anomaly, result: Result, ran: Iterable[str] = (), detail: str = "", tickets: Iterable[str] = ()
    ) -> None:
        """Put an anomaly into the report; a second pass replaces what the first said."""
        handled = Handled(anomaly, result, tuple(ran), detail, tuple(tickets))
        for index, other in enumerate(self._report.handled):
            if (other.anomaly.subject, other.anomaly.kind) != (anomaly.subject, anomaly.kind):
                continue
            if other.result is Result.ISOLATED and result is Result.STILL_ISOLATED:
                # It was counted when it happened.
                return
            if other.result not in (Result.REPAIRED, Result.ISOLATED):
                self._report.handled[index] = handled
                return
        self._report.handled.append(handled)

    def _tell_repair(self, item: Item, step: str, failure: Failure | None) -> None:
        if events.listeners:
            known = self._journal.step(item, step)
            events.emit(
                events.RepairEnded(
                    recovery=self._report.name,
                    run=item.run,
                    subject=item.anomaly.subject,
                    step=step,
                    attempt=known.attempt if known is not None else 0,
                    ok=failure is None,
                    detail="" if failure is None else failure.reason,
                    fault=None if failure is None else failure.fault,
                )
            )


def isolated(recovery: str, isolation: Isolation) -> events.Event:
    """The event that a subject was isolated."""
    return events.SubjectIsolated(
        recovery=recovery,
        run=isolation.run,
        subject=isolation.subject,
        by=isolation.by,
        reason=isolation.reason,
        category=isolation.category,
        command=isolation.command,
        attempts=isolation.attempts,
        next_at=isolation.next_at,
    )


def say(error: BaseException) -> str:
    """The error in one line."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # border: somebody's __str__
        text = ""
    return one_line(f"{kind}: {text}" if text else kind)


def fault_of(error: Exception) -> Fault:
    """The classified error; a step that hung is a timeout."""
    return classify(TimeoutError(str(error)) if isinstance(error, Hung) else error)


def _facts(failure: Failure | None) -> dict[str, object] | None:
    return None if failure is None or failure.fault is None else failure.fault.to_dict()
