"""The figures of an index and its searches for `/metrics` (SPEC O1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from yaoki.systems.chat.vector.access import IndexAccess

__all__ = ["VectorCollector"]


class VectorCollector(Collector):
    """Reads the figures when they are scraped."""

    def __init__(self, access: IndexAccess) -> None:
        self._access = access

    def collect(self) -> Iterator[Metric]:
        """The families."""
        searches = CounterMetricFamily("yaoki_vector_searches", "Searches, by how they searched.", labels=["retrieval"])
        for retrieval in ("hybrid", "lexical"):
            searches.add_metric([retrieval], self._access.searches[retrieval])
        yield searches
        preparation = self._access.preparation
        index = preparation.index
        yield GaugeMetricFamily("yaoki_vector_passages", "Passages in the index.", 0 if index is None else len(index))
        meanings = preparation.meanings or {"embedded": 0, "of": 0}
        yield GaugeMetricFamily("yaoki_vector_embedded_passages", "Passages that have their vector.", meanings["embedded"])
        yield GaugeMetricFamily("yaoki_vector_embeddable_passages", "Passages that will have one.", meanings["of"])
