"""Calls below a boundary: a hedge and a timeout by thread run everything below them in calls of their own.

A child shares the deadline and the attempt number of the call above it and reports back what it took. A child in a worker
thread may be given up by the thread that waits for it. Then its policies are told at once, and what the worker still does
comes to nothing: every permit is settled exactly once.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.pipeline.call import Call
from yaoki.core.policies.policy import NEUTRAL, Neutral

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Protocol

    from yaoki.core.faults.record import Fault
    from yaoki.core.policies.policy import Policy, Step, Ticket

    class ChildRun(Protocol):
        """A child call in a thread or a task of its own."""

        @property
        def child(self) -> Child:
            """The call."""
            ...

        @property
        def value(self) -> object:
            """What it returned."""
            ...

        error: BaseException | None


__all__ = ["Child", "ThreadChild", "outcome"]


class Child(Call):
    """A call through the policies below the boundary of the call `above`."""

    def __init__(self, above: Call) -> None:
        plan = above.plan.below
        assert plan is not None
        self.start(plan, plan.policies, [], clock.now(), above.deadline)
        self.above = above
        self._attempt = above.attempt
        self.callers_deadline: float = above.callers_deadline
        self.timeout: Policy | None = above.timeout
        self.delays: list[float] | None = None if above.delays is None else []
        self.degraded_by: list[tuple[str, Fault]] | None = None if above.degraded_by is None else []

    @property
    def key(self) -> Hashable:
        """The key of the keyed pipeline, which the policies above may know."""
        return self.above.key if super().key is None else super().key

    @property
    def attempt(self) -> int:
        """The number of the attempt. The call above shows it too, to who asks while it runs."""
        return self._attempt

    @attempt.setter
    def attempt(self, number: int) -> None:
        self._attempt = self.above.attempt = number

    def _emit_raised(self, error: Exception) -> None:
        """Nothing: what leaves a child goes to the call above, which says what becomes of it."""

    def report(self, *, failed: bool) -> None:
        """Tell the call above what this one took. `failed`: its failure goes on upward, and its event has been sent."""
        above = self.above
        above.attempt = self.attempt
        above.ran = self.ran
        above.told = failed
        if above.delays is not None and self.delays is not None:
            above.delays += self.delays
        if above.degraded_by is not None and self.degraded_by is not None:
            above.degraded_by += self.degraded_by


class ThreadChild(Child):
    """A child that runs in a worker thread, while another thread may end it.

    Whoever touches the permits first takes the turn, by `list.pop`, which is atomic. The worker gives it back after each step.
    `end` keeps it for ever; if the worker has it just then, the worker ends the call itself at the end of its step.
    """

    ended_by: BaseException | None = None
    lost: bool = False

    def __init__(self, above: Call) -> None:
        super().__init__(above)
        self._turn: list[None] = [None]

    # For the thread that waits

    def end(self, error: Exception, now: float) -> None:
        """Settle every permit as failed with `error`, at once; a retry or a fallback no longer acts."""
        self.committed: bool = True
        self.ended_by = error
        if self._take_turn():
            self._settle(now)

    def lose(self) -> None:
        """Nobody needs the result any more: what runs goes on and is judged by its policies, but nothing further starts."""
        self.committed = self.lost = True

    # For the worker

    def descend(self, now: float) -> BaseException | Ticket | None:  # type: ignore[override]  # a refusal nobody can serve
        if self.lost or not self._take_turn():
            return Neutral()
        try:
            stop = super().descend(now)
        finally:
            self._give_turn(now)
        return stop if self.ended_by is None else Neutral()

    def may_run_again(self) -> bool:
        """Not without a look at whether the call was lost or ended meanwhile, which `descend` takes."""
        return False

    def admit(self, permit: object) -> None:
        if self._take_turn():
            super().admit(permit)
            self._give_turn(clock.now())
        else:
            self.policies[len(self.permits)].leave(self, permit, NEUTRAL, clock.now())

    def failed(self, error: BaseException, now: float) -> Step:
        if not self._take_turn():
            return None
        try:
            step = super().failed(error, now)
        finally:
            self._give_turn(now)
        return step if self.ended_by is None else None

    def returned(self, value: object, now: float) -> Step:
        if not self._take_turn():
            return None
        try:
            step = super().returned(value, now)
        finally:
            self._give_turn(now)
        return step if self.ended_by is None else None

    def release(self, now: float) -> None:
        if self._take_turn():
            super().release(now)
            self._give_turn(now)

    def _take_turn(self) -> bool:
        try:
            self._turn.pop()
        except IndexError:
            return False
        return True

    def _give_turn(self, now: float) -> None:
        self._turn.append(None)
        if self.ended_by is not None and self._take_turn():
            self._settle(now)

    def _settle(self, now: float) -> None:
        # The error must not be kept: it leads back to this call by its traceback. The list of permits stays as it is: its length
        # tells a worker that comes with one more whose permit that is.
        error, self.ended_by = self.ended_by, NEUTRAL
        for index in reversed(range(len(self.permits))):
            try:
                self.policies[index].leave(self, self.permits[index], error, now)
            except BaseException:
                for rest in reversed(range(index)):
                    self.policies[rest].leave(self, self.permits[rest], NEUTRAL, now)
                raise


def outcome(run: ChildRun) -> object:
    """Return or raise what came out of a child that is over. Its error is taken from it: one of the two must let go."""
    error, run.error = run.error, None
    run.child.report(failed=error is not None)
    if error is None:
        return run.value
    try:
        raise error
    finally:
        del error
