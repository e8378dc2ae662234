"""SPEC R5: cancellation, KeyboardInterrupt and their like are never retried, counted or swallowed, whatever a predicate says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import World
from yaoki import Bulkhead, CircuitBreaker, Fallback, Pipeline, Retry, Timeout, constant
from yaoki.testing import Script, VirtualClock, record_events, run, takes

NOW = constant(0.0)

PREDICATES: dict[str, Any] = {
    "default": {},
    "negated": {"retry_on": lambda error: not isinstance(error, ValueError)},
    "everything": {"retry_on": lambda error: True},
    "base_type": {"retry_on": BaseException},
    "named": {"retry_on": (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)},
}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
@pytest.mark.parametrize("predicate", PREDICATES)
def test_r5_what_is_no_exception_is_never_retried(either_path: str, error: type[BaseException], predicate: str) -> None:
    """SPEC R5: a plain call ends at once, the very object comes out."""
    thrown = error("out")
    script = Script(then=thrown)
    guarded = Pipeline(Fallback(value=0, on=BaseException), Retry(5, NOW, wrap=True, **PREDICATES[predicate]))(script.sync)
    with pytest.raises(error) as raised:
        guarded()

    assert raised.value is thrown
    assert script.count == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("predicate", PREDICATES)
def test_r5_nor_in_a_coroutine(either_path: str, error: type[BaseException], predicate: str) -> None:
    """SPEC R5: the same, driven by hand, since an event loop has its own way with these."""
    script = Script(then=error("out"))
    coroutine = Retry(5, NOW, **PREDICATES[predicate])(script.asynchronous)()
    with pytest.raises(error):
        coroutine.send(None)

    assert script.count == 1


@pytest.mark.parametrize("predicate", PREDICATES)
def test_r5_a_cancelled_task_ends_at_once(either_path: str, virtual_clock: VirtualClock, predicate: str) -> None:
    """SPEC R5: one attempt, and the task is cancelled."""
    script = Script(then=takes(60.0))
    guarded = Pipeline(Fallback(value=0, on=BaseException), Retry(5, NOW, **PREDICATES[predicate]))(script.asynchronous)

    async def main() -> bool:
        task = asyncio.create_task(guarded())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())
    assert script.count == 1
    assert virtual_clock.time == 1.0


def test_r5_a_task_cancelled_in_its_backoff_ends_at_once(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R5: the wait is cut; places further out go back; nothing is judged."""
    script = Script(then=ConnectionError)
    bulkhead, breaker = Bulkhead(3), CircuitBreaker(failure_threshold=9)
    with pytest.warns(UserWarning, match="keeps its place while it waits"):
        pipeline = Pipeline(bulkhead, Retry(5, constant(60.0)), breaker)

    async def main() -> bool:
        task = asyncio.create_task(pipeline.acall(script.asynchronous))
        await asyncio.sleep(1.0)
        assert bulkhead.snapshot(0.0)["in_use"] == 1
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main())
    assert script.count == 1
    assert bulkhead.snapshot(0.0)["in_use"] == 0
    assert breaker.snapshot()["failures"] == 1


def test_r5_a_keyboard_interrupt_in_a_backoff_ends_at_once(either_path: str, virtual_clock: VirtualClock) -> None:
    """SPEC R5: the same for threads."""
    bulkhead = Bulkhead(3)
    with pytest.warns(UserWarning, match="keeps its place while it waits"):
        pipeline = Pipeline(bulkhead, Retry(5, constant(60.0)))
    script = Script(then=ConnectionError)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("yaoki.core.clock.clock.sleep", Script(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pipeline.call(script.sync)

    assert script.count == 1
    assert bulkhead.snapshot(0.0)["in_use"] == 0


def test_r5_cancellation_is_neutral_for_every_policy(world: World) -> None:
    """SPEC R5, B4: not a failure, not a success, no event; the places go back."""
    breaker, bulkhead, retry = CircuitBreaker(failure_threshold=1), Bulkhead(1), Retry(3, NOW)
    guard = Pipeline(Fallback(value=0), Timeout(9.0), retry, breaker, bulkhead, Timeout(5.0))
    with record_events() as events, pytest.raises(asyncio.CancelledError):
        world.guard(guard, Script(asyncio.CancelledError))()

    assert events == []
    assert (breaker.snapshot()["failures"], breaker.snapshot()["successes"]) == (0, 0)
    assert bulkhead.snapshot(0.0)["in_use"] == 0
    assert retry.snapshot(0.0)["budget_tokens"] is None


def test_r5_the_future_of_work_that_was_called_off_is_not_retried(world: World) -> None:
    """SPEC R5, F3: concurrent.futures has a CancelledError of its own, which is an Exception; the classifier knows it."""
    from concurrent.futures import CancelledError

    script = Script(then=CancelledError)
    with pytest.raises(CancelledError):
        world.guard(Retry(5, NOW), script)()

    assert script.count == 1
