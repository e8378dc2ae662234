"""Metric families in the making: values added up by name and labels, so that no series is there twice (SPEC O1, X5).

Two pipelines of one name, or two keys that look alike, would otherwise make two series of the same labels, which Prometheus
refuses. Numbers are added; of a state, the worst is kept by its being 1 somewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

__all__ = ["Families", "label_value"]

_LONGEST = 128

_FIRST_BUCKET, _LAST_BUCKET = 14, 37
"""From 2^14 ns (16 microseconds) to 2^37 ns (137 seconds): what is outside is in the first or in the endless bucket."""


def label_value(value: object) -> str:
    """A label's value: at most 128 characters, and always text that can be encoded."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else repr(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1]}…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Family:
    __slots__ = ("help", "kind", "labels", "values")

    def __init__(self, kind: str, help: str, labels: tuple[str, ...]) -> None:  # noqa: A002  # the format's own word
        self.kind: str = kind
        self.help: str = help
        self.labels: tuple[str, ...] = labels
        self.values: dict[tuple[str, ...], float] = {}


class Families:
    """Families by name, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._histograms: dict[tuple[tuple[str, str], ...], dict[int, int]] = {}

    def add(
        self,
        kind: str,
        metric: str,
        help: str,  # noqa: A002  # the format's own word
        labels: Sequence[tuple[str, str]],
        value: float,
    ) -> None:
        """Add to the series of these labels. `kind`: "counter", "gauge", or "state", of which the greatest value is kept."""
        family = self.declare(kind, metric, help, tuple(name for name, _ in labels))
        values = tuple(label_value(text) for _, text in labels)
        known = family.values.get(values, 0.0)
        family.values[values] = max(known, value) if kind == "state" else known + value

    def declare(self, kind: str, metric: str, help: str, labels: tuple[str, ...]) -> _Family:  # noqa: A002  # the format's own word
        """A family that is there even if it has no series."""
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = _Family(kind, help, labels)
        return family

    def add_histogram(self, labels: Sequence[tuple[str, str]], buckets: Sequence[Sequence[float]]) -> None:
        """Add the buckets of a latency histogram: seconds below which, and calls."""
        values = tuple((name, label_value(text)) for name, text in labels)
        known = self._histograms.setdefault(values, {})
        for below, calls in buckets:
            # The bound is an exact power of two nanoseconds.
            number = round(below * 1e9).bit_length() - 1
            known[number] = known.get(number, 0) + int(calls)

    def metrics(self) -> Iterator[Metric]:
        """Everything, for Prometheus."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        for metric, family in self._families.items():
            made: CounterMetricFamily | GaugeMetricFamily
            if family.kind == "counter":
                made = CounterMetricFamily(metric, family.help, labels=family.labels)
            else:
                made = GaugeMetricFamily(metric, family.help, labels=family.labels)
            for values, value in family.values.items():
                made.add_metric(values, value)
            yield made
        if self._histograms:
            yield self._histogram()

    def _histogram(self) -> Metric:
        from prometheus_client.metrics_core import HistogramMetricFamily

        first = next(iter(self._histograms))
        made = HistogramMetricFamily("yaoki_call_seconds", "How long calls take.", labels=[name for name, _ in first])
        for labels, counts in self._histograms.items():
            made.add_metric([text for _, text in labels], _cumulative(counts), sum_value=None)
        return made


def _cumulative(counts: Mapping[int, int]) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    total = sum(count for number, count in counts.items() if number < _FIRST_BUCKET)
    for number in range(_FIRST_BUCKET, _LAST_BUCKET + 1):
        total += counts.get(number, 0)
        buckets.append((repr((1 << number) * 1e-9), float(total)))
    total += sum(count for number, count in counts.items() if number > _LAST_BUCKET)
    return [*buckets, ("+Inf", float(total))]
