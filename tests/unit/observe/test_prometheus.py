"""What Prometheus reads about policies, health and the process (SPEC O1)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.observe.scraping import Found, of, scrape
from yaoki import (
    AdaptiveLimit,
    Budget,
    Bulkhead,
    CachedFallback,
    CircuitBreaker,
    Fallback,
    Hedge,
    LatencyHistogram,
    LoadShedder,
    Pipeline,
    RateLimiter,
    Retry,
    Throttle,
    Timeout,
    constant,
    events,
)
from yaoki.core.degradation import ReportedMode, chat_ladder
from yaoki.core.health.checks import HealthCheck, HealthChecks
from yaoki.core.policies.policy import Policy
from yaoki.core.shutdown import Shutdown
from yaoki.observe.prometheus import YaokiCollector
from yaoki.testing import Script, VirtualClock, run, takes


@pytest.fixture(autouse=True)
def by_itself(virtual_clock: VirtualClock) -> None:
    """Pipelines of earlier tests are gone, and between two scrapes no time passes."""
    gc.collect()


@pytest.fixture
def collector() -> Iterator[YaokiCollector]:
    collector = YaokiCollector()
    yield collector
    collector.close()


def only(found: Found, name: str) -> float:
    (value,) = of(found, name).values()
    return value


# Errors


def test_o1_errors_have_exactly_three_labels(collector: YaokiCollector) -> None:
    """SPEC O1: error_type, severity, category, in lower case; every failed attempt counts."""
    guard = Pipeline(Retry(3, constant(0)), name="search")
    with pytest.raises(ConnectionResetError):
        guard.call(Script(then=ConnectionResetError).sync)
    with pytest.raises(KeyError):
        guard.call(Script(KeyError).sync)

    families = {family.name: family for family in collector.collect()}

    assert {tuple(sorted(sample.labels.items())): sample.value for sample in families["yaoki_errors"].samples} == {
        (("category", "network"), ("error_type", "ConnectionResetError"), ("severity", "warning")): 3.0,
        (("category", "system"), ("error_type", "KeyError"), ("severity", "error")): 1.0,
    }
    assert families["yaoki_errors"].type == "counter"


def test_o1_what_became_of_calls_is_counted(collector: YaokiCollector) -> None:
    """SPEC O1: attempts, retries, what was given up, replaced, refused, raised."""
    breaker = CircuitBreaker(failure_threshold=3)
    guard = Pipeline(Fallback(value="served", on=ConnectionError), Retry(3, constant(0)), breaker, name="search")
    guard.call(Script(then=ConnectionResetError).sync)
    with pytest.raises(Exception, match="is open"):
        guard.call(int)

    found = scrape(collector)

    assert of(found, "yaoki_attempts_failed_total") == {("search",): 3.0}
    assert of(found, "yaoki_retries_total") == {("search",): 2.0}
    assert of(found, "yaoki_retries_given_up_total") == {("search", "attempts"): 1.0}
    assert of(found, "yaoki_calls_replaced_total") == {("search",): 1.0}
    assert of(found, "yaoki_calls_refused_total") == {("search", "CircuitBreaker"): 1.0}
    assert of(found, "yaoki_calls_raised_total") == {("search",): 1.0}
    assert of(found, "yaoki_breaker_transitions_total") == {("", "open"): 1.0}


def test_o1_a_flood_of_error_types_is_bounded(collector: YaokiCollector) -> None:
    """SPEC X5: names may come from outside; what is beyond the bound is counted together."""
    guard = Pipeline(Timeout(1.0), name="search")
    for number in range(1100):
        with pytest.raises(Exception, match="odd"):
            guard.call(Script(type(f"Error{number}", (ConnectionError,), {})("odd")).sync)

    errors = of(scrape(collector), "yaoki_errors_total")

    assert len(errors) == 1001
    assert errors["(other)", "(other)", "(other)"] == 100.0
    assert sum(errors.values()) == 1100.0


def test_o1_a_healthy_call_costs_nothing_here(collector: YaokiCollector) -> None:
    """SPEC O1: a success sends no event; its policies count it."""
    breaker = CircuitBreaker(name="search")
    guard = Pipeline(breaker, name="search")
    for _ in range(5):
        guard.call(int)

    assert of(scrape(collector), "yaoki_breaker_calls_total")["", "search", "search", "success"] == 5.0


# Policies


@pytest.mark.parametrize("state", ["closed", "open", "half_open"])
def test_o1_a_circuit_has_a_series_for_each_state(collector: YaokiCollector, virtual_clock: VirtualClock, state: str) -> None:
    """SPEC O1: 1 for the present one, 0 for the others."""
    breaker = CircuitBreaker(failure_threshold=1, open_timeout=10.0, success_threshold=2, name="search")
    guard = Pipeline(breaker, name="index")
    if state != "closed":
        guard.execute(Script(ConnectionError).sync)
    if state == "half_open":
        virtual_clock.advance(10.0)
        guard.execute(int)

    states = of(scrape(collector), "yaoki_breaker_state")

    assert states == {("", "index", "search", each): float(each == state) for each in ("closed", "open", "half_open")}


def test_o1_an_open_circuit_says_for_how_long(collector: YaokiCollector, virtual_clock: VirtualClock) -> None:
    """SPEC O2: an alert can be written on it."""
    guard = Pipeline(CircuitBreaker(failure_threshold=2, name="search"), name="search")
    guard.execute(Script(ConnectionError).sync)
    assert of(scrape(collector), "yaoki_breaker_open_seconds") == {}
    guard.execute(Script(ConnectionError).sync)
    virtual_clock.advance(12.0)

    found = scrape(collector)

    assert only(found, "yaoki_breaker_open_seconds") == 12.0
    assert only(found, "yaoki_breaker_opened_total") == 1.0
    assert only(found, "yaoki_breaker_consecutive_failures") == 2.0


def memory(*args: object) -> str:
    return "cached"


def every_policy() -> list[Any]:
    return [
        Fallback(CachedFallback(memory, ttl=60.0), name="fallback"),
        LatencyHistogram(),
        LoadShedder(limit=10),
        RateLimiter(100.0),
        Bulkhead(5),
        AdaptiveLimit(),
        Throttle(),
        Timeout(5.0),
        Retry(2, constant(0), budget=Budget()),
        CircuitBreaker(),
        Timeout(1.0),
    ]


@pytest.mark.filterwarnings("ignore::yaoki.PolicyOrderWarning")
def test_o1_every_policy_has_metrics(collector: YaokiCollector, virtual_clock: VirtualClock) -> None:
    """SPEC O1: the names of all of them; two of a kind are told apart."""
    guard = Pipeline(*every_policy(), name="all")
    guard.call(Script(ConnectionError, ConnectionError).sync)
    hedged = Pipeline(Hedge(delay=1.0), name="hedged")
    assert run(hedged.acall(Script(takes(5.0, "slow"), "quick").asynchronous)) == "quick"

    found = scrape(collector)

    kinds = {name.removeprefix("yaoki_").removesuffix("_total") for name, *_ in found}
    assert kinds >= {
        "adaptive_limit_in_use",
        "adaptive_limit_limit",
        "adaptive_limit_rejected",
        "breaker_calls",
        "bulkhead_in_use",
        "bulkhead_rejected",
        "bulkhead_waiting",
        "cached_fallback_entries",
        "cached_fallback_hits",
        "cached_fallback_made",
        "call_seconds_bucket",
        "fallback_served",
        "hedge_delay_seconds",
        "hedge_started",
        "hedge_won",
        "load_shedder_rejected",
        "rate_limiter_admitted",
        "rate_limiter_tokens",
        "retry_budget_refused",
        "retry_budget_tokens",
        "throttle_refusing_ratio",
        "throttle_window_calls",
        "timeout_overdue",
    }
    assert set(of(found, "yaoki_timeout_overdue_total")) == {("", "all", "timeout"), ("", "all", "timeout_2")}
    assert of(found, "yaoki_fallback_served_total") == {("", "all", "fallback"): 1.0}
    assert of(found, "yaoki_cached_fallback_made_total") == {("", "all", "fallback", "memory"): 1.0}
    assert only(found, "yaoki_hedge_won_total") == 1.0
    assert only(found, "yaoki_metric_errors_total") == 0.0


def test_o1_latencies_are_a_histogram(collector: YaokiCollector, virtual_clock: VirtualClock) -> None:
    """SPEC O1: buckets that are always the same, cumulative, with an end; what is outside is not lost."""
    guard = Pipeline(LatencyHistogram(), name="search")
    for seconds in (0.0, 0.001, 0.002, 3.0, 1000.0):
        guard.call(Script(takes(seconds, "found")).sync)

    buckets = of(scrape(collector), "yaoki_call_seconds_bucket")

    by_bound = {float(bound): count for (_, bound, _, _), count in buckets.items()}
    assert len(by_bound) == 25
    assert by_bound[float("inf")] == 5.0
    assert [min(bound for bound, count in by_bound.items() if count >= calls) for calls in (1, 2, 3, 4, 5)] == pytest.approx(
        [2**14 * 1e-9, 2**20 * 1e-9, 2**21 * 1e-9, 2**32 * 1e-9, float("inf")]
    )


def test_o1_a_policy_of_an_unknown_kind_is_shown_by_its_numbers(collector: YaokiCollector) -> None:
    """SPEC O1: the user's own policies too."""

    class Own(Policy):
        kind = "own"

        def snapshot(self, now: float) -> dict[str, object]:
            return {"kind": "own", "queue": 3, "text": "none", "on": True}

    guard = Pipeline(Own(), name="mine")

    assert of(scrape(collector), "yaoki_policy") == {
        ("queue", "", "own", "mine", "own"): 3.0,
        ("on", "", "own", "mine", "own"): 1.0,
    }
    assert guard.name == "mine"


def test_o1_a_policy_that_cannot_be_read_hides_no_other(collector: YaokiCollector, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC O1: counted at each scrape, logged once."""

    class Broken(Policy):
        kind = "broken"

        def snapshot(self, now: float) -> dict[str, object]:
            raise LookupError

    kept = [Pipeline(Broken(), name="broken"), Pipeline(Timeout(1.0), name="well")]
    list(collector.collect())
    found = {family.name: family for family in collector.collect()}

    assert [sample.labels["pipeline"] for sample in found["yaoki_timeout_overdue"].samples] == ["well"]
    assert found["yaoki_metric_errors"].samples[0].value == 2.0
    assert [record.getMessage() for record in caplog.records] == [
        "the metrics of broken cannot be read; further errors of it are counted only"
    ]
    assert len(kept) == 2


def test_o1_pipelines_of_one_name_are_added_up(collector: YaokiCollector) -> None:
    """SPEC O1: a series that is there twice would spoil the scrape; an open circuit stays visible."""
    kept = [Pipeline(CircuitBreaker(failure_threshold=1), name="same") for _ in range(2)]
    kept[0].call(int)
    kept[1].execute(Script(ConnectionError).sync)

    found = scrape(collector)

    calls = of(found, "yaoki_breaker_calls_total")
    assert (calls["", "same", "circuit_breaker", "success"], calls["", "same", "circuit_breaker", "failure"]) == (1.0, 1.0)
    assert of(found, "yaoki_breaker_state")["", "same", "circuit_breaker", "open"] == 1.0


def test_o1_a_pipeline_that_is_gone_is_not_shown(collector: YaokiCollector) -> None:
    """SPEC O1: nothing here keeps one alive."""
    guard = Pipeline(Timeout(1.0), name="short-lived")
    assert ("", "short-lived", "timeout") in of(scrape(collector), "yaoki_timeout_overdue_total")
    del guard
    gc.collect()

    assert ("", "short-lived", "timeout") not in of(scrape(collector), "yaoki_timeout_overdue_total")


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "line\nbreak", "日本語", "}{,=", "lone \ud800 half", "x" * 1000, ""])
def test_x5_no_name_breaks_the_text(collector: YaokiCollector, name: str) -> None:
    """SPEC X5: whatever a pipeline or a key is called; long names are cut."""
    guard = Pipeline(CircuitBreaker(name=name), name=name)

    assert len(of(scrape(collector), "yaoki_breaker_state")) == 3
    assert guard.name == name


# How long a failure lasts


def test_f4_the_duration_of_a_failure_is_in_the_metrics(collector: YaokiCollector, virtual_clock: VirtualClock) -> None:
    """SPEC F4: one series for each duration, for pipelines with a circuit breaker."""
    guard = Pipeline(CircuitBreaker(failure_threshold=1, open_timeout=10.0), name="search")
    other = Pipeline(Timeout(1.0), name="other")

    def present() -> list[str]:
        found = of(scrape(collector), "yaoki_failure_duration")
        assert {pipeline for _, pipeline in found} == {"search"}
        return [duration for (duration, _), value in found.items() if value]

    seen = [present()]
    guard.execute(Script(ConnectionError).sync)
    seen.append(present())
    for _ in range(3):
        virtual_clock.advance(10.0)
        guard.execute(Script(ConnectionError).sync)
    seen.append(present())

    assert seen == [["none"], ["transient"], ["long_term"]]
    assert other.name == "other"


# The process


def test_h2_health_checks_are_in_the_metrics() -> None:
    """SPEC H2: the latest result and its time; a check that has not run has none."""

    def failing() -> None:
        raise ConnectionRefusedError

    checks = HealthChecks(HealthCheck("well", lambda: None), HealthCheck("ill", failing))
    checks.run_once_threads()
    checks.add(HealthCheck("new", lambda: None))
    collector = YaokiCollector(checks=checks)

    found = scrape(collector)
    collector.close()

    assert of(found, "yaoki_health_check_ok") == {("well",): 1.0, ("ill",): 0.0}
    assert set(of(found, "yaoki_health_check_seconds")) == {("well",), ("ill",)}


def test_k2_modes_are_in_the_metrics(virtual_clock: VirtualClock) -> None:
    """SPEC K2: the reported one, and the time in each."""
    ladder = chat_ladder()
    reported = ReportedMode(ladder, worsen_after=0.0, name="chat")
    collector = YaokiCollector(modes={"chat": reported})
    virtual_clock.advance(5.0)
    reported.observe(ladder["static-only"])
    virtual_clock.advance(7.0)

    found = scrape(collector)
    collector.close()

    assert {mode: value for (mode, _), value in of(found, "yaoki_mode").items()} == {
        "normal": 0.0,
        "degraded-no-context": 0.0,
        "degraded-cache-only": 0.0,
        "static-only": 1.0,
    }
    seconds = of(found, "yaoki_mode_seconds_total")
    assert (seconds["normal", "chat"], seconds["static-only", "chat"]) == (5.0, 7.0)


def test_h4_that_a_process_is_to_end_is_in_the_metrics() -> None:
    """SPEC H4: 0 before, 1 after."""
    shutdown = Shutdown()
    collector = YaokiCollector(shutdown=shutdown)
    before = only(scrape(collector), "yaoki_shutdown_requested")
    shutdown.request()

    assert (before, only(scrape(collector), "yaoki_shutdown_requested")) == (0.0, 1.0)
    collector.close()


def test_o1_a_listener_that_raises_can_be_seen(collector: YaokiCollector) -> None:
    """SPEC O1: its errors are counted."""

    def broken(event: events.Event) -> None:
        raise LookupError

    before = only(scrape(collector), "yaoki_listener_errors_total")
    unsubscribe = events.subscribe(broken)
    Pipeline(Fallback(value=0)).call(Script(ConnectionError).sync)
    unsubscribe()

    assert only(scrape(collector), "yaoki_listener_errors_total") > before


def test_o1_a_closed_collector_counts_no_more(collector: YaokiCollector) -> None:
    """SPEC O1: what it had counted stays."""
    guard = Pipeline(Fallback(value=0), name="search")
    guard.call(Script(ConnectionError).sync)
    collector.close()
    guard.call(Script(ConnectionError).sync)

    assert only(scrape(collector), "yaoki_errors_total") == 1.0


def test_o1_a_collector_can_be_registered(collector: YaokiCollector) -> None:
    """SPEC O1: in a registry of prometheus_client."""
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry(auto_describe=True)
    registry.register(collector)

    assert registry.get_sample_value("yaoki_metric_errors_total") == 0.0
