"""SPEC T1: `Timeout(seconds, mode="thread")`: a synchronous call that hangs is abandoned in its thread."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest

from yaoki import (
    Bulkhead,
    CircuitBreaker,
    CircuitState,
    DeadlineExceededError,
    Fallback,
    Pipeline,
    Retry,
    Timeout,
    constant,
    deadline,
)
from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.pipeline import workers
from yaoki.core.policies.policy import Policy
from yaoki.testing import VirtualClock, record_events, run

pytestmark = pytest.mark.filterwarnings("ignore::yaoki.core.pipeline.order.PolicyOrderWarning")


@pytest.fixture
def virtual() -> Iterator[VirtualClock]:
    """Virtual time; a thread gets a tenth of a real second before a wait is jumped over."""
    with VirtualClock(grace=0.1) as clock:
        yield clock


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What a hanging function waits for; set in the end, so that no test leaves a thread behind."""
    event = threading.Event()
    yield event
    event.set()


def eventually(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(5000):
        if condition():
            return True
        pause.wait(0.001)
    return False


def waiting(event: threading.Event, outcome: object = "late") -> Callable[[], object]:
    """A function that hangs until `event`, then returns or raises."""

    def function() -> object:
        assert event.wait(20.0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return function


class Judge(Policy):
    """Remembers who entered, and by what each permit was settled."""

    kind = "judge"

    def __init__(self) -> None:
        self.entered: list[object] = []
        self.settled: list[BaseException | None] = []

    def enter(self, call: object, now: float) -> object:
        self.entered.append(call)
        return None

    def leave(self, call: object, permit: object, error: BaseException | None, now: float) -> None:
        self.settled.append(error)


# The deadline


def test_t1_a_call_that_hangs_is_left_at_its_deadline(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1: DeadlineExceededError at once, with the Timeout whose time it was."""
    timeout = Timeout(1.5, mode="thread")
    with pytest.raises(DeadlineExceededError) as raised:
        Pipeline(timeout).call(waiting(hang))

    assert (raised.value.policy, raised.value.until, virtual.time) == (timeout, 1.5, 1.5)
    assert "abandoned" in str(raised.value)


def test_t1_a_value_in_time_comes_back(virtual: VirtualClock) -> None:
    """SPEC T1: arguments go in, the value comes out, no time passes."""
    virtual.grace = 5.0

    assert Pipeline(Timeout(1.5, mode="thread")).call(divmod, 7, 2) == (3, 1)
    assert virtual.time == 0.0


def test_t1_an_inherited_deadline_that_is_tighter_wins(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1: the tighter wins; the error says that it was the caller's."""
    with deadline.within(0.5), pytest.raises(DeadlineExceededError) as raised:
        Pipeline(Timeout(1.5, mode="thread")).call(waiting(hang))

    assert (raised.value.policy, virtual.time) == (None, 0.5)


def test_t1_without_a_deadline_it_waits_as_long_as_it_takes(hang: threading.Event) -> None:
    """SPEC T1: Timeout(None, mode="thread") keeps to the caller's deadline only."""
    hang.set()

    assert Pipeline(Timeout(None, mode="thread")).call(waiting(hang, "value")) == "value"


def test_t1_the_deadline_is_in_force_inside_the_worker() -> None:
    """SPEC T1: nested pipelines in the thread see it, and context variables come along."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    variable.set("caller's")

    def function() -> tuple[str, float]:
        return variable.get(), deadline.current()

    with VirtualClock(grace=5.0), deadline.within(7.0):
        assert Pipeline(Timeout(3.0, mode="thread")).call(function) == ("caller's", 3.0)


def test_t1_nothing_is_left_in_a_reused_thread() -> None:
    """SPEC T1: the next call of the same thread has no deadline of the last one."""
    cells: list[tuple[threading.Thread, float]] = []

    def function() -> None:
        cells.append((threading.current_thread(), deadline.current()))

    Pipeline(Timeout(60.0, mode="thread")).call(function)
    Pipeline(Timeout(None, mode="thread")).call(function)

    assert cells[1][1] == deadline.NEVER


def test_t1_an_asynchronous_call_is_cancelled_instead() -> None:
    """SPEC T1: the mode is for synchronous functions; a task needs no thread."""

    async def function() -> None:
        await asyncio.sleep(60.0)

    async def main() -> float:
        with pytest.raises(DeadlineExceededError):
            await Pipeline(Timeout(1.5, mode="thread")).acall(function)
        return asyncio.get_running_loop().time()

    assert run(main()) == 1.5


# Errors


def test_r5_an_exception_keeps_its_own_traceback() -> None:
    """SPEC R5: the object that was raised, down to the line that did it."""
    boom = ConnectionError("boom")

    def function() -> None:
        raise boom

    with pytest.raises(ConnectionError) as raised:
        Pipeline(Timeout(60.0, mode="thread")).call(function)

    assert raised.value is boom
    assert traceback.extract_tb(boom.__traceback__)[-1].line == "raise boom"
    assert boom.__context__ is None


def test_r5_nothing_of_a_failed_call_waits_for_the_collector() -> None:
    """SPEC R5: no reference cycles between the two threads."""

    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    def function() -> None:
        big = Big()
        alive.append(weakref.ref(big))
        raise ConnectionError

    gc.collect()
    gc.disable()
    try:
        try:
            Pipeline(Timeout(60.0, mode="thread")).call(function)
        except ConnectionError:
            pass
        assert eventually(lambda: alive[0]() is None)
    finally:
        gc.enable()


def test_r5_what_is_no_exception_reaches_the_caller() -> None:
    """SPEC R5: SystemExit in the worker ends the program that called, not the thread."""
    with pytest.raises(SystemExit):
        Pipeline(Timeout(60.0, mode="thread")).call(sys.exit)


# What was abandoned


def test_t1_the_abandoned_threads_are_counted_up_and_down(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1: `abandoned` is how many still run."""
    timeout = Timeout(1.0, mode="thread")
    for _ in range(3):
        with pytest.raises(DeadlineExceededError):
            Pipeline(timeout).call(waiting(hang))
    counted = timeout.abandoned
    hang.set()

    assert counted == 3
    assert eventually(lambda: timeout.abandoned == 0)


def test_t1_beyond_max_abandoned_calls_are_refused(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1: every further call would hang too, so none is started; nobody counts that as a failure."""
    timeout, breaker = Timeout(1.0, mode="thread", max_abandoned=2), CircuitBreaker(failure_threshold=3)
    pipeline = Pipeline(breaker, timeout)
    ran: list[int] = []
    for _ in range(2):
        with pytest.raises(DeadlineExceededError):
            pipeline.call(waiting(hang))
    with pytest.raises(DeadlineExceededError, match="2 abandoned threads still run"):
        pipeline.call(ran.append, 1)

    assert (ran, virtual.time, breaker.state) == ([], 2.0, CircuitState.CLOSED)
    hang.set()
    assert eventually(lambda: timeout.abandoned == 0)
    pipeline.call(ran.append, 2)
    assert ran == [2]


def test_b4_a_hanging_call_is_a_failure_for_a_breaker_inside_at_once(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC B4, T1: the breaker opens while the thread still hangs."""
    breaker = CircuitBreaker(failure_threshold=1)
    with pytest.raises(DeadlineExceededError):
        Pipeline(Timeout(1.0, mode="thread"), breaker).call(waiting(hang))

    assert breaker.state is CircuitState.OPEN


def test_b4_an_inherited_deadline_is_nobodys_failure(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC B4, T1: an impatient caller opens no circuit."""
    breaker = CircuitBreaker(failure_threshold=1)
    with deadline.within(0.5), pytest.raises(DeadlineExceededError):
        Pipeline(Timeout(1.0, mode="thread"), breaker).call(waiting(hang))

    assert (breaker.state, breaker.snapshot()["ignored"]) == (CircuitState.CLOSED, 1)


@pytest.mark.parametrize("outcome", ["late", ConnectionError("late"), KeyboardInterrupt()])
def test_b3_the_late_end_of_the_thread_changes_nothing(virtual: VirtualClock, hang: threading.Event, outcome: object) -> None:
    """SPEC B3, T1: each permit is settled exactly once, by the timeout."""
    timeout, judge = Timeout(1.0, mode="thread"), Judge()
    with pytest.raises(DeadlineExceededError) as raised:
        Pipeline(timeout, judge).call(waiting(hang, outcome))
    hang.set()

    assert eventually(lambda: timeout.abandoned == 0)
    assert judge.settled == [raised.value]


def test_r3_a_retry_inside_does_not_go_on_in_the_abandoned_thread(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC R3, T1: nobody waits for a second attempt."""
    timeout = Timeout(1.0, mode="thread")
    calls: list[int] = []

    def function() -> None:
        calls.append(1)
        assert hang.wait(20.0)
        raise ConnectionError

    with record_events() as recorded, pytest.raises(DeadlineExceededError) as raised:
        Pipeline(timeout, Retry(5, constant(0))).call(function)
    hang.set()

    assert eventually(lambda: timeout.abandoned == 0)
    assert (calls, recorded.of(events.RetryScheduled)) == ([1], [])
    assert not hasattr(raised.value, "__notes__")


def test_t1_a_call_that_still_waits_in_a_queue_is_given_up_there(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1, T2: the function is not called after the deadline, and no place is lost."""
    bulkhead = Bulkhead(1, max_queue=1)
    holder = threading.Thread(target=lambda: Pipeline(bulkhead).call(waiting(hang)), daemon=True)
    holder.start()
    assert eventually(lambda: bulkhead.snapshot(0.0)["in_use"] == 1)
    ran: list[int] = []
    with pytest.raises(DeadlineExceededError):
        Pipeline(Timeout(1.0, mode="thread"), bulkhead).call(ran.append, 1)
    hang.set()
    holder.join()

    assert ran == []
    assert eventually(lambda: bulkhead.snapshot(0.0)["in_use"] == bulkhead.snapshot(0.0)["waiting"] == 0)


def test_b3_the_timeout_and_the_end_of_the_call_race_for_every_permit_once() -> None:
    """SPEC B3: in real threads, whoever comes first settles; the other one finds nothing."""
    timeout, judge = Timeout(0.002, mode="thread", max_abandoned=1000), Judge()
    pipeline = Pipeline(timeout, judge)
    pause = threading.Event()
    for _ in range(200):
        try:
            pipeline.call(pause.wait, 0.0015)
        except DeadlineExceededError:
            continue

    assert eventually(lambda: timeout.abandoned == 0)
    assert len(judge.settled) == len(judge.entered) > 0


def test_b3_a_call_ended_during_a_step_of_its_worker_ends_after_that_step() -> None:
    """SPEC B3: the worker is inside `enter` when the time is over: it settles the permit itself, and starts nothing."""
    entered, go_on = threading.Event(), threading.Event()
    judge = Judge()
    ran: list[int] = []

    class Slow(Policy):
        kind = "slow"

        def enter(self, call: object, now: float) -> object:
            entered.set()
            assert go_on.wait(20.0)
            return None

    timeout = Timeout(1.0, mode="thread")
    with VirtualClock(grace=0.1), pytest.raises(DeadlineExceededError):
        Pipeline(timeout, judge, Slow()).call(ran.append, 1)
    settled_before = list(judge.settled)
    go_on.set()

    assert entered.is_set()
    assert eventually(lambda: timeout.abandoned == 0)
    assert (settled_before, ran) == ([], [])
    assert [type(error) for error in judge.settled] == [DeadlineExceededError]


# Composition


def test_k1_a_fallback_outside_serves_when_the_call_hangs(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC K1, T1: the answer comes at the deadline, and says why it is degraded."""
    outcome = Pipeline(Fallback(value="cached"), Timeout(1.0, mode="thread")).execute(waiting(hang))

    assert (outcome.value, outcome.elapsed) == ("cached", 1.0)
    assert [label for label, _ in outcome.degraded_by] == ["Fallback"]


def test_r1_a_retry_outside_gives_every_attempt_its_own_time(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC R1, T1: a timeout inside a Retry bounds one attempt."""
    calls: list[float] = []

    def function() -> str:
        calls.append(clock.now())
        if len(calls) < 3:
            assert hang.wait(20.0)
        return "third"

    assert Pipeline(Retry(3, constant(0.5)), Timeout(1.0, mode="thread")).call(function) == "third"
    assert calls == [0.0, 1.5, 3.0]


def test_t1_timeouts_by_thread_nest(virtual: VirtualClock, hang: threading.Event) -> None:
    """SPEC T1: the inner one is the shorter, and the outer one gets its error."""
    outer, inner = Timeout(3.0, mode="thread"), Timeout(1.0, mode="thread")
    with pytest.raises(DeadlineExceededError) as raised:
        Pipeline(outer, inner).call(waiting(hang))

    assert (raised.value.policy, virtual.time) == (inner, 1.0)
    assert (outer.abandoned, inner.abandoned) == (0, 1)


def test_k1_the_outcome_tells_what_happened_in_the_worker() -> None:
    """SPEC K1, R6: attempts, delays and replaced answers below the boundary are the call's own."""
    numbers: list[int] = []

    def function() -> None:
        numbers.append(pipeline.current_attempt())
        raise ConnectionError

    pipeline = Pipeline(
        Timeout(60.0, mode="thread"), Fallback(value="served"), Retry(3, constant(0)), CircuitBreaker(), name="search"
    )
    with record_events() as recorded:
        outcome = pipeline.execute(function)

    assert outcome.value == "served"
    assert (outcome.attempts, outcome.delays) == (3, (0.0, 0.0))
    assert [label for label, _ in outcome.degraded_by] == ["Fallback"]
    assert numbers == [1, 2, 3]
    assert [event.attempt for event in recorded.of(events.CallFailed)] == [1, 2, 3]


def test_b5_a_refusal_inside_is_a_refusal_outside() -> None:
    """SPEC B5: a breaker outside does not take the open breaker inside for a failure."""
    inner, outer = CircuitBreaker(), CircuitBreaker(failure_threshold=1)
    inner.isolate()
    with record_events() as recorded, pytest.raises(Exception, match="isolated"):
        Pipeline(outer, Timeout(60.0, mode="thread"), inner).call(int)

    assert outer.state is CircuitState.CLOSED
    assert recorded.names() == ["CallRefused", "CallRaised"]


# The threads


def test_t1_threads_are_reused() -> None:
    """SPEC T1: one call after the other takes one thread."""
    seen = set()
    pipeline = Pipeline(Timeout(60.0, mode="thread"))
    for _ in range(50):
        seen.add(pipeline.call(threading.get_ident))
        assert eventually(lambda: len(workers._idle) > 0)

    assert len(seen) == 1


def test_t1_an_idle_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC T1: what is not needed does not stay."""
    workers._idle.clear()
    monkeypatch.setattr(workers, "IDLE", 0.01)
    thread = Pipeline(Timeout(60.0, mode="thread")).call(threading.current_thread)

    assert eventually(lambda: not thread.is_alive())
    assert workers._idle == []


def program(text: str) -> str:
    """What the program prints; it ends within the test's time."""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=15)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_t1_an_abandoned_thread_does_not_keep_the_interpreter() -> None:
    """SPEC T1: the program ends although a call hangs for ever."""
    text = """
import threading
from yaoki import DeadlineExceededError, Timeout
try:
    Timeout(0.01, mode="thread").call(threading.Event().wait)
except DeadlineExceededError:
    print("left")
"""

    assert program(text) == "left\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_t1_after_a_fork_there_are_new_threads_and_none_is_abandoned() -> None:
    """SPEC T1: threads do not survive a fork, so neither does their count."""
    text = """
import os, threading
from yaoki import DeadlineExceededError, Pipeline, Timeout
timeout = Timeout(0.5, mode="thread")
long = Pipeline(Timeout(60.0, mode="thread"))
try:
    Pipeline(timeout).call(threading.Event().wait)
except DeadlineExceededError:
    pass
long.call(int)
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, f"{timeout.abandoned} {long.call(int, '7')}".encode())
    os._exit(0)
os.waitpid(child, 0)
print(timeout.abandoned, os.read(read, 100).decode())
"""

    assert program(text) == "1 0 7\n"
