"""What a recovery found and did, and which subjects are isolated: the records that people and programs read (SPEC H3)."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yaoki.core.recovery.anomaly import Anomaly

__all__ = ["Handled", "Isolation", "RecoveryReport", "Result"]


class Result(Enum):
    """How an anomaly was dealt with.

    REPAIRED: it is well again, verified. ISOLATED: it could not be repaired, and was isolated in this run. STILL_ISOLATED: it was
    isolated before, and still is. REPORTED: the strategy looks on, or nothing is known that would repair it.
    WOULD_REPAIR, WOULD_ISOLATE: what a dry run would have done.
    """

    REPAIRED = "repaired"
    ISOLATED = "isolated"
    STILL_ISOLATED = "still_isolated"
    REPORTED = "reported"
    WOULD_REPAIR = "would_repair"
    WOULD_ISOLATE = "would_isolate"


class Isolation:
    """A subject that is kept out of use.

    `by`: "recovery" or "operator"; an operator's ends only by an operator. `reason`, `category`: why, and the category of the
    fault behind it, or "". `at`: wall-clock seconds since 1970. `command`: what a person may try. `attempts`: recoveries that
    have failed. `next_at`: when the next may try, in wall-clock seconds; None: it waits for a person. `fault`: the latest, as
    `Fault.to_dict` tells it, or None. `run`: the id of the recovery that isolated it, or "". `anomaly`: what was wrong with it,
    or None if an operator just said so.
    """

    __slots__ = ("anomaly", "at", "attempts", "by", "category", "command", "fault", "next_at", "reason", "run", "subject")

    def __init__(
        self,
        subject: str,
        *,
        by: str,
        reason: str,
        at: float,
        category: str = "",
        command: str = "",
        attempts: int = 0,
        next_at: float | None = None,
        fault: Mapping[str, object] | None = None,
        run: str = "",
        anomaly: Anomaly | None = None,
    ) -> None:
        self.subject: str = subject
        self.by: str = by
        self.reason: str = reason
        self.at: float = at
        self.category: str = category
        self.command: str = command
        self.attempts: int = attempts
        self.next_at: float | None = next_at
        self.fault: Mapping[str, object] | None = fault
        self.run: str = run
        self.anomaly: Anomaly | None = anomaly

    @property
    def by_operator(self) -> bool:
        """Whether an operator isolated it."""
        return self.by == "operator"

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        facts: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        facts["anomaly"] = None if self.anomaly is None else self.anomaly.to_dict()
        return facts

    def __repr__(self) -> str:
        return f"<Isolation of {self.subject} by {self.by}: {self.reason}>"


class Handled:
    """One anomaly and its result. `steps`: the rungs that ran, or would run; `detail`: why, in half a sentence."""

    __slots__ = ("anomaly", "detail", "result", "steps", "tickets")

    def __init__(
        self,
        anomaly: Anomaly,
        result: Result,
        steps: Sequence[str] = (),
        detail: str = "",
        tickets: Sequence[str] = (),
    ) -> None:
        self.anomaly: Anomaly = anomaly
        self.result: Result = result
        self.steps: tuple[str, ...] = tuple(steps)
        self.detail: str = detail
        self.tickets: tuple[str, ...] = tuple(tickets)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "anomaly": self.anomaly.to_dict(),
            "result": self.result.value,
            "steps": list(self.steps),
            "detail": self.detail,
            "tickets": list(self.tickets),
        }

    def __repr__(self) -> str:
        return f"<{self.anomaly.subject} ({self.anomaly.kind}): {self.result.value}{f', {self.detail}' if self.detail else ''}>"


class RecoveryReport:
    """What one recovery found and did.

    `run`: its id, which its events and the journal carry too. `handled`: every anomaly that was dealt with; of a staged one,
    those of both passes. `errors`: what went wrong with the recovery itself. `notes`: what a person should know.
    `continued`: how many of the handled were left over by a process that had ended. `stopped`: it was asked to stop before its
    end. `started_at`: wall-clock seconds; `took`: seconds.
    """

    __slots__ = (
        "continued",
        "dry_run",
        "errors",
        "handled",
        "name",
        "notes",
        "run",
        "started_at",
        "stopped",
        "strategy",
        "took",
    )

    def __init__(self, run: str, name: str, strategy: str, *, started_at: float, dry_run: bool) -> None:
        self.run: str = run
        self.name: str = name
        self.strategy: str = strategy
        self.started_at: float = started_at
        self.dry_run: bool = dry_run
        self.took: float = 0.0
        self.handled: list[Handled] = []
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.continued: int = 0
        self.stopped: bool = False

    def count(self, result: Result, kind: str | None = None) -> int:
        """How many anomalies, of one kind or of all, came to this result."""
        return sum(each.result is result and kind in (None, each.anomaly.kind) for each in self.handled)

    def counts(self) -> dict[str, int]:
        """How many anomalies came to each result, and how many errors there were."""
        return {**{result.value: self.count(result) for result in Result}, "errors": len(self.errors)}

    @property
    def problems(self) -> int:
        """How many anomalies were found."""
        return len(self.handled)

    @property
    def healthy(self) -> bool:
        """Whether nothing was found, and everything could be looked at."""
        return not self.handled and not self.errors and not self.stopped

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "run": self.run,
            "name": self.name,
            "strategy": self.strategy,
            "dry_run": self.dry_run,
            "started_at": self.started_at,
            "took": self.took,
            "stopped": self.stopped,
            "continued": self.continued,
            "counts": self.counts(),
            "handled": [each.to_dict() for each in self.handled],
            "errors": list(self.errors),
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """The report for people, one line for each anomaly, error and note."""
        counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in self.counts().items() if number)
        lines = [f"recovery {self.run} ({self.strategy}{', dry run' if self.dry_run else ''}): {counts or 'nothing found'}"]
        for each in self.handled:
            what = f"{each.anomaly.subject} ({each.anomaly.kind}): {each.result.value.replace('_', ' ')}"
            steps = f" [{', '.join(each.steps)}]" if each.steps else ""
            lines.append(f"  {what}{steps}{f': {each.detail}' if each.detail else ''}")
        lines += [f"  error: {error}" for error in self.errors]
        lines += [f"  note: {note}" for note in self.notes]
        if self.stopped:
            lines.append("  stopped before its end; the next recovery continues")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<RecoveryReport {self.run}: {', '.join(f'{name} {number}' for name, number in self.counts().items() if number)}>"
        )
