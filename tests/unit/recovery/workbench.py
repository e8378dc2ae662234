"""A system in memory, whose repairs a test scripts: subjects by name, and what was done to them in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yaoki.core.recovery import (
    CORRUPTED,
    LONG_ALLOCATED,
    ORPHANED_LOCK,
    Anomaly,
    Attempt,
    Detector,
    Isolation,
    RecoveryLoop,
    Repair,
    RepairLadder,
)


class Workbench:
    """`broken`: what is wrong, by subject. `mends`: the rungs that help. `done`: what was called, in order."""

    def __init__(self, *rungs: str, mends: str | None = None, kinds: tuple[str, ...] = (CORRUPTED, ORPHANED_LOCK)) -> None:
        self.broken: dict[str, Anomaly] = {}
        self.mends = {mends} if mends else set()
        self.done: list[str] = []
        self.attempts: list[Attempt] = []
        self.isolated: list[Isolation] = []
        self.released: list[Isolation] = []
        self.actions: dict[str, Callable[[Attempt], Any]] = {}
        self.rungs = rungs or ("mend",)
        self.kinds = (*kinds, LONG_ALLOCATED)
        self.settings: dict[str, dict[str, Any]] = {}
        self.kept: list[str] = []

    def break_(self, subject: str, kind: str = CORRUPTED, **facts: Any) -> None:
        self.broken[subject] = Anomaly(kind, subject, f"{subject} is broken", **facts)

    def find(self) -> list[Anomaly]:
        return list(self.broken.values())

    def repair(self, name: str) -> Repair:
        def action(attempt: Attempt) -> Any:
            self.done.append(f"{name} {attempt.subject}")
            self.attempts.append(attempt)
            if name in self.actions:
                return self.actions[name](attempt)
            if name in self.mends:
                self.broken.pop(attempt.subject, None)
                return True
            return False

        return Repair(name, action, **self.settings.get(name, {}))

    def keep(self, attempt: Attempt) -> str:
        self.done.append(f"keep {attempt.subject}")
        self.kept.append(attempt.key)
        return f"ticket {len(self.kept)}"

    def verify(self, anomaly: Anomaly) -> bool:
        return anomaly.subject not in self.broken

    def ladder(self, **more: Any) -> RepairLadder:
        return RepairLadder(
            self.kinds,
            *map(self.repair, self.rungs),
            **{"verify": self.verify, "command": "bench mend {subject} --force", **more},
        )

    def loop(self, *detectors: Detector, **more: Any) -> RecoveryLoop:
        given = {
            "quarantine": self,
            "isolate": self.isolated.append,
            "release": self.released.append,
            **more,
        }
        return RecoveryLoop("bench", [*detectors, Detector("broken", self.find)], [self.ladder()], **given)
