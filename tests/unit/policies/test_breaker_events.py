"""SPEC B2, O3: one event for each transition, and listeners change nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import CircuitBreaker, Pipeline, Timeout, calls, events
from yaoki.testing import Recorded, Script, VirtualClock, run, takes

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[[events.Event], object]], None]]:
    """Subscribe a listener for the length of the test."""
    ends = []
    yield lambda listener: ends.append(events.subscribe(listener))
    for end in ends:
        end()


def changes(recorded: Recorded) -> list[tuple[str, str]]:
    return [(event.previous, event.state) for event in recorded.of(events.CircuitChanged)]


def test_o3_every_transition_is_told_once(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC O3: opened, half-open, re-opened, half-open, closed, with the seconds and the count of openings in a row."""
    circuit = Circuit(failure_threshold=2, open_timeout=10.0, open_timeout_multiplier=3.0, name="search")

    circuit.fail(2)
    circuit.refusal()
    virtual_clock.advance(10.0)
    circuit.fail()
    virtual_clock.advance(30.0)
    circuit.succeed()

    told = [
        (each.previous, each.state, each.retry_after, each.opened_in_a_row) for each in yaoki_events.of(events.CircuitChanged)
    ]
    assert told == [
        ("closed", "open", 10.0, 1),
        ("open", "half_open", None, 1),
        ("half_open", "open", 30.0, 2),
        ("open", "half_open", None, 2),
        ("half_open", "closed", None, 0),
    ]
    assert {each.breaker for each in yaoki_events.of(events.CircuitChanged)} == {"search"}


def test_o3_two_trials_that_fail_together_open_once(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC B3: the second failure is one of an era that has ended."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, half_open_max_calls=2)
    circuit.fail()
    virtual_clock.advance(10.0)

    async def main() -> None:
        fails = Script(then=takes(1.0, ConnectionResetError)).asynchronous
        await asyncio.gather(circuit.pipeline.acall(fails), circuit.pipeline.acall(fails), return_exceptions=True)  # type: ignore[arg-type]

    run(main())

    assert changes(yaoki_events) == [("closed", "open"), ("open", "half_open"), ("half_open", "open")]
    assert (circuit["opened"], circuit["failures"]) == (2, 2)


def test_o3_a_success_is_never_told(yaoki_events: Recorded) -> None:
    """SPEC O1: successes are counted, not sent."""
    circuit = Circuit()

    circuit.succeed(10)

    assert yaoki_events == []
    assert circuit["successes"] == 10


def test_o3_a_listener_that_raises_changes_nothing(
    virtual_clock: VirtualClock, listen: Callable[[object], None], caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC O3: results, states and counts are the same; its errors are counted, and logged once."""

    def broken(event: events.Event) -> None:
        raise ZeroDivisionError(str(event))

    listen(broken)
    before = events.listener_errors()
    circuit = Circuit(failure_threshold=2, open_timeout=10.0)

    with caplog.at_level(logging.ERROR, "yaoki.events"):
        circuit.fail(2)
        circuit.refusal()
        virtual_clock.advance(10.0)
        circuit.succeed()

    assert (circuit.state, circuit["failures"], circuit["successes"], circuit["rejected"]) == ("closed", 2, 1, 1)
    # Two failed calls and one refusal, each of them raised; the opening, half-open, closed.
    assert events.listener_errors() - before == 9
    assert len(caplog.records) == 1


def test_o3_a_listener_sees_the_new_state(virtual_clock: VirtualClock, listen: Callable[[object], None]) -> None:
    """SPEC O3: it is told after the change and outside of the lock, so it may ask, and even call."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)
    seen: list[tuple[str, str]] = []

    def listener(event: events.Event) -> None:
        if isinstance(event, events.CircuitChanged):
            seen.append((event.state, circuit.state))
            if event.state == "open":
                circuit.refusal()

    listen(listener)
    circuit.fail()
    virtual_clock.advance(10.0)
    circuit.succeed()

    assert seen == [("open", "open"), ("half_open", "half_open"), ("closed", "closed")]


def test_o3_a_slow_listener_does_not_make_a_trial_hang(virtual_clock: VirtualClock, listen: Callable[[object], None]) -> None:
    """SPEC B2, O3: half_open_timeout is the trial's, not that of a listener who takes a minute to hear of it."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0, half_open_timeout=5.0)
    circuit.fail()
    virtual_clock.advance(10.0)
    listen(lambda event: virtual_clock.advance(60.0))

    circuit.succeed()

    assert circuit.state == "closed"


def test_o3_a_slow_listener_does_not_make_a_call_slow(virtual_clock: VirtualClock, listen: Callable[[object], None]) -> None:
    """SPEC B1, O3: slow_call_duration is the call's, not the listener's, in a trial and in a failure alike."""
    circuit = Circuit(
        slow_call_duration=2.0, slow_call_rate=0.5, failure_rate=1.0, window=calls(2), minimum_calls=2, open_timeout=10.0
    )
    listen(lambda event: virtual_clock.advance(60.0))
    circuit.succeed()
    circuit.fail()
    assert (circuit.state, circuit["window_slow_calls"]) == ("closed", 0)

    circuit.fail()
    assert circuit.state == "open"
    circuit.succeed()

    assert circuit.state == "closed"


def test_o3_a_slow_listener_does_not_use_up_a_timeout_further_in(
    virtual_clock: VirtualClock, listen: Callable[[object], None]
) -> None:
    """SPEC T1, O3: the Timeout of one attempt begins after the circuit has told its change."""
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=10.0)
    pipeline = Pipeline(breaker, Timeout(1.0))
    with pytest.raises(ConnectionResetError):
        pipeline.call(Script(ConnectionResetError))
    virtual_clock.advance(10.0)
    listen(lambda event: virtual_clock.advance(60.0))

    dependency = Script(takes(0.5, "found"))
    assert run(pipeline.acall(dependency.asynchronous)) == "found"  # type: ignore[arg-type]
    assert breaker.state == "closed"


def test_o3_an_interrupt_in_a_listener_gives_the_trial_back(
    virtual_clock: VirtualClock, listen: Callable[[object], None]
) -> None:
    """SPEC B2: KeyboardInterrupt while a listener hears of the half-open state does not leave the place taken."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)
    circuit.fail()
    virtual_clock.advance(10.0)
    interrupts = iter([KeyboardInterrupt])

    def interrupted(event: events.Event) -> None:
        for error in interrupts:
            raise error

    listen(interrupted)
    with pytest.raises(KeyboardInterrupt):
        circuit.pipeline.call(Script())

    assert circuit.state == "half_open"
    circuit.succeed()
    assert circuit.state == "closed"


def test_o3_an_event_is_ready_for_json(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC O3: names and facts; what has no JSON is text, an endless time is None."""
    peers = CircuitBreaker(failure_threshold=1, open_timeout=10.0, name="peer").keyed()
    state = peers[("host", 80)]
    with pytest.raises(ConnectionResetError):
        state.call(Script(ConnectionResetError))
    breaker = CircuitBreaker(name="by hand")
    breaker.isolate()

    opened, isolated = (each.to_dict() for each in yaoki_events.of(events.CircuitChanged))

    assert opened == {
        "event": "CircuitChanged",
        "breaker": "peer",
        "failures": 1,
        "key": "('host', 80)",
        "opened_in_a_row": 1,
        "previous": "closed",
        "retry_after": 10.0,
        "state": "open",
    }
    assert isolated["retry_after"] is None
