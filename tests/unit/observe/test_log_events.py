"""Every event has its record, at its level, once, with its classification."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import World
from tests.unit.observe.conftest import Log
from yaoki import (
    Bulkhead,
    Category,
    CircuitBreaker,
    Fallback,
    Fault,
    Hedge,
    Pipeline,
    Recoverability,
    Retry,
    Severity,
    Timeout,
    classify,
    constant,
    events,
)
from yaoki.core.faults.kinds import by_name
from yaoki.observe.log_events import subscribe_logs
from yaoki.testing import Script, VirtualClock, run, takes


class OddError(Exception):
    """One that nobody knows."""


# Calls


def test_o3_a_repeated_call_is_told_quietly_first_then_aloud(world: World, log: Log) -> None:
    """SPEC O3: DEBUG for the first retry, WARNING from the second on, with attempt, max_attempts, delay and error."""
    guard = Pipeline(Retry(4, constant(0.5)), name="search")

    world.call(guard, Script(ConnectionError, ConnectionError, ConnectionError, "found"))

    facts = ("attempt", "max_attempts", "delay_s", "error", "category", "pipeline")
    message = "call failed, a retry is scheduled"
    assert log.told(*facts[:2]) == [("DEBUG", message, 1, 4), ("WARNING", message, 2, 4), ("WARNING", message, 3, 4)]
    assert log.told(*facts[3:])[0] == ("DEBUG", message, "ConnectionError", "network", "search")
    assert all(0.0 <= record.delay_s <= 0.5 for record in log.records)  # type: ignore[attr-defined]  # an extra


def test_o3_given_up_is_an_error(world: World, log: Log) -> None:
    """SPEC O3: told once for the last attempt, with the reason."""
    with pytest.raises(ConnectionResetError):
        world.call(Pipeline(Retry(2, constant(0)), name="search"), Script(then=ConnectionResetError))

    assert log.told("attempts", "reason", "error")[1:] == [
        ("ERROR", "call failed, given up", 2, "attempts", "ConnectionResetError")
    ]
    assert len(log.records) == 2


def test_o3_given_up_with_a_fallback_is_a_warning(world: World, log: Log) -> None:
    """SPEC O3: with what served, and how often it was tried before."""
    guard = Pipeline(Fallback(value="served"), Retry(2, constant(0)), name="search")

    world.call(guard, Script(then=ConnectionResetError))

    assert log.told("strategy", "attempts", "reason", "error")[1:] == [
        ("WARNING", "call failed, a fallback served", "value", 2, "attempts", "ConnectionResetError")
    ]


def test_o3_a_fallback_that_fails_too_leaves_an_error(world: World, log: Log) -> None:
    """SPEC O3: of the failure that the caller sees."""

    def cached(*args: object) -> object:
        raise LookupError

    with pytest.raises(LookupError):
        world.call(Pipeline(Fallback(cached), Retry(2, constant(0))), Script(then=ConnectionResetError))

    assert ("ERROR", "call failed, given up", "LookupError") in log.told("error")


def test_o3_not_retryable_is_an_error(world: World, log: Log) -> None:
    """SPEC O3: told once."""
    with pytest.raises(KeyError):
        world.call(Pipeline(Retry(3, constant(0))), Script(KeyError))

    assert log.told("error", "recoverability") == [("ERROR", "call failed, not retryable", "KeyError", "fatal")]


@pytest.mark.parametrize("severity", list(Severity))
def test_o3_a_failure_that_nobody_would_repeat_is_told_at_its_severity(log: Log, severity: Severity) -> None:
    """SPEC O3: a pipeline without a Retry."""
    fault = Fault(Category.NETWORK, severity, Recoverability.TRANSIENT, "odd")

    with classified(OddError, fault), pytest.raises(OddError):
        Pipeline(CircuitBreaker()).call(Script(OddError).sync)

    assert log.told("severity") == [(severity.name, "call failed", severity.name.lower())]


def test_o3_a_critical_fault_is_critical_whatever_became_of_it(log: Log) -> None:
    """SPEC O3: a routing loop is told at CRITICAL, although a fallback served."""
    with classified(OddError, by_name["routing_loop"].fault()):
        Pipeline(Fallback(value="served")).call(Script(OddError).sync)

    assert log.told("error", "code") == [("CRITICAL", "call failed, a fallback served", "routing_loop", 206)]


def test_o3_a_refusal_is_told_quietly_and_once(world: World, log: Log) -> None:
    """SPEC O3: an open circuit may refuse thousands; its opening was told."""
    breaker = CircuitBreaker(name="search")
    breaker.isolate()
    log.records.clear()

    with pytest.raises(Exception, match="isolated"):
        world.call(Pipeline(breaker), Script("never"))
    world.call(Pipeline(Fallback(value="served"), breaker), Script("never"))

    assert log.told("error") == [
        ("DEBUG", "call refused", None),
        ("DEBUG", "call refused", None),
        ("DEBUG", "call refused, a fallback served", "circuit_open"),
    ]


def test_o3_a_failure_after_a_refusal_is_no_refusal(log: Log) -> None:
    """SPEC O3: what was refused before in this thread has nothing to do with it."""
    full = Pipeline(Bulkhead(1), name="search")
    with pytest.raises(Exception, match="no free place"):
        full.call(lambda: full.call(int))
    log.records.clear()

    Pipeline(Fallback(value="served"), name="search").call(Script(ConnectionError).sync)

    assert log.told() == [("WARNING", "call failed, a fallback served")]


def test_o3_calls_side_by_side_are_not_mixed_up(log: Log, virtual_clock: VirtualClock) -> None:
    """SPEC O3: one task gives up while another is served; each is told as what it was."""
    served = Pipeline(Fallback(value="served"), Retry(2, constant(1.0)), name="search")
    lost = Pipeline(Retry(2, constant(1.0)), name="other")

    async def main() -> None:
        await asyncio.gather(
            served.acall(Script(then=ConnectionError).asynchronous),
            lost.acall(Script(then=ConnectionResetError).asynchronous),
            return_exceptions=True,
        )

    run(main())

    final = [each for each in log.told("pipeline", "reason") if each[0] != "DEBUG"]
    assert sorted(final) == [
        ("ERROR", "call failed, given up", "other", "attempts"),
        ("WARNING", "call failed, a fallback served", "search", "attempts"),
    ]


def test_o3_a_hedge_is_told_quietly(log: Log, virtual_clock: VirtualClock) -> None:
    """SPEC O3: with the time after which it was started."""
    run(Pipeline(Hedge(delay=1.0), name="search").acall(Script(takes(5.0, "slow"), "quick").asynchronous))

    assert log.told("number", "delay_s") == [("DEBUG", "a second call is started beside a slow one", 1, 1.0)]


def test_o3_what_an_exception_says_is_not_told(log: Log) -> None:
    """SPEC X5: it may hold what a user sent."""
    with pytest.raises(ValueError, match="my password"):
        Pipeline(Timeout(1.0)).call(Script(ValueError("my password")).sync)

    assert all("my password" not in repr(vars(record)) for record in log.records)


# Circuits


def test_o3_a_recovery_can_be_followed_by_one_id(log: Log, virtual_clock: VirtualClock) -> None:
    """SPEC O3: opened, half-open, reopened, half-open, closed: breaker, failures, retry_after, and one id for all."""
    breaker = CircuitBreaker(failure_threshold=2, open_timeout=10.0, name="search")
    script = Script(ConnectionError, ConnectionError, ConnectionError, "found")
    for moment in (0.0, 0.0, 10.0, 20.0):
        virtual_clock.advance_to(virtual_clock.time if moment == 0.0 else max(virtual_clock.time, moment))
        breaker.execute(script.sync)

    circuits = [record for record in log.records if record.name == "yaoki.circuits"]

    assert [(record.levelname, record.getMessage()) for record in circuits] == [
        ("WARNING", "circuit opened"),
        ("INFO", "circuit half-open, a trial call is admitted"),
        ("WARNING", "circuit reopened"),
        ("INFO", "circuit half-open, a trial call is admitted"),
        ("INFO", "circuit closed"),
    ]
    assert {record.breaker for record in circuits} == {"search"}  # type: ignore[attr-defined]  # an extra
    assert len({record.recovery for record in circuits}) == 1  # type: ignore[attr-defined]  # an extra
    opened, reopened, closed = circuits[0], circuits[2], circuits[4]
    assert (opened.failures, opened.retry_after) == (2, 10.0)  # type: ignore[attr-defined]  # extras
    assert reopened.failures == 3  # type: ignore[attr-defined]  # an extra
    assert closed.open_for == 20.0  # type: ignore[attr-defined]  # an extra


def test_o3_the_next_recovery_has_an_id_of_its_own(log: Log, virtual_clock: VirtualClock) -> None:
    """SPEC O3: and so has that of another key."""
    peers = CircuitBreaker(failure_threshold=1, open_timeout=10.0, name="peer").keyed()
    for key, script in (("a", Script(ConnectionError, "found", ConnectionError)), ("b", Script(ConnectionError, "found"))):
        peers[key].execute(script.sync)
        virtual_clock.advance(10.0)
        peers[key].execute(script.sync)
        if key == "a":
            peers[key].execute(script.sync)

    circuits = [(record.key, record.recovery) for record in log.records if record.name == "yaoki.circuits"]  # type: ignore[attr-defined]  # extras

    assert [key for key, _ in circuits] == ["a", "a", "a", "a", "b", "b", "b"]
    assert len({recovery for _, recovery in circuits}) == 3


def test_o3_a_circuit_held_open_by_hand_is_told_as_that(log: Log) -> None:
    """SPEC O3: there is no time after which it would close."""
    breaker = CircuitBreaker(name="search")

    breaker.isolate()
    breaker.reset()

    assert log.told("retry_after") == [("WARNING", "circuit isolated by hand", None), ("INFO", "circuit closed", None)]


# Health and modes


def test_o3_a_check_that_fails_and_works_again_is_told(log: Log) -> None:
    """SPEC H2: at least at WARNING, with the classification."""
    fault = classify(ConnectionRefusedError())
    events.emit(events.CheckChanged(check="store", previous=True, ok=False, detail="secret text", fault=fault))
    events.emit(events.CheckChanged(check="store", previous=False, ok=True, detail=None, fault=None))

    assert log.told("check", "error") == [
        ("WARNING", "health check failed", "store", "ConnectionRefusedError"),
        ("INFO", "health check ok", "store", None),
    ]


def test_o3_a_mode_is_told(log: Log) -> None:
    """SPEC K2: a worse one at WARNING, the normal one at INFO."""
    events.emit(events.ModeChanged(service="chat", previous="normal", mode="static-only", after=12.3456))
    events.emit(events.ModeChanged(service="chat", previous="static-only", mode="normal", after=1.0))

    assert log.told("mode", "previous", "after_s") == [
        ("WARNING", "the service reports another mode", "static-only", "normal", 12.346),
        ("INFO", "the service reports another mode", "normal", "static-only", 1.0),
    ]


def test_o3_after_the_end_nothing_is_told(log: Log) -> None:
    """SPEC O3: the subscription ends with the function that it returned."""
    unsubscribe = subscribe_logs()
    unsubscribe()

    Pipeline(Fallback(value="served")).call(Script(ConnectionError).sync)

    assert len(log.records) == 1


@contextmanager
def classified(kind: type[Exception], fault: Fault) -> Iterator[None]:
    """A block in which this exception is classified as this fault."""
    remove = classify.register(kind, rule=fault)
    yield
    remove()
