"""One recovery, from what was left over to the report (SPEC H3).

continue what a killed process has left -> detect -> for each anomaly: decide, treat -> report
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.recovery.anomaly import Anomaly
from yaoki.core.recovery.journal import Item
from yaoki.core.recovery.report import Result
from yaoki.core.recovery.steps import Stopped
from yaoki.core.recovery.strategy import Decision
from yaoki.core.recovery.treatment import Treatment, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from yaoki.core.recovery.journal import Journal
    from yaoki.core.recovery.report import Isolation, RecoveryReport
    from yaoki.core.recovery.steps import Behind, Steps
    from yaoki.core.recovery.strategy import Strategy
    from yaoki.core.recovery.system import System

__all__ = ["Passes"]

_DETECTORS = "\0detector "
"""Before the name of a detector where a subject is expected: no subject begins so."""


class Passes:
    """The passes of one recovery. `only`: the one subject it is about, asked for by a person; then waits count for nothing,
    and with `force` neither does the number of attempts.
    """

    __slots__ = ("_behind", "_force", "_journal", "_only", "_report", "_steps", "_strategy", "_system", "_treatment")

    def __init__(
        self,
        system: System,
        journal: Journal,
        strategy: Strategy,
        report: RecoveryReport,
        steps: Steps,
        behind: Behind,
        *,
        only: str | None = None,
        force: bool = False,
    ) -> None:
        self._system = system
        self._journal = journal
        self._strategy = strategy
        self._report = report
        self._steps = steps
        self._behind = behind
        self._only = only
        self._force = force
        self._treatment = Treatment(system, journal, report, steps, asked=only is not None)

    # --- the passes ---------------------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Finish what a process that has ended left over."""
        isolations = self._journal.isolations()
        for item in self._journal.unfinished():
            if self._only not in (None, item.anomaly.subject):
                continue
            isolation = isolations.get(item.anomaly.subject)
            if item.anomaly.subject in self._behind or (isolation and isolation.by_operator and self._only is None):
                continue
            ladder = self._system.ladder_of(item.anomaly.kind)
            if ladder is None or not self._journal.was_touched(item):
                # Nothing has been done about it: whether it is still there, the detectors say.
                self._journal.close_item(item, "dropped")
                continue
            self._found(item.anomaly, Decision.REPAIR, run=item.run)
            self._report.continued += 1
            self._treatment.treat(item, ladder, force=self._strategy.force_release)

    def go(self, strategy: Strategy, number: int = 1, *, repairs: bool = True) -> None:
        """Detect and deal with everything; in the second pass of a staged recovery `number` is 2."""
        self._strategy = strategy
        found, complete = self._detect()
        for anomaly in found:
            self._deal_with(anomaly, number, repairs=repairs)
        seen = {anomaly.subject for anomaly in found}
        for isolation in list(self._journal.isolations().values()):
            if isolation.subject not in seen and self._only in (None, isolation.subject):
                self._look_after(isolation, number, complete=complete)

    def rehearse(self) -> None:
        """Detect, and tell what would be done."""
        isolations, unfinished = self._journal.peek()
        for item in unfinished:
            if self._only in (None, item.anomaly.subject):
                self._report.notes.append(f"{item.anomaly.subject}: recovery {item.run} was interrupted and would be continued")
        found, _ = self._detect()
        for anomaly in found:
            ladder = self._system.ladder_of(anomaly.kind)
            decision = self._strategy.decide(anomaly)
            self._found(anomaly, decision)
            why = self._why_not(anomaly, isolations.get(anomaly.subject))
            if decision is Decision.REPORT or ladder is None:
                self._treatment.note(anomaly, Result.REPORTED, detail=_looked_on(decision))
            elif why is not None:
                left = Result.STILL_ISOLATED if anomaly.subject in isolations or anomaly.held else Result.REPORTED
                self._treatment.note(anomaly, left, detail=why)
            else:
                rungs = [rung.name for rung in ladder.rungs(force=self._strategy.force_release)]
                self._treatment.note(anomaly, Result.WOULD_REPAIR if rungs else Result.WOULD_ISOLATE, rungs)

    # --- detect -------------------------------------------------------------------------------------------------------------

    def _detect(self) -> tuple[list[Anomaly], bool]:
        """What the detectors find and the strategy looks at, each subject and kind once; and whether all could look."""
        found: dict[tuple[str, str], Anomaly] = {}
        complete = True
        for detector in self._system.detectors:
            own = f"{_DETECTORS}{detector.name}"
            if own in self._behind:
                self._treatment.error(f"detector {detector.name}: the run before has not ended yet")
                complete = False
                continue
            try:
                anomalies = self._steps.run(detector.name, own, _listing(detector.find), detector.timeout)
                assert isinstance(anomalies, tuple)
                for anomaly in anomalies:
                    if self._only in (None, anomaly.subject) and self._strategy.decide(anomaly) is not Decision.LEAVE:
                        found.setdefault((anomaly.subject, anomaly.kind), anomaly)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001  # border: the system's own code
                self._treatment.error(f"detector {detector.name}: {say(error)}")
                complete = False
        return list(found.values()), complete

    # --- decide -------------------------------------------------------------------------------------------------------------

    def _deal_with(self, anomaly: Anomaly, number: int, *, repairs: bool) -> None:
        decision = self._strategy.decide(anomaly)
        ladder = self._system.ladder_of(anomaly.kind)
        isolation = self._journal.isolations().get(anomaly.subject)
        self._found(anomaly, decision)
        why = self._why_not(anomaly, isolation)
        if decision is Decision.REPORT or ladder is None:
            self._treatment.note(anomaly, Result.REPORTED, detail=_looked_on(decision))
        elif why is not None:
            self._treatment.note(anomaly, Result.STILL_ISOLATED if isolation or anomaly.held else Result.REPORTED, detail=why)
        elif not repairs:
            self._treatment.note(anomaly, Result.REPORTED, detail="found again in the second look")
        else:
            item = self._item(anomaly, isolation, number)
            self._treatment.treat(item, ladder, force=self._strategy.force_release)

    def _why_not(self, anomaly: Anomaly, isolation: Isolation | None) -> str | None:
        """Why the subject is left alone now, or None."""
        if anomaly.subject in self._behind:
            return "an earlier step still runs on it"
        asked = self._only is not None
        if anomaly.held and not asked:
            return "isolated by an operator"
        if isolation is None:
            return None
        if isolation.by_operator:
            return None if asked else f"isolated by an operator: {isolation.reason}"
        if isolation.attempts > self._system.max_retries:
            return None if self._force else f"waits for a person after {isolation.attempts} attempts: {isolation.reason}"
        if isolation.next_at is not None and isolation.next_at > clock.wall() and not asked:
            return f"isolated, next try in {isolation.next_at - clock.wall():.0f} s: {isolation.reason}"
        return None

    def _item(self, anomaly: Anomaly, isolation: Isolation | None, number: int) -> Item:
        tag = anomaly.kind if number == 1 else f"{anomaly.kind}#{number}"
        attempts = isolation.attempts if isolation is not None and not isolation.by_operator else 0
        return Item(self._report.run, tag, anomaly, attempts + 1)

    def _look_after(self, isolation: Isolation, number: int, *, complete: bool) -> None:
        """An isolated subject that no detector names: repaired by somebody, or not looked at any more."""
        anomaly = isolation.anomaly
        ladder = None if anomaly is None else self._system.ladder_of(anomaly.kind)
        if anomaly is None:
            anomaly = Anomaly("isolated", isolation.subject, isolation.reason)
        if self._why_not(anomaly, isolation) is not None or self._strategy.decide(anomaly) is not Decision.REPAIR:
            # Nothing was found: the report counts anomalies only.
            return
        item = self._item(anomaly, isolation, number)
        if ladder is not None:
            item.verify_first = True
            self._found(anomaly, Decision.REPAIR)
            self._treatment.treat(item, ladder, force=self._strategy.force_release)
        elif complete and self._only is not None:
            self._treatment.lift(item)

    def _found(self, anomaly: Anomaly, decision: Decision, run: str | None = None) -> None:
        if events.listeners:
            events.emit(
                events.AnomalyFound(
                    recovery=self._report.name,
                    run=self._report.run if run is None else run,
                    subject=anomaly.subject,
                    kind=anomaly.kind,
                    severity=anomaly.severity.name.lower(),
                    detail=anomaly.detail,
                    decision=decision.value,
                    resumed=run is not None,
                )
            )


def _listing(find: Callable[[], object]) -> Callable[[], object]:
    """`find`, with what a generator yields taken out of it in the same thread."""

    def listed() -> object:
        found: Any = find()
        return _listed(found) if hasattr(found, "__await__") else _tuple(found)

    return listed


async def _listed(found: Awaitable[object]) -> object:
    return _tuple(await found)


def _tuple(found: Any) -> tuple[Anomaly, ...]:
    anomalies: tuple[object, ...] = tuple(found)
    checked: list[Anomaly] = []
    for each in anomalies:
        if not isinstance(each, Anomaly):
            raise TypeError(f"a detector found {each!r}, which is no Anomaly")
        checked.append(each)
    return tuple(checked)


def _looked_on(decision: Decision) -> str:
    return "the strategy only reports it" if decision is Decision.REPORT else "nothing is known that repairs it"
