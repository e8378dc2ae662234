"""SPEC O1: the latency histogram."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yaoki.core.clock import clock
from yaoki.core.faults.errors import BulkheadFullError, ConfigurationError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.backoff import constant
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.core.policies.latency import LatencyHistogram
from yaoki.core.policies.retry import Retry
from yaoki.testing import VirtualClock, run


def calls(histogram: LatencyHistogram) -> int:
    return sum(histogram.counts)


@pytest.mark.usefixtures("either_path")
def test_o1_values_and_failures_are_counted_by_their_time() -> None:
    """SPEC O1: each call is counted in the bucket of its time, whether it returned or failed."""
    histogram = LatencyHistogram()

    @Pipeline(histogram)
    def take(seconds: float, error: Exception | None = None) -> None:
        clock.sleep(seconds)
        if error is not None:
            raise error

    with VirtualClock():
        take(1e-6)
        take(1.0)
        with pytest.raises(ConnectionError):
            take(1.0, ConnectionError())

    assert histogram.counts[(1000).bit_length()] == 1
    assert histogram.counts[(1_000_000_000).bit_length()] == 2
    assert calls(histogram) == 3


@pytest.mark.usefixtures("either_path")
def test_o1_neither_refused_nor_cancelled_calls_are_counted() -> None:
    """SPEC O1: what did not run, or was not allowed to end, has no latency."""
    histogram = LatencyHistogram()
    pipeline = Pipeline(histogram, Bulkhead(1))

    async def main() -> None:
        running = asyncio.create_task(pipeline.acall(asyncio.sleep, 10))
        await asyncio.sleep(1)
        with pytest.raises(BulkheadFullError):
            await pipeline.acall(asyncio.sleep, 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(main())

    assert calls(histogram) == 0


@pytest.mark.usefixtures("either_path")
def test_o1_outside_a_retry_it_measures_whole_calls_and_inside_attempts() -> None:
    """SPEC O1: it stands for what is inside it."""
    whole, attempts = LatencyHistogram(), LatencyHistogram()
    failures = iter([ConnectionError(), ConnectionError(), None])

    @Pipeline(whole, Retry(3, constant(4.0, jitter="none")), attempts)
    def flaky() -> None:
        clock.sleep(1.0)
        failure = next(failures)
        if failure is not None:
            raise failure

    with VirtualClock():
        flaky()

    second = (1_000_000_000).bit_length()
    assert attempts.counts[second] == calls(attempts) == 3
    assert whole.counts[(11_000_000_000).bit_length()] == calls(whole) == 1


def test_o1_a_consumers_time_is_not_the_generators() -> None:
    """SPEC O1: the time for which the consumer holds an item does not count."""
    histogram = LatencyHistogram()

    @Pipeline(histogram)
    def items() -> object:
        for item in range(2):
            clock.sleep(0.25)
            yield item

    with VirtualClock():
        for _ in items():  # type: ignore[attr-defined]  # a generator
            clock.sleep(100.0)

    assert histogram.counts[(500_000_000).bit_length()] == calls(histogram) == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=200), st.floats(0.0, 1.0))
def test_o1_a_quantile_is_right_within_a_factor_of_two(times: list[int], q: float) -> None:
    """SPEC O1: against the sorted list of all times."""
    histogram = LatencyHistogram()
    for time in times:
        histogram.count(time)

    exact = sorted(times)[max(0, -int(-q * len(times) // 1) - 1)] * 1e-9
    quantile = histogram.quantile(q)

    assert quantile is not None
    assert exact / 2 - 1e-9 <= quantile <= exact * 2 + 1e-9


def test_o1_there_is_no_quantile_of_nothing() -> None:
    """SPEC O1: None before the first call; a share outside of 0 to 1 is refused."""
    histogram = LatencyHistogram()

    assert histogram.quantile(0.99) is None
    with pytest.raises(ConfigurationError, match="q must be from 0 and at most 1, not 99"):
        histogram.quantile(99)


def test_o1_a_snapshot_is_json_ready() -> None:
    """SPEC O1: calls, quantiles and buckets; a key's histogram is its own."""
    histogram = LatencyHistogram(name="db")
    histogram.count(1000)
    histogram.count(1000)
    fresh = histogram.fresh("key")

    assert histogram.snapshot(0.0) == json.loads(json.dumps(histogram.snapshot(0.0)))
    assert histogram.snapshot(0.0)["calls"] == 2
    assert histogram.snapshot(0.0)["buckets"] == [[pytest.approx(1024e-9), 2]]
    assert (fresh.name, calls(fresh)) == ("db", 0)


def test_o1_no_time_is_too_long() -> None:
    """SPEC O1: not even that of a test which lets a million years pass."""
    histogram = LatencyHistogram()

    with VirtualClock():
        Pipeline(histogram).call(clock.sleep, 1e6 * 365 * 86400)

    assert calls(histogram) == 1
