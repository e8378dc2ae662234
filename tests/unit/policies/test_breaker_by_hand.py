"""SPEC B6, H1: isolate, force closed, reset; and what a circuit tells about itself."""

from __future__ import annotations

import json

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import calls, events, seconds
from yaoki.testing import Recorded, Script, VirtualClock, takes

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")

EVERY_WINDOW = pytest.mark.parametrize(
    "parameters",
    [
        {"failure_threshold": 3},
        {"failure_threshold": 3, "failure_window": 10.0},
        {"failure_rate": 0.5, "window": calls(10), "minimum_calls": 3},
        {"failure_rate": 0.5, "window": seconds(10.0), "minimum_calls": 3},
        {"slow_call_duration": 1.0, "slow_call_rate": 0.5, "window": calls(10), "minimum_calls": 3},
        {"slow_call_duration": 1.0, "slow_call_rate": 0.5, "window": seconds(10.0), "minimum_calls": 3},
    ],
    ids=["consecutive", "burst", "calls", "seconds", "slow calls", "slow seconds"],
)


def named(recorded: Recorded) -> list[tuple[str, str]]:
    return [(event.previous, event.state) for event in recorded.of(events.CircuitChanged)]


# --- isolate ------------------------------------------------------------------------------------------------------------------


def test_b6_an_isolated_circuit_stays_open(virtual_clock: VirtualClock) -> None:
    """SPEC B6: forced open, until a person says otherwise, not until some time."""
    circuit = Circuit(open_timeout=10.0)

    circuit.breaker.isolate()
    virtual_clock.advance(3600.0 * 24 * 365)

    circuit.refusal()
    assert (circuit.state, circuit["forced"]) == ("open", True)
    circuit.breaker.reset()
    circuit.succeed()
    assert (circuit.state, circuit["forced"]) == ("closed", False)


def test_b6_isolating_an_open_circuit_holds_it_open(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC B6: it opened by itself, and a person wants it to stay so; the state does not change, so nothing is told."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)
    circuit.fail()

    circuit.breaker.isolate()
    circuit.breaker.isolate()
    virtual_clock.advance(100.0)

    circuit.refusal()
    assert named(yaoki_events) == [("closed", "open")]
    assert [each["state"] for each in circuit["transitions"]] == ["open"]  # type: ignore[attr-defined]


def test_b6_a_trial_under_way_cannot_end_an_isolation(virtual_clock: VirtualClock) -> None:
    """SPEC B6, B3: the trial's success comes after the circuit was isolated, and closes nothing."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)
    circuit.fail()
    virtual_clock.advance(10.0)

    circuit.pipeline.call(circuit.breaker.isolate)

    assert (circuit.state, circuit["forced"]) == ("open", True)
    circuit.refusal()


# --- force closed -------------------------------------------------------------------------------------------------------------


@EVERY_WINDOW
def test_b6_a_circuit_held_closed_never_opens(virtual_clock: VirtualClock, parameters: dict[str, object]) -> None:
    """SPEC B6: forced closed, whatever fails and however slow it is; it is counted all the same."""
    circuit = Circuit(**parameters)
    circuit.fail()

    circuit.breaker.force_close()
    for _ in range(30):
        circuit.fail()
        circuit.pipeline.call(Script(takes(5.0)))
        circuit.succeed()

    assert (circuit.state, circuit["forced"]) == ("closed", True)
    assert (circuit["failures"], circuit["successes"]) == (31, 60)


@EVERY_WINDOW
def test_b6_after_a_reset_the_circuit_counts_anew(parameters: dict[str, object]) -> None:
    """SPEC B6: what failed before the reset has no part in the next decision; the totals stay."""
    circuit = Circuit(**parameters)
    circuit.breaker.force_close()
    circuit.fail(20)

    circuit.breaker.reset()
    circuit.fail(2)
    assert circuit.state == "closed"
    circuit.fail()

    assert (circuit.state, circuit["failures"], circuit["forced"]) == ("open", 23, False)


def test_b6_forcing_an_open_circuit_closed_admits_at_once() -> None:
    """SPEC B6: the person knows better than the clock."""
    circuit = Circuit(failure_threshold=1, open_timeout=3600.0)
    circuit.fail()
    circuit.refusal()

    circuit.breaker.force_close()

    circuit.succeed()


# --- reset --------------------------------------------------------------------------------------------------------------------


def test_b6_reset_ends_growth_and_streaks(virtual_clock: VirtualClock) -> None:
    """SPEC B6, B2: the next opening is the first in a row."""
    circuit = Circuit(failure_threshold=2, open_timeout=10.0, open_timeout_multiplier=2.0)
    circuit.fail(2)
    virtual_clock.advance(10.0)
    circuit.fail()
    assert circuit["opened_in_a_row"] == 2

    circuit.breaker.reset()
    circuit.fail()
    circuit.breaker.reset()
    circuit.fail()
    assert (circuit.state, circuit["opened_in_a_row"]) == ("closed", 0)
    circuit.fail()

    assert circuit.refusal().retry_after == 10.0
    assert (circuit["opened_in_a_row"], circuit["opened"]) == (1, 3)


def test_b6_by_hand_is_told_like_any_other_transition(yaoki_events: Recorded) -> None:
    """SPEC B6, O3: one event where the state changes, none where it does not."""
    circuit = Circuit()
    breaker = circuit.breaker

    breaker.reset()
    breaker.force_close()
    breaker.isolate()
    breaker.force_close()
    breaker.reset()

    assert named(yaoki_events) == [("closed", "open"), ("open", "closed")]
    assert [each["state"] for each in circuit["transitions"]] == ["open", "closed"]  # type: ignore[attr-defined]


# --- the report ---------------------------------------------------------------------------------------------------------------


def test_h1_a_fresh_circuit_reports_nothing() -> None:
    """SPEC H1: all counts are zero, all times are None."""
    snapshot = Circuit(name="search").breaker.snapshot()

    assert snapshot == {
        "kind": "circuit_breaker",
        "name": "search",
        "key": None,
        "state": "closed",
        "forced": False,
        "successes": 0,
        "failures": 0,
        "ignored": 0,
        "rejected": 0,
        "consecutive_failures": 0,
        "consecutive_successes": 0,
        "window_calls": 0,
        "window_failures": 0,
        "window_slow_calls": 0,
        "opened": 0,
        "opened_in_a_row": 0,
        "open_for": None,
        "retry_after": None,
        "transitions": [],
    }


def test_h1_every_call_is_in_one_count(virtual_clock: VirtualClock) -> None:
    """SPEC H1: successes, failures, ignored and rejected add up to the calls, through every state."""
    circuit = Circuit(failure_threshold=2, open_timeout=10.0, success_threshold=2)
    circuit.succeed(3)
    circuit.fail(error=ValueError)
    circuit.fail(2)
    for _ in range(3):
        circuit.refusal()
    virtual_clock.advance(10.0)
    circuit.succeed()
    circuit.fail(error=ValueError)
    circuit.fail()
    circuit.refusal()
    virtual_clock.advance(10.0)
    circuit.succeed(2)
    circuit.succeed()

    counts = tuple(circuit[name] for name in ("successes", "failures", "ignored", "rejected"))

    assert counts == (7, 3, 2, 4)
    assert (circuit["opened"], circuit["opened_in_a_row"]) == (2, 0)


def test_h1_the_history_tells_the_transitions_in_wall_time(virtual_clock: VirtualClock) -> None:
    """SPEC B6, H1: what the circuit went through, the latest sixteen, for people who look at clocks on walls."""
    circuit = Circuit(failure_threshold=1, open_timeout=10.0)
    start = virtual_clock.wall()
    circuit.fail()
    virtual_clock.advance(10.0)
    circuit.succeed()
    assert circuit["transitions"] == [
        {"at": start, "state": "open"},
        {"at": start + 10.0, "state": "half_open"},
        {"at": start + 10.0, "state": "closed"},
    ]

    for _ in range(10):
        circuit.fail()
        virtual_clock.advance(10.0)
        circuit.succeed()

    assert len(circuit["transitions"]) == 16  # type: ignore[arg-type]


@EVERY_WINDOW
def test_h1_streaks_are_told(parameters: dict[str, object]) -> None:
    """SPEC H1: consecutive failures and successes, whatever the circuit counts; one of them is zero."""
    circuit = Circuit(**parameters)

    def streaks() -> tuple[object, object]:
        return circuit["consecutive_failures"], circuit["consecutive_successes"]

    assert streaks() == (0, 0)
    circuit.succeed(4)
    assert streaks() == (0, 4)
    circuit.fail(2)
    assert streaks() == (2, 0)
    circuit.succeed()
    assert streaks() == (0, 1)


def test_h1_an_open_circuit_tells_its_failures_and_its_times(virtual_clock: VirtualClock) -> None:
    """SPEC H1: how long it has been open, how long it will be, and how many failures in a row led there."""
    circuit = Circuit(failure_threshold=2, open_timeout=10.0)
    circuit.fail(2)
    virtual_clock.advance(4.0)
    assert (circuit["open_for"], circuit["retry_after"], circuit["consecutive_failures"]) == (4.0, 6.0, 2)

    virtual_clock.advance(6.0)
    circuit.fail()

    assert (circuit["open_for"], circuit["retry_after"], circuit["consecutive_failures"]) == (0.0, 10.0, 3)


def test_h1_a_trial_that_succeeded_is_a_success_in_a_row(virtual_clock: VirtualClock) -> None:
    """SPEC H1: half-open, with one of three successes; the failure after it is the first in a row."""
    circuit = Circuit(failure_threshold=4, open_timeout=10.0, success_threshold=3)
    circuit.fail(4)
    virtual_clock.advance(10.0)

    circuit.succeed()
    assert (circuit["consecutive_failures"], circuit["consecutive_successes"]) == (0, 1)
    circuit.fail()
    assert (circuit["consecutive_failures"], circuit["consecutive_successes"]) == (1, 0)


@EVERY_WINDOW
def test_h1_a_snapshot_is_ready_for_json(virtual_clock: VirtualClock, parameters: dict[str, object]) -> None:
    """SPEC H1: in every state, isolated too."""
    circuit = Circuit(**parameters, open_timeout=10.0)
    states = []

    def look() -> None:
        states.append(json.loads(json.dumps(circuit.breaker.snapshot(), allow_nan=False))["state"])

    look()
    circuit.fail(3)
    look()
    virtual_clock.advance(10.0)
    circuit.pipeline.call(look)
    circuit.breaker.isolate()
    look()

    assert states == ["closed", "open", "half_open", "open"]
