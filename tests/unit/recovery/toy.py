"""A toy system on real files: a good file says "good <name>"; damaged ones are rewritten, and quarantined before.

Run as a program it recovers once and prints the report; with a number it kills itself with SIGKILL at that step:

    python -m tests.unit.recovery.toy FOLDER [STEP]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from yaoki.core.recovery import (
    CORRUPTED,
    Anomaly,
    Attempt,
    Detector,
    Isolation,
    RecoveryLoop,
    Repair,
    RepairLadder,
    Verdict,
)
from yaoki.core.recovery import journal as journal_module


class Toy:
    """`before` is called with the name of each step of the system's own, in the middle of it too."""

    def __init__(self, folder: Path, before: Callable[[str], None] = lambda step: None) -> None:
        self.files = folder / "files"
        self.attic = folder / "quarantine"
        self.marks = folder / "isolated"
        self.log = folder / "once.log"
        self.journal = folder / "recovery.db"
        self.before = before
        for each in (self.files, self.attic, self.marks):
            each.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, text: str | None = None) -> None:
        (self.files / name).write_text(f"good {name}" if text is None else text)

    def loop(self) -> RecoveryLoop:
        ladder = RepairLadder(
            CORRUPTED,
            Repair("patch", self.patch),
            Repair("rewrite", self.rewrite, destructive=True),
            Repair("ask", self.ask_once, repeatable=False),
            verify=self.verify,
            command="toy mend {subject}",
        )
        return RecoveryLoop(
            "toy",
            [Detector("files", self.find)],
            [ladder],
            journal=self.journal,
            quarantine=self,
            isolate=self.isolate,
            release=self.release,
        )

    def find(self) -> list[Anomaly]:
        return [
            Anomaly(CORRUPTED, file.name, "damaged")
            for file in sorted(self.files.iterdir())
            if file.read_text() != f"good {file.name}"
        ]

    def patch(self, attempt: Attempt) -> bool:
        """Mends a missing first letter only."""
        self.before("patch")
        file = self.files / attempt.subject
        if file.exists() and file.read_text() == f"ood {attempt.subject}":
            file.write_text(f"good {attempt.subject}")
            self.before("patched")
            return True
        return False

    def keep(self, attempt: Attempt) -> str:
        self.before("keep")
        file = self.files / attempt.subject
        ticket = attempt.key.replace("/", "~").replace(":", "-")
        if not file.exists():
            return ticket if (self.attic / ticket).exists() else ""
        half = self.attic / f"{ticket}.half"
        half.write_text(file.read_text())
        self.before("half kept")
        half.rename(self.attic / ticket)
        self.before("kept")
        return ticket

    def rewrite(self, attempt: Attempt) -> None:
        self.before("rewrite")
        file = self.files / attempt.subject
        hopeless = "hopeless" in attempt.subject
        file.unlink(missing_ok=True)
        self.before("unlinked")
        file.write_text("still bad" if hopeless else f"good {attempt.subject}")
        self.before("rewritten")

    def ask_once(self, attempt: Attempt) -> bool:
        """Something that must not happen twice."""
        with self.log.open("a") as log:
            log.write(f"{attempt.key}\n")
        self.before("asked")
        return False

    def verify(self, anomaly: Anomaly) -> Verdict:
        self.before("verify")
        file = self.files / anomaly.subject
        return Verdict(file.exists() and file.read_text() == f"good {anomaly.subject}", "wrong text")

    def isolate(self, isolation: Isolation) -> None:
        self.before("isolate")
        (self.marks / isolation.subject).write_text(isolation.reason)
        self.before("isolated")

    def release(self, isolation: Isolation) -> None:
        self.before("release")
        (self.marks / isolation.subject).unlink(missing_ok=True)


class Killer:
    """Counts steps, and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0

    def __call__(self, step: str) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_the_journal(self) -> None:
        """Every write of the journal is a step, before and after."""
        write = journal_module.Journal._transaction

        from contextlib import contextmanager

        @contextmanager
        def counted(journal):  # type: ignore[no-untyped-def]  # stands in for the method
            self("before a write")
            with write(journal) as connection:
                yield connection
                self("inside of a write")
            self("after a write")

        journal_module.Journal._transaction = counted  # type: ignore[method-assign]  # only in a child process


def main() -> None:
    folder = Path(sys.argv[1])
    killer = Killer(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    killer.watch_the_journal()
    report = Toy(folder, killer).loop().run_once_threads()
    print(json.dumps({"steps": killer.count, **report.to_dict()}))


if __name__ == "__main__":
    main()
