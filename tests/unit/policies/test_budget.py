"""SPEC R4: retries as a share of what succeeds: a blip is retried freely, an outage hardly at all."""

from __future__ import annotations

import sys
import threading

import pytest

from yaoki import Budget, Category, ConfigurationError, Fault, Pipeline, Recoverability, Retry, Severity, constant, events
from yaoki.testing import Recorded, Script, VirtualClock, run

pytestmark = pytest.mark.usefixtures("path", "virtual_clock")


class BusyError(Exception):
    """A refusal for want of capacity."""

    fault = Fault(Category.CAPACITY, Severity.WARNING, Recoverability.TRANSIENT, "busy")


def fail(pipeline: Pipeline, times: int = 1, error: type[Exception] = ConnectionResetError) -> int:
    """Calls that fail at every attempt; how many attempts they made."""
    dependency = Script(then=error)
    for _ in range(times):
        with pytest.raises(error):
            pipeline.call(dependency)
    return dependency.count


# --- the bucket ---------------------------------------------------------------------------------------------------------------


def test_r4_a_retry_takes_and_a_first_try_success_puts_back() -> None:
    """SPEC R4: 14 tokens for a retry, 1 for each call that succeeds at once, never more than there is room for."""
    budget = Budget(100)
    pipeline = Pipeline(Retry(2, constant(0.0), budget=budget))

    assert fail(pipeline) == 2
    assert budget.tokens == 86
    for _ in range(5):
        pipeline.call(Script("found"))
    assert budget.tokens == 91
    for _ in range(50):
        pipeline.call(Script("found"))
    assert budget.tokens == 100


def test_r4_a_throttled_retry_takes_less() -> None:
    """SPEC R4: 5 tokens after a refusal for want of capacity."""
    budget = Budget(100)

    fail(Pipeline(Retry(2, constant(0.0), budget=budget)), error=BusyError)

    assert budget.tokens == 95


def test_r4_success_after_retries_puts_back_what_the_last_one_took() -> None:
    """SPEC R4: two retries took 28; the one that helped gives its 14 back, and no first-try token comes on top."""
    budget = Budget(100)

    Pipeline(Retry(3, constant(0.0), budget=budget)).call(Script(ConnectionResetError, ConnectionResetError, "found"))

    assert budget.tokens == 86


def test_r4_success_at_a_brim_is_lost() -> None:
    """SPEC R4: a full bucket keeps nothing for later, however many calls have succeeded."""
    budget = Budget(50)
    pipeline = Pipeline(Retry(2, constant(0.0), budget=budget))
    for _ in range(1000):
        pipeline.call(Script("found"))

    fail(pipeline)

    assert budget.tokens == 36


def test_r4_a_first_try_failure_puts_nothing_back() -> None:
    """SPEC R4: what fails for good has no part in it."""
    budget = Budget(100)
    budget.take(throttled=False)

    fail(Pipeline(Retry(2, budget=budget)), error=ValueError)

    assert budget.tokens == 86


# --- in an outage -------------------------------------------------------------------------------------------------------------


def test_r4_in_an_outage_retries_stop() -> None:
    """SPEC R4: of 1000 failing calls the first 35 are retried; the load stays near one attempt for each call."""
    attempts = fail(Pipeline(Retry(2, constant(0.0))), times=1000)

    assert attempts == 1000 + 500 // 14


def test_r4_after_the_outage_successes_pay_for_retries_again() -> None:
    """SPEC R4: 14 good calls buy one retry."""
    pipeline = Pipeline(Retry(2, constant(0.0), budget=Budget(14)))
    assert fail(pipeline, times=3) == 4

    for good, attempts in ((13, 1), (14, 2)):
        for _ in range(good):
            pipeline.call(Script("found"))
        assert fail(pipeline) == attempts
        fail(pipeline)
        pipeline.policies[0].budget.take(throttled=True)  # type: ignore[attr-defined]  # the rest, so that each round starts at 0


def test_r4_a_refusal_by_the_budget_raises_the_real_error_without_waiting(
    virtual_clock: VirtualClock, yaoki_events: Recorded
) -> None:
    """SPEC R4, R5: asked before the wait; the call's own error with a note that says why, and an event."""
    budget = Budget(14)
    budget.take(throttled=False)
    error = ConnectionResetError("down")

    with pytest.raises(ConnectionResetError) as raised:
        Pipeline(Retry(3, constant(5.0), budget=budget)).call(Script(error))

    assert raised.value is error
    assert "budget" in error.__notes__[0]
    assert virtual_clock.sleeps == []
    assert [event.reason for event in yaoki_events.of(events.RetryGivenUp)] == ["budget"]
    assert budget.refused == 1


# --- whose budget -------------------------------------------------------------------------------------------------------------


def test_r4_each_retry_has_a_budget_of_its_own() -> None:
    """SPEC R4: on by default, 500 tokens; one dependency's outage does not take another's retries."""
    one, other = (Pipeline(Retry(2, constant(0.0))) for _ in range(2))

    fail(one, times=100)

    assert fail(other) == 2


def test_r4_a_budget_may_be_shared() -> None:
    """SPEC R4: two pipelines to one dependency bear its outage together."""
    budget = Budget(28)
    one, other = (Pipeline(Retry(2, constant(0.0), budget=budget)) for _ in range(2))

    assert (fail(one), fail(other), fail(one), fail(other)) == (2, 2, 1, 1)


def test_r4_none_switches_it_off() -> None:
    """SPEC R4: an explicit word."""
    assert fail(Pipeline(Retry(2, constant(0.0), budget=None)), times=100) == 200


def test_r4_a_coroutine_function_draws_on_the_same_budget() -> None:
    """SPEC R4: what is taken in a task is missing in a thread, and put back by either."""
    budget = Budget(28)
    pipeline = Pipeline(Retry(2, constant(0.0), budget=budget))

    async def main() -> None:
        with pytest.raises(ConnectionResetError):
            await pipeline.acall(Script(then=ConnectionResetError).asynchronous)  # type: ignore[arg-type]  # a coroutine function
        for _ in range(3):
            await pipeline.acall(Script("found").asynchronous)  # type: ignore[arg-type]  # a coroutine function

    run(main())

    assert budget.tokens == 17
    assert fail(pipeline) == 2
    assert budget.tokens == 3


@pytest.mark.parametrize("gil", [True, False], ids=["lock-free", "locked"])
def test_r4_threads_lose_no_token(gil: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC R4: of what four threads take and put back at once, everything is counted."""
    monkeypatch.setattr("yaoki.core.policies.budget.GIL", gil)
    budget = Budget(1_000_000, retry_cost=3)

    def retry_and_succeed() -> None:
        for _ in range(5_000):
            budget.take(throttled=False)
            budget.refund(1)
            if gil:
                budget.ok += 1
            else:
                budget.succeeded()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=retry_and_succeed) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)

    assert budget.tokens == 1_000_000 - 4 * 5_000 * (3 - 1 - 1)


def test_r4_the_snapshot_tells_the_tokens() -> None:
    """SPEC R4: visible: None while nothing was ever retried, then what is left and what was refused."""
    pipeline = Pipeline(Retry(2, constant(0.0), name="search"))
    retry = pipeline.policies[0]
    assert retry.snapshot(0.0)["budget_tokens"] is None

    fail(pipeline, times=40)

    assert retry.snapshot(0.0) == {"kind": "retry", "name": "search", "budget_tokens": 10, "budget_refused": 5}


# --- configuration ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        *(({"capacity": value}, "capacity") for value in (0, -1, 1.5, "500", True)),
        *(({"retry_cost": value}, "retry_cost") for value in (0, 1.5)),
        *(({"throttled_cost": value}, "throttled_cost") for value in (0, 1.5)),
        ({"capacity": 13}, "capacity"),
        ({"retry_cost": 501}, "retry_cost"),
        ({"throttled_cost": 501}, "throttled_cost"),
    ],
)
def test_r4_a_budget_that_allows_nothing_is_refused(parameters: dict[str, object], named: str) -> None:
    """SPEC R4: at construction, with the parameter's name."""
    with pytest.raises(ConfigurationError, match=named):
        Budget(**parameters)  # type: ignore[arg-type]  # wrong on purpose
