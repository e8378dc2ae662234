"""SPEC F4: a blip, a crash, or only a part of a dependency."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import pytest

from yaoki import CircuitBreaker, ConfigurationError, FailureDuration, HealthTracker, Pipeline, Retry
from yaoki.core.health.failure_duration import judge
from yaoki.core.pipeline.keyed import Keyed
from yaoki.testing import VirtualClock

NONE, TRANSIENT, LONG_TERM, PARTIAL = FailureDuration

pytestmark = pytest.mark.usefixtures("virtual_clock")


def fails() -> None:
    raise ConnectionError("gone")


def use(call: Callable[..., object], function: Callable[[], object] = fails) -> None:
    try:
        call(function)
    except Exception:  # noqa: BLE001  # refused or failed, both is meant
        return


def search() -> Pipeline:
    return Pipeline(CircuitBreaker(failure_threshold=2, open_timeout=10.0), name="search")


def reopen(call: Callable[..., object], clock: VirtualClock, times: int) -> None:
    """Open the circuit, and let so many trial calls fail."""
    use(call)
    use(call)
    for _ in range(times):
        clock.advance(10.0)
        use(call)


def test_what_works_does_not_fail() -> None:
    """SPEC F4: never called, or called with success."""
    pipeline = search()
    assert judge(pipeline) is NONE
    use(pipeline.call, int)
    assert judge(pipeline) is NONE


def test_the_latest_call_failed(virtual_clock: VirtualClock) -> None:
    """SPEC F4: transient until it is more, and over at the next success."""
    pipeline = search()
    use(pipeline.call)
    assert judge(pipeline) is TRANSIENT
    use(pipeline.call, int)
    assert judge(pipeline) is NONE


def test_an_open_circuit_is_transient_until_it_has_reopened_three_times(virtual_clock: VirtualClock) -> None:
    """SPEC F4: a crash is told by trial calls that fail again and again."""
    durations = []
    for times in range(5):
        pipeline = search()
        reopen(pipeline.call, virtual_clock, times)
        durations.append(judge(pipeline))

    assert durations == [TRANSIENT, TRANSIENT, TRANSIENT, LONG_TERM, LONG_TERM]


def test_how_often_is_configurable(virtual_clock: VirtualClock) -> None:
    """SPEC F4: 3 is the default."""
    pipeline = search()
    reopen(pipeline.call, virtual_clock, 1)

    assert judge(pipeline, reopened=1) is LONG_TERM
    assert judge(pipeline, reopened=2) is TRANSIENT


def test_a_long_failure_is_over_when_the_circuit_closes(virtual_clock: VirtualClock) -> None:
    """SPEC F4: while a trial call is awaited it is still a crash."""
    pipeline = search()
    reopen(pipeline.call, virtual_clock, 3)
    virtual_clock.advance(10.0)
    assert judge(pipeline) is LONG_TERM
    use(pipeline.call, int)

    assert judge(pipeline) is NONE


def test_a_circuit_that_a_person_holds_says_nothing() -> None:
    """SPEC F4, B6: isolated for maintenance is no failure of the dependency."""
    breaker = CircuitBreaker(name="search")
    pipeline = Pipeline(breaker)

    breaker.isolate()
    assert judge(pipeline) is NONE
    breaker.force_close()
    use(pipeline.call)
    assert judge(pipeline) is NONE


def test_of_several_circuits_the_longest_failure_counts(virtual_clock: VirtualClock) -> None:
    """SPEC F4: one around the host, one around the route."""
    inner = CircuitBreaker(failure_threshold=2, open_timeout=10.0)
    pipeline = Pipeline(CircuitBreaker(failure_threshold=100), inner)
    reopen(pipeline.call, virtual_clock, 3)
    assert judge(pipeline) is LONG_TERM

    other_way = Pipeline(inner, CircuitBreaker(failure_threshold=100))
    assert judge(other_way) is LONG_TERM


@pytest.fixture
def peers() -> Keyed:
    return search().keyed()


def fail(peers: Keyed, *keys: Hashable) -> None:
    for key in keys:
        use(peers[key].call)


def succeed(peers: Keyed, *keys: Hashable) -> None:
    for key in keys:
        use(peers[key].call, int)


def test_some_keys_fail_and_others_do_not(peers: Keyed) -> None:
    """SPEC F4: one type of query, one peer, one tenant: partial."""
    succeed(peers, "by-id", "by-name")
    assert judge(peers) is NONE
    fail(peers, "full-text")
    assert judge(peers) is PARTIAL
    succeed(peers, "full-text")
    assert judge(peers) is NONE


def test_all_keys_fail(peers: Keyed, virtual_clock: VirtualClock) -> None:
    """SPEC F4: then it is the dependency; the longest failure counts."""
    fail(peers, "a", "b")
    assert judge(peers) is TRANSIENT
    reopen(peers["a"].call, virtual_clock, 3)
    assert judge(peers) is LONG_TERM


def test_a_key_that_was_never_called_says_nothing(peers: Keyed) -> None:
    """SPEC F4: it has not succeeded."""
    fail(peers, "a")
    assert peers["b"] is not None

    assert judge(peers) is TRANSIENT


def test_no_keys_at_all(peers: Keyed) -> None:
    """SPEC F4: nothing is known to fail."""
    assert judge(peers) is NONE


def test_the_health_of_a_key_shows_it(peers: Keyed) -> None:
    """SPEC F4, H1: per dependency and key, in the tracker's records."""
    tracker = HealthTracker(peers)
    fail(peers, "a")
    succeed(peers, "b")

    assert {key: record["failure_duration"] for key, record in tracker.read_all().items()} == {"a": "transient", "b": "none"}
    whole = HealthTracker(Pipeline(Retry(), name="no circuit")).read()
    assert whole is not None
    assert whole["failure_duration"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Pipeline(Retry(), name="plain"),), "read from a circuit breaker, and <Pipeline 'plain': Retry> has none"),
        ((Pipeline(Retry()).keyed(),), "read from a circuit breaker"),
        (("search",), "source must be a Pipeline or a keyed pipeline"),
    ],
)
def test_what_cannot_be_judged_is_refused(arguments: tuple[Pipeline], message: str) -> None:
    """SPEC F4: no circuit, no duration."""
    with pytest.raises(ConfigurationError, match=message):
        judge(*arguments)
    with pytest.raises(ConfigurationError, match="reopened must be at least 1"):
        judge(search(), reopened=0)
