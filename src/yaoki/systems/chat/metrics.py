"""What the chat counts itself, beside what every pipeline counts (SPEC O1, G4).

| metric | labels | |
| --- | --- | --- |
| `yaoki_chat_requests_total` | `mode`, `engine` | answers |
| `yaoki_chat_seconds` | `mode` | how long answers take, as a histogram |
| `yaoki_chat_cache_lookups_total` | `result` | `same`, `similar`, `miss` |
| `yaoki_chat_query_type_failing` | `dependency`, `query_type` | 1 while questions of this type fail |
| `yaoki_chat_streams`, `yaoki_chat_conversations` | | streams that run, conversations that are remembered |

Plain numbers are added up in the event loop, and read when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from yaoki.systems.chat.dependencies.query_types import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from yaoki.systems.chat.dependencies.query_types import QueryTypes
    from yaoki.systems.chat.reply import Reply
    from yaoki.systems.chat.stream import Streams
    from yaoki.systems.chat.turn import Turns

__all__ = ["ChatMetrics"]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds below which answers are counted."""


class _Times:
    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0


class ChatMetrics(Collector):
    """A collector for a registry of `prometheus_client`. `query_types`: those of each dependency, by its name."""

    def __init__(self, turns: Turns, streams: Streams, query_types: Mapping[str, QueryTypes]) -> None:
        self._turns = turns
        self._streams = streams
        self._query_types = query_types
        self._requests: dict[tuple[str, str], int] = {}
        self._times = {mode.name: _Times() for mode in turns.ladder}

    def answered(self, reply: Reply, took: float) -> None:
        """Count a reply that took so many seconds."""
        key = (reply.mode, reply.engine)
        self._requests[key] = self._requests.get(key, 0) + 1
        times = self._times[reply.mode]
        times.counts[bisect_left(BOUNDS, took)] += 1
        times.seconds += took

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything at this moment."""
        requests = CounterMetricFamily("yaoki_chat_requests", "Answers.", labels=("mode", "engine"))
        for labels, count in list(self._requests.items()):
            requests.add_metric(labels, count)
        yield requests
        yield self._seconds()
        cache = self._turns.cache
        lookups = CounterMetricFamily("yaoki_chat_cache_lookups", "Questions to the answer cache.", labels=("result",))
        found = {"same": cache.hits - cache.similar_hits, "similar": cache.similar_hits, "miss": cache.misses}
        for result, count in found.items():
            lookups.add_metric((result,), count)
        yield lookups
        told = "1 while questions of this type fail, and others perhaps do not."
        failing = GaugeMetricFamily("yaoki_chat_query_type_failing", told, labels=("dependency", "query_type"))
        for dependency, query_types in self._query_types.items():
            now = query_types.failing
            for query_type in TYPES:
                failing.add_metric((dependency, query_type), float(query_type in now))
        yield failing
        yield GaugeMetricFamily("yaoki_chat_streams", "Streams that run.", len(self._streams))
        conversations = len(self._turns.conversations)
        yield GaugeMetricFamily("yaoki_chat_conversations", "Conversations that are remembered.", conversations)

    def _seconds(self) -> Metric:
        family = HistogramMetricFamily("yaoki_chat_seconds", "How long answers take.", labels=("mode",))
        for mode, times in self._times.items():
            total, buckets = 0, []
            for bound, count in zip((*map(repr, BOUNDS), "+Inf"), list(times.counts), strict=True):
                total += count
                buckets.append((bound, float(total)))
            family.add_metric((mode,), buckets, times.seconds)
        return family
