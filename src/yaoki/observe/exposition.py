"""The text that Prometheus reads, in the format that it asks for: OpenMetrics or the text format (SPEC O1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

__all__ = ["render"]


def render(*collectors: Collector, accept: str | None = None) -> tuple[bytes, str]:
    """The metrics of all `collectors` (a registry is one), and their content type. `accept`: the header of the request.

    A family that two of them have is taken from the first, so that none is there twice.
    """
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(accept or "")
    return encode(_Together(collectors)), content_type


class _Together:
    def __init__(self, collectors: tuple[Collector, ...]) -> None:
        self.collectors = collectors

    def collect(self) -> Iterator[Metric]:
        told: set[str] = set()
        for collector in self.collectors:
            for metric in collector.collect():
                if metric.name not in told:
                    told.add(metric.name)
                    yield metric
