"""SPEC B5: what a refused caller is told, and who serves instead."""

from __future__ import annotations

import pickle
import traceback

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import CircuitBreaker, CircuitOpenError, Fallback, Pipeline, Rejected, Retry
from yaoki.testing import Script, VirtualClock, run

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


def test_b5_says_which_breaker_since_when_and_how_long(virtual_clock: VirtualClock) -> None:
    """SPEC B5: the breaker, when it opened, and the seconds until a retry makes sense, as of the moment of asking."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0, name="search")
    virtual_clock.advance(100.0)
    circuit.fail()
    virtual_clock.advance(10.0)

    refusal = circuit.refusal()

    assert isinstance(refusal, Rejected)
    assert (refusal.policy, refusal.key, refusal.since, refusal.retry_after) == (circuit.breaker, None, 100.0, 20.0)
    assert "'search'" in str(refusal)
    assert "10 s" in str(refusal)
    assert "20 s" in str(refusal)
    virtual_clock.advance(15.0)
    assert refusal.retry_after == 5.0


def test_b5_says_which_key() -> None:
    """SPEC B5, B7: of a keyed breaker the refusal names the key."""
    peers = CircuitBreaker(failure_threshold=1, name="peer").keyed()
    with pytest.raises(ConnectionResetError):
        peers["p1"].call(Script(ConnectionResetError))

    with pytest.raises(CircuitOpenError) as refused:
        peers["p1"].call(Script())

    assert refused.value.key == "p1"
    assert "'p1'" in str(refused.value)


def test_b5_while_a_trial_runs_the_wait_is_until_it_would_hang(virtual_clock: VirtualClock) -> None:
    """SPEC B5: a half-open circuit refuses with the time after which the place is free at the latest."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0, half_open_timeout=8.0)
    circuit.fail()
    virtual_clock.advance(30.0)

    def trial() -> CircuitOpenError:
        virtual_clock.advance(3.0)
        return circuit.refusal()

    refusal = circuit.pipeline.call(trial)

    assert (refusal.since, refusal.args[1]) == (0.0, 38.0)
    assert "half-open" in str(refusal)


def test_b5_an_isolated_circuit_tells_no_time() -> None:
    """SPEC B5, B6: a person holds it open, so nobody knows when a retry makes sense."""
    circuit = Circuit()
    circuit.breaker.isolate()

    refusal = circuit.refusal()

    assert refusal.retry_after is None
    assert "isolated" in str(refusal)


def test_b5_a_coroutine_function_is_refused_alike() -> None:
    """SPEC B5: awaiting gives the same refusal, and the function is not called."""
    circuit = Circuit(failure_threshold=1)
    circuit.fail()
    dependency = Script()

    async def main() -> None:
        with pytest.raises(CircuitOpenError):
            await circuit.pipeline.acall(dependency.asynchronous)  # type: ignore[arg-type]

    run(main())

    assert dependency.count == 0


def test_b5_a_refusal_survives_pickling() -> None:
    """SPEC B5: sent to another process it still says who refused, why and how long."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0, name="search")
    circuit.fail()

    back = pickle.loads(pickle.dumps(circuit.refusal()))

    assert isinstance(back, CircuitOpenError)
    assert back.retry_after == 30.0
    assert "'search'" in str(back)


def test_b5_a_refusal_counts_as_refused_and_as_nothing_else() -> None:
    """SPEC B5, B6: refusals are neither failures nor ignored, and do not lengthen the wait."""
    circuit = Circuit(failure_threshold=1, open_timeout=30.0)
    circuit.fail()

    waits = {circuit.refusal().retry_after for _ in range(7)}

    assert waits == {30.0}
    assert (circuit["rejected"], circuit["failures"], circuit["ignored"]) == (7, 1, 0)


def test_b5_a_fallback_serves_a_failure_and_a_refusal_with_the_same_arguments() -> None:
    """SPEC B5: the failure is counted first, then the fallback answers; the refusal as well."""
    breaker = CircuitBreaker(failure_threshold=1)
    pipeline = Pipeline(Fallback(lambda question, *, lang: f"no answer to {question} ({lang})"), breaker)
    dependency = Script(ConnectionResetError)

    answers = [pipeline.call(dependency, "why", lang="en") for _ in range(3)]

    assert answers == ["no answer to why (en)"] * 3
    assert (dependency.count, breaker.state, breaker.snapshot()["rejected"]) == (1, "open", 2)


def test_b5_a_retry_does_not_hammer_an_open_circuit(virtual_clock: VirtualClock) -> None:
    """SPEC B5, R4: one refusal, no sleep; and the attempt that opens the circuit is given up with the real error."""
    breaker = CircuitBreaker(failure_threshold=2, open_timeout=30.0)
    pipeline = Pipeline(Retry(5), breaker)
    dependency = Script(then=ConnectionResetError)

    with pytest.raises(ConnectionResetError):
        pipeline.call(dependency)
    assert (dependency.count, len(virtual_clock.sleeps)) == (2, 1)
    with pytest.raises(CircuitOpenError):
        pipeline.call(dependency)

    assert (dependency.count, len(virtual_clock.sleeps), breaker.snapshot()["rejected"]) == (2, 1, 1)


def test_b5_a_refusal_adds_few_frames_and_no_context() -> None:
    """SPEC B5: the traceback of a refusal is short, and leads to nothing else."""
    circuit = Circuit(failure_threshold=1)
    circuit.fail()
    guarded = circuit.pipeline(Script())

    with pytest.raises(CircuitOpenError) as refused:
        guarded()

    assert refused.value.__context__ is None
    assert len(traceback.extract_tb(refused.value.__traceback__)) <= 3
