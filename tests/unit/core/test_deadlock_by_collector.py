"""SPEC B3: the garbage collector may run anybody's destructor in the middle of a locked region, and that may use the same circuit.

An abandoned generator that holds a trial gives it back in its destructor; a `__del__` may even make a guarded call. Neither may wait
for the lock that its own thread holds, nor find the circuit half changed.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from types import FrameType

import pytest

from tests.unit.policies.by_hand import a_call
from yaoki import Budget, CircuitBreaker, CircuitOpenError, Pipeline, calls, seconds
from yaoki.core.clock import clock
from yaoki.core.interpreter import lock_of
from yaoki.core.policies.breaker_states import History, Lease
from yaoki.core.windows import Window
from yaoki.testing import Script, VirtualClock

pytestmark = pytest.mark.usefixtures("virtual_clock")


# --- the collector itself -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _eager_collector() -> Iterator[None]:
    """What is alive now is never looked at, so that a collection every few allocations costs little."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def in_a_cycle(thing: object) -> None:
    """Leave `thing` to the garbage collector: nobody refers to it but itself."""
    cycle = [thing]
    cycle.append(cycle)


def half_open(virtual_clock: VirtualClock, **parameters: object) -> CircuitBreaker:
    breaker = CircuitBreaker(**{"failure_threshold": 1, "open_timeout": 1.0, **parameters})  # type: ignore[arg-type]
    with pytest.raises(ConnectionResetError):
        breaker.call(Script(ConnectionResetError))
    virtual_clock.advance(1.0)
    return breaker


def attempt(pipeline: Pipeline | CircuitBreaker, fn: Callable[[], object]) -> None:
    try:
        pipeline.call(fn)
    except (CircuitOpenError, ConnectionResetError):
        return


@pytest.mark.usefixtures("_eager_collector")
def test_b3_abandoned_trials_are_given_back_whenever_the_collector_comes(virtual_clock: VirtualClock) -> None:
    """SPEC B3: at every pace of the collector, a stream that holds the only trial is closed while others ask for it."""
    breaker = half_open(virtual_clock, success_threshold=10**9)
    pipeline = Pipeline(breaker)

    @pipeline
    def stream() -> Iterator[int]:
        yield 1
        yield 2

    reached = 0

    def dependency() -> None:
        nonlocal reached
        reached += 1

    for pace in range(1, 401):
        gc.set_threshold(pace)
        held = stream()
        assert next(held) == 1
        in_a_cycle(held)
        del held
        for _ in range(40):
            attempt(pipeline, dependency)
        gc.set_threshold(0)
        gc.collect()

    # Each round ended with the trial free again, or its stream could not have started in the next one.
    assert breaker.state == "half_open"
    assert reached >= 400


@pytest.mark.usefixtures("_eager_collector")
@pytest.mark.parametrize("outcome", [None, ConnectionResetError])
def test_b3_a_destructor_may_make_a_guarded_call_whenever_the_collector_comes(
    virtual_clock: VirtualClock, outcome: type[Exception] | None
) -> None:
    """SPEC B3: it succeeds, fails or is refused as at any other moment, and the circuit changes legally."""
    breaker = half_open(virtual_clock, open_timeout=0.5)
    history = breaker.history = History()
    history.transitions = deque()
    pipeline = Pipeline(breaker)
    destroyed = 0

    class Farewell:
        def __del__(self) -> None:
            nonlocal destroyed
            destroyed += 1
            attempt(pipeline, Script(outcome))

    for pace in range(1, 401):
        gc.set_threshold(pace)
        for _ in range(4):
            in_a_cycle(Farewell())
            attempt(pipeline, Script(ConnectionResetError))
            virtual_clock.advance(0.2)
        gc.set_threshold(0)
    gc.collect()

    states = [state.value for _, state in history.transitions]
    assert destroyed == 1600
    assert all(one != other for one, other in pairwise(states))
    assert history.opened == states.count("open")


# --- at every single step -----------------------------------------------------------------------------------------------------


def disturbed(action: Callable[[], object], disturb: Callable[[], object], at: int) -> bool:
    """Run `action`, and `disturb` in the middle of it: at its step number `at` in the core. False if it has fewer steps.

    The steps are those at which CPython may run the garbage collector: the entry of a function, the return from a built-in one.
    """
    steps = 0

    def step(frame: FrameType, event: str, arg: object) -> None:
        nonlocal steps
        if event in ("call", "c_return") and "/yaoki/core/" in frame.f_code.co_filename.replace("\\", "/"):
            steps += 1
            if steps == at:
                disturb()

    before = sys.getprofile()
    sys.setprofile(step)
    try:
        action()
    finally:
        sys.setprofile(before)
    return steps >= at


WINDOWS: dict[str, dict[str, object]] = {
    "consecutive": {"failure_threshold": 2},
    "burst": {"failure_threshold": 2, "failure_window": 100.0},
    "calls": {"failure_rate": 0.5, "window": calls(2), "minimum_calls": 2},
    "seconds": {"failure_rate": 0.5, "window": seconds(100.0), "minimum_calls": 2},
}


class Disturbed:
    """A circuit before an operation that will be disturbed; all of its transitions are kept."""

    def __init__(self, virtual_clock: VirtualClock, state: str, parameters: dict[str, object]) -> None:
        self.breaker = CircuitBreaker(**parameters, open_timeout=10.0, half_open_timeout=5.0)  # type: ignore[arg-type]
        self.history = self.breaker.history = History()
        self.history.transitions = deque()
        self.pipeline = Pipeline(self.breaker)
        self.held: list[object] = []
        self.counted = 0
        self.call(ConnectionResetError)
        if state != "closed":
            self.call(ConnectionResetError)
            virtual_clock.advance(10.0)
        if state == "hanging":
            self.hold()
            virtual_clock.advance(5.0)

    def call(self, outcome: object) -> None:
        attempt(self.pipeline, Script(outcome))
        self.counted += 1

    def hold(self) -> None:
        """Ask for a permit and keep it."""
        self.held.append(self.breaker.enter(a_call(self.breaker), clock.now()))

    def trials(self) -> int:
        """Permits of the present half-open era that are held."""
        return sum(isinstance(permit, Lease) and not permit.done and permit.era is self.breaker.shut for permit in self.held)

    def check(self) -> None:
        states = ["closed", *(state.value for _, state in self.history.transitions)]
        assert all(one != other for one, other in pairwise(states)), states
        assert all(one == "open" for one, other in pairwise(states) if other == "half_open"), states
        assert states[-1] == self.breaker.state


OPERATIONS: dict[str, Callable[[Disturbed], object]] = {
    "succeeds": lambda circuit: circuit.call(None),
    "fails": lambda circuit: circuit.call(ConnectionResetError),
    "holds": lambda circuit: circuit.hold(),
    "resets": lambda circuit: circuit.breaker.reset(),
    "isolates": lambda circuit: circuit.breaker.isolate(),
}


@pytest.mark.parametrize("compiled", ["1", "0"], ids=["generated", "driver"])
@pytest.mark.parametrize(
    ("state", "window"),
    [*(("closed", window) for window in WINDOWS), ("open", "consecutive"), ("open", "seconds"), ("hanging", "consecutive")],
)
def test_b3_a_disturbance_at_any_step_leaves_the_circuit_whole(
    virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, compiled: str, state: str, window: str
) -> None:
    """SPEC B3: no step of an operation is one at which another may not come in: states alternate legally, no trial too many."""
    monkeypatch.setenv("YAOKI_COMPILE", compiled)
    steps = 0
    for name, operation in OPERATIONS.items():
        for disturbing, disturbance in OPERATIONS.items():
            for at in count(1):
                circuit = Disturbed(virtual_clock, state, WINDOWS[window])
                if not disturbed(lambda: operation(circuit), lambda: disturbance(circuit), at):  # noqa: B023  # called here
                    break
                circuit.check()
                assert circuit.trials() <= 1, (name, disturbing, at)
                steps += 1
    assert steps > 500


@pytest.mark.parametrize("state", ["open", "hanging"])
def test_b3_whoever_is_admitted_is_admitted_by_the_present_era(virtual_clock: VirtualClock, state: str) -> None:
    """SPEC B3: what came in while a permit was being made is known to whoever gets it: no trial of an era that has ended."""
    disturbed_under_lock = 0
    for disturbance in OPERATIONS.values():
        for at in count(1):
            circuit = Disturbed(virtual_clock, state, WINDOWS["consecutive"])
            locked: list[bool] = []

            def disturb(circuit: Disturbed = circuit, locked: list[bool] = locked) -> None:
                locked.append(lock_of(circuit.breaker)._is_owned())  # type: ignore[attr-defined]  # as threading's own Condition
                disturbance(circuit)  # noqa: B023  # called here

            if not disturbed(circuit.hold, disturb, at):
                break
            permit = circuit.held[-1]
            if locked == [True] and disturbance is not OPERATIONS["holds"]:
                disturbed_under_lock += 1
                assert not isinstance(permit, Lease) or permit.era is circuit.breaker.era
                assert not isinstance(permit, Window) or permit is circuit.breaker.closed
    assert disturbed_under_lock > 50


def test_h1_the_first_thing_to_tell_is_told_once() -> None:
    """SPEC H1: a circuit that has no history yet makes one, and a destructor that comes in between does not lose what it counts."""
    for at in count(1):
        breaker = CircuitBreaker()

        def ignored(breaker: CircuitBreaker = breaker) -> None:
            permit = breaker.enter(a_call(breaker), 0.0)
            breaker.leave(a_call(breaker), permit, ValueError(), 0.0)

        if not disturbed(ignored, ignored, at):
            break
        assert breaker.snapshot()["ignored"] == 2


def test_r4_a_disturbance_at_any_step_leaves_the_budget_whole() -> None:
    """SPEC R4: tokens taken by a destructor are not put back by the call that it came in."""
    operations: list[Callable[[Budget], object]] = [
        lambda budget: budget.take(throttled=False),
        lambda budget: budget.take(throttled=True),
        lambda budget: budget.refund(3),
        lambda budget: budget.succeeded(),
    ]
    for operation in operations:
        for disturbance in operations:
            for at in count(1):
                budget, undisturbed = Budget(100), Budget(100)
                for each in (budget, undisturbed):
                    each.take(throttled=False)
                    each.ok += 2
                if not disturbed(lambda: operation(budget), lambda: disturbance(budget), at):  # noqa: B023  # called here
                    break
                operation(undisturbed)
                disturbance(undisturbed)
                assert budget.tokens == undisturbed.tokens
