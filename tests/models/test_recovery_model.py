"""SPEC H3: recovery against a model: subjects break, processes die anywhere, operators isolate, time passes.

The model knows what is broken, what a repair can mend, and who is isolated by whom. A process that dies is a journal whose
writes raise from some moment on; what the journal had written stays.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from yaoki import constant
from yaoki.core.recovery import CORRUPTED, Anomaly, Attempt, Detector, Isolation, RecoveryLoop, Repair, RepairLadder, Result
from yaoki.testing import VirtualClock

SUBJECTS = ["a", "b", "c"]
WAIT = 100.0
RETRIES = 2


class _Died(BaseException):
    """The process ends here."""


class RecoveryModel(RuleBasedStateMachine):
    """`broken`: subject -> whether a repair can mend it. `content`: what stands there, all of it unique."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        # A step that is busy for a moment is no reason to jump to its deadline.
        self.clock = VirtualClock(grace=5.0)
        self.clock.__enter__()
        self.broken: dict[str, bool] = {}
        self.content = {subject: f"first {subject}" for subject in SUBJECTS}
        self.kept: set[str] = set()
        self.by_operator: set[str] = set()
        self.written = 0
        self.dies_at: int | None = None
        self.once: list[str] = []
        self.start()

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)
        self.folder.cleanup()

    # --- the system -------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A new process."""
        self.dies_at = None
        ladder = RepairLadder(
            CORRUPTED,
            Repair("once", self.do_once, repeatable=False),
            Repair("replace", self.replace, destructive=True),
            verify=lambda anomaly: anomaly.subject not in self.broken,
        )
        self.loop = RecoveryLoop(
            "model",
            [Detector("broken", self.find)],
            [ladder],
            journal=Path(self.folder.name) / "recovery.db",
            quarantine=self,
            isolate=self.isolated,
            max_retries=RETRIES,
            backoff=constant(WAIT),
        )
        journal = self.loop._journal
        transaction = journal._transaction

        def dying() -> object:
            self.step()
            return transaction()

        # A slot of the object cannot be replaced, so the class gets an heir.
        heir = type("DyingJournal", (type(journal),), {"_transaction": lambda _: dying(), "__slots__": ()})
        journal.__class__ = heir

    def step(self) -> None:
        if self.dies_at is not None:
            self.dies_at -= 1
            if self.dies_at < 0:
                raise _Died

    def find(self) -> list[Anomaly]:
        return [Anomaly(CORRUPTED, subject) for subject in sorted(self.broken)]

    def do_once(self, attempt: Attempt) -> bool:
        self.once.append(attempt.key)
        return False

    def keep(self, attempt: Attempt) -> str:
        self.kept.add(self.content[attempt.subject])
        return self.content[attempt.subject]

    def replace(self, attempt: Attempt) -> None:
        assert self.content[attempt.subject] in self.kept, "replaced what was not in quarantine"
        assert attempt.subject not in self.by_operator, "an operator's isolation was ignored"
        self.write(attempt.subject)
        if self.broken.get(attempt.subject):
            del self.broken[attempt.subject]

    def isolated(self, isolation: Isolation) -> None:
        assert isolation.subject in self.broken

    def write(self, subject: str) -> None:
        self.written += 1
        self.content[subject] = f"{subject} {self.written}"

    # --- what happens -----------------------------------------------------------------------------------------------------------

    @rule(subject=st.sampled_from(SUBJECTS), mendable=st.booleans())
    def breaks(self, subject: str, mendable: bool) -> None:
        self.write(subject)
        self.broken[subject] = mendable

    @precondition(lambda self: self.broken)
    @rule(data=st.data())
    def somebody_mends_it_by_hand(self, data: st.DataObject) -> None:
        self.broken.pop(data.draw(st.sampled_from(sorted(self.broken))))

    @rule(subject=st.sampled_from(SUBJECTS))
    def an_operator_isolates(self, subject: str) -> None:
        self.loop.isolate(subject)
        self.by_operator.add(subject)

    @rule(subject=st.sampled_from(SUBJECTS))
    def an_operator_releases(self, subject: str) -> None:
        self.loop.release(subject)
        self.by_operator.discard(subject)

    @rule(seconds=st.sampled_from([1.0, WAIT / 2, WAIT, 10 * WAIT]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def recovers(self) -> None:
        self.run_to_the_end()

    @rule(writes=st.integers(0, 25))
    def recovers_and_dies(self, writes: int) -> None:
        self.dies_at = writes
        try:
            self.run_to_the_end()
        except _Died:
            self.start()
        self.dies_at = None

    def run_to_the_end(self) -> None:
        before = dict(self.broken)
        isolations = self.loop.isolations()
        report = self.loop.run_once_threads()

        assert report.errors == []
        left = self.loop.isolations()
        for subject in before:
            # Repaired, or isolated; never merely forgotten.
            assert subject not in self.broken or subject in left
            if subject in self.by_operator:
                assert subject in self.broken
            elif subject in self.broken and not report.continued:
                was = isolations.get(subject)
                attempts = was.attempts if was else 0
                due = was is None or (was.next_at is not None and was.next_at <= self.clock.wall())
                assert left[subject].attempts == attempts + due
        for handled in report.handled:
            if handled.result is Result.REPAIRED:
                assert handled.anomaly.subject not in self.broken
            if handled.result is Result.ISOLATED:
                assert left[handled.anomaly.subject].attempts == 1

    # --- what is always true ----------------------------------------------------------------------------------------------------

    @invariant()
    def operators_isolations_stand(self) -> None:
        known = {subject for subject, isolation in self.loop.isolations().items() if isolation.by_operator}
        assert known == self.by_operator

    @invariant()
    def what_must_not_happen_twice_has_not(self) -> None:
        assert len(set(self.once)) == len(self.once)

    @invariant()
    def attempts_are_limited(self) -> None:
        for isolation in self.loop.isolations().values():
            assert isolation.attempts <= RETRIES + 1
            assert (isolation.next_at is None) == (isolation.by_operator or isolation.attempts > RETRIES)


@pytest.mark.timeout(60)
def test_h3_recovery_does_what_the_model_does() -> None:
    """SPEC H3: nothing lost, nothing done twice that must not be, everything repaired or isolated, wherever processes die."""
    case = RecoveryModel.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
    case("runTest").runTest()
