"""The Prometheus collector: reads what the policies have counted when somebody scrapes (SPEC O1).

Nothing is added to the path of a call: the policies count for themselves, and only failures are told by events. Every named
pipeline of the process is read, and the keyed pipelines that it was told of. Label values are bounded in length and number;
escaping is the exposition's.

    collector = YaokiCollector(peers)                       # peers = pipeline.keyed()
    prometheus_client.REGISTRY.register(collector)          # or service.endpoints.router(probes, collector)
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.health.failure_duration import FailureDuration, judge
from yaoki.core.pipeline.keyed import Keyed
from yaoki.core.pipeline.registry import pipelines
from yaoki.core.policies.cached_fallback import CachedFallback
from yaoki.observe.event_counts import OTHER, EventCounts
from yaoki.observe.families import Families, label_value
from yaoki.observe.keyed_metrics import KeyedMetrics, named_policies
from yaoki.observe.policy_metrics import STRATEGY_ROWS, series_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from yaoki.core.degradation.reported import ReportedMode
    from yaoki.core.health.checks import HealthChecks
    from yaoki.core.pipeline.pipeline import Pipeline
    from yaoki.core.policies.policy import Policy
    from yaoki.core.shutdown import Shutdown
    from yaoki.observe.policy_metrics import Labels, Row

__all__ = ["YaokiCollector"]

_log = logging.getLogger("yaoki.metrics")


class YaokiCollector:
    """A collector for a registry of `prometheus_client`. It counts events until `close`.

    `keyed`: keyed pipelines to read, more by `watch`. `max_keys`: how many keys of each have series of their own; the others are
    summed under the key `(other)`. `checks`: health checks to show. `modes`: the reported modes of services, by their name.
    `shutdown`: shows whether the process drains.
    """

    def __init__(
        self,
        *keyed: Keyed,
        max_keys: int = 100,
        checks: HealthChecks | None = None,
        modes: Mapping[str, ReportedMode] | None = None,
        shutdown: Shutdown | None = None,
    ) -> None:
        self.max_keys = max_keys
        self.checks = checks
        self.modes: dict[str, ReportedMode] = dict(modes or {})
        self.shutdown = shutdown
        self.counts: EventCounts = EventCounts()
        self._keyed: list[KeyedMetrics] = []
        self._reading = threading.Lock()
        self._broken = 0
        self._told: set[str] = set()
        for each in keyed:
            self.watch(each)

    def watch(self, keyed: Keyed) -> None:
        """Read this keyed pipeline too."""
        with self._reading:
            self._keyed.append(KeyedMetrics(keyed, self.max_keys))

    def close(self) -> None:
        """Stop counting events."""
        self.counts.close()

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything at this moment. Blocks for as long as the reading takes, so a service calls it outside of its event loop."""
        families = Families()
        with self._reading:
            self._add_counts(families)
            for pipeline in pipelines():
                self._add_policies(families, pipeline.name, None, named_policies(pipeline.policies))
                _add_duration(families, pipeline.name, pipeline)
            for keyed in self._keyed:
                self._add_keyed(families, keyed)
            self._add_process(families)
        yield from families.metrics()

    # The parts

    def _add_counts(self, families: Families) -> None:
        for count, series in self.counts.read():
            families.declare("counter", count.metric, count.help, count.labels)
            for values, number in series.items():
                families.add("counter", count.metric, count.help, tuple(zip(count.labels, values, strict=True)), number)

    def _add_policies(
        self, families: Families, pipeline: str | None, key: Hashable, policies: Iterable[tuple[str, Policy]]
    ) -> None:
        now = clock.now()
        for name, policy in policies:
            labels = _labels(pipeline, name, key)
            try:
                snapshot = policy.snapshot(now)
                for series in series_of(snapshot):
                    _add_row(families, series.row, (*labels, *series.labels), series.value)
                if policy.kind == "latency":
                    families.add_histogram(labels, snapshot["buckets"])  # type: ignore[arg-type]  # pairs of numbers
                for strategy in getattr(policy, "chain", ()):
                    if isinstance(strategy, CachedFallback):
                        for series in series_of(strategy.snapshot(), STRATEGY_ROWS):
                            chosen = (*labels, ("strategy", strategy.__name__))
                            _add_row(families, series.row, chosen, series.value)
            except Exception as error:  # noqa: BLE001  # the border to policies of others: one that is broken hides no other
                self._is_broken(name, error)

    def _add_keyed(self, families: Families, keyed: KeyedMetrics) -> None:
        pipeline = keyed.keyed.name
        for key, policies in keyed.shown():
            self._add_policies(families, pipeline, key, policies)
        try:
            for (name, row, labels), value in keyed.others(clock.now()).items():
                _add_row(families, row, (*_labels(pipeline, name, OTHER), *labels), value)
        except Exception as error:  # noqa: BLE001  # the same border
            self._is_broken(repr(keyed.keyed), error)
        for name, states in keyed.states():
            for state, number in states.items():
                labels = (("pipeline", pipeline or ""), ("policy", name), ("state", state))
                families.add("gauge", "yaoki_breaker_keys", "Keys by the state of their circuit.", labels, number)
        _add_duration(families, pipeline, keyed.keyed)

    def _add_process(self, families: Families) -> None:
        for name, result in (self.checks.results() if self.checks is not None else {}).items():
            labels = (("check", name),)
            if result.ok is not None:
                families.add("gauge", "yaoki_health_check_ok", "1 if the latest run was ok.", labels, float(result.ok))
            if result.took is not None:
                families.add("gauge", "yaoki_health_check_seconds", "How long the latest run took.", labels, result.took)
        for service, reported in self.modes.items():
            current = reported.current.name
            for mode, seconds in reported.time_in().items():
                chosen = (("service", service), ("mode", mode))
                families.add("state", "yaoki_mode", "The reported mode: 1 for the present one.", chosen, float(mode == current))
                families.add("counter", "yaoki_mode_seconds", "Seconds spent in each reported mode.", chosen, seconds)
        if self.shutdown is not None:
            told = "1 from the moment when the process was asked to end."
            families.add("gauge", "yaoki_shutdown_requested", told, (), float(self.shutdown.requested))
        told = "Errors of listeners to events."
        families.add("counter", "yaoki_listener_errors", told, (), events.listener_errors())
        families.add("counter", "yaoki_metric_errors", "Policies that could not be read at a scrape.", (), self._broken)

    def _is_broken(self, name: str, error: Exception) -> None:
        self._broken += 1
        if name not in self._told:
            self._told.add(name)
            _log.error("the metrics of %s cannot be read; further errors of it are counted only", name, exc_info=error)


def _labels(pipeline: str | None, policy: str, key: Hashable) -> Labels:
    return (("pipeline", pipeline or ""), ("policy", policy), ("key", "" if key is None else label_value(key)))


def _add_row(families: Families, row: Row, labels: Labels, value: float) -> None:
    kind = "counter" if row.counter else "state" if row.states else "gauge"
    families.add(kind, row.metric, row.help, labels, value)


def _add_duration(families: Families, name: str | None, source: Pipeline | Keyed) -> None:
    pipeline = source.prototype if isinstance(source, Keyed) else source
    if not any(policy.kind == "circuit_breaker" for policy in pipeline.policies):
        return
    present = judge(source)
    for duration in FailureDuration:
        labels = (("pipeline", name or ""), ("duration", duration.value))
        told = "How long the dependency has been failing, and how much of it: 1 for what is the case."
        families.add("state", "yaoki_failure_duration", told, labels, float(duration is present))
