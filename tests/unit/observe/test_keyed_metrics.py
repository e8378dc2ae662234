"""Keyed pipelines in the metrics: few keys by themselves, the others together (SPEC O1, X5)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from tests.unit.observe.scraping import of, scrape
from yaoki import Bulkhead, CircuitBreaker, Keyed, Pipeline, Timeout
from yaoki.observe.prometheus import YaokiCollector
from yaoki.testing import Script, VirtualClock

Collect = Callable[..., YaokiCollector]


@pytest.fixture
def collect(virtual_clock: VirtualClock) -> Iterator[Collect]:
    gc.collect()
    made: list[YaokiCollector] = []

    def collecting(keyed: Keyed, max_keys: int) -> YaokiCollector:
        made.append(YaokiCollector(keyed, max_keys=max_keys))
        return made[-1]

    yield collecting
    for collector in made:
        collector.close()


def peers(max_keys: int = 1000, idle_ttl: float = float("inf")) -> Keyed:
    pipeline = Pipeline(CircuitBreaker(failure_threshold=1, open_timeout=60.0), Timeout(5.0), name="peers")
    return pipeline.keyed(max_keys=max_keys, idle_ttl=idle_ttl)


def successes(collector: YaokiCollector) -> dict[str, float]:
    calls = of(scrape(collector), "yaoki_breaker_calls_total")
    return {key: value for (key, _, _, result), value in calls.items() if result == "success" and (key or value)}


def test_o1_keys_have_series_of_their_own(collect: Collect) -> None:
    """SPEC O1: up to a number; numbers and tuples are keys too."""
    keyed = peers()
    for key in ("a", 7, ("host", 80)):
        keyed[key].call(int)

    assert successes(collect(keyed, 10)) == {"a": 1.0, "7": 1.0, "('host', 80)": 1.0}


def test_x5_the_others_are_summed(collect: Collect) -> None:
    """SPEC X5: a million keys make no million series."""
    keyed = peers()
    collector = collect(keyed, 2)
    for number in range(50):
        keyed[number].call(int)

    found = scrape(collector)

    assert successes(collector) == {"0": 1.0, "1": 1.0, "(other)": 48.0}
    assert {key for key, *_ in of(found, "yaoki_breaker_state")} == {"", "0", "1"}


def test_o1_the_states_of_all_keys_are_counted(collect: Collect) -> None:
    """SPEC O1: also of those without series of their own."""
    keyed = peers()
    collector = collect(keyed, 2)
    for number in range(50):
        keyed[number].call(int)
    for number in range(40, 50):
        keyed[number].execute(Script(ConnectionError).sync)

    states = {state: count for (_, _, state), count in of(scrape(collector), "yaoki_breaker_keys").items()}

    assert states == {"closed": 40.0, "open": 10.0, "half_open": 0.0}


def test_o1_a_key_keeps_its_series_while_it_is_kept(collect: Collect) -> None:
    """SPEC O1: new keys do not push it out; when it goes, another takes its place."""
    keyed = peers()
    collector = collect(keyed, 1)
    keyed["b"].call(int)
    assert successes(collector) == {"b": 1.0}
    keyed["a"].call(int)
    assert successes(collector) == {"b": 1.0, "(other)": 1.0}

    del keyed["b"]
    assert set(successes(collector)) == {"a", "(other)"}


def test_o1_sums_never_go_down(collect: Collect, virtual_clock: VirtualClock) -> None:
    """SPEC O1: what a dropped key had counted, and what one has that was dropped and came again."""
    keyed = peers()
    collector = collect(keyed, 1)
    for key in ("shown", "b", "c", "c", "c"):
        keyed[key].call(int)
    sums = [successes(collector)["(other)"]]
    del keyed["b"]
    sums.append(successes(collector)["(other)"])
    del keyed["c"]
    keyed["c"].call(int)
    sums.append(successes(collector)["(other)"])

    assert sums == [4.0, 4.0, 5.0]


def test_o1_what_keys_share_is_shown_once(collect: Collect) -> None:
    """SPEC O1: a policy that is the same object for all keys stands with the pipeline itself."""
    keyed = peers()
    for key in ("a", "b"):
        keyed[key].call(int)
    shared = [policy for policy in keyed["a"].policies if policy is keyed["b"].policies[keyed["a"].policies.index(policy)]]

    overdue = of(scrape(collect(keyed, 1)), "yaoki_timeout_overdue_total")

    assert {key for key, *_ in overdue} == ({""} if shared else {"", "a", "(other)"})


def test_o1_calls_that_run_are_summed_too(collect: Collect) -> None:
    """SPEC O1: a gauge whose sum says something."""
    keyed = Pipeline(Bulkhead(2), name="tenants").keyed()
    collector = collect(keyed, 1)
    keyed["shown"].call(int)
    seen: list[float] = []

    keyed["b"].call(
        lambda: keyed["c"].call(
            lambda: seen.append(of(scrape(collector), "yaoki_bulkhead_in_use")["(other)", "tenants", "bulkhead"])
        )
    )

    assert seen == [2.0]
    assert of(scrape(collector), "yaoki_bulkhead_in_use")["(other)", "tenants", "bulkhead"] == 0.0


def test_f4_a_partial_failure_is_in_the_metrics(collect: Collect) -> None:
    """SPEC F4: some keys fail while others work."""
    keyed = peers()
    keyed["well"].call(int)
    keyed["ill"].execute(Script(ConnectionError).sync)

    found = of(scrape(collect(keyed, 10)), "yaoki_failure_duration")

    assert found["partial", "peers"] == 1.0


def test_o1_a_keyed_pipeline_can_be_watched_later(collect: Collect) -> None:
    """SPEC O1: those that are made while the service runs."""
    collector = collect(peers(), 10)
    later = Pipeline(CircuitBreaker(), name="later").keyed()
    later["x"].call(int)
    collector.watch(later)

    assert ("x", "later", "circuit_breaker", "closed") in of(scrape(collector), "yaoki_breaker_state")
