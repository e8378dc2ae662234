"""A collector's metrics as Prometheus would read them."""

from __future__ import annotations

from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from yaoki.observe.exposition import render

Found = dict[tuple[Any, ...], float]


def scrape(collector: Any) -> Found:
    """Every series by its name and its label values, in the order of the labels' names. Both formats must say the same."""
    text, _ = render(collector)
    modern, _ = render(collector, accept="application/openmetrics-text;version=1.0.0")
    found = _read(text_string_to_metric_families(text.decode()))
    assert found == _read(openmetrics.text_string_to_metric_families(modern.decode()))
    return found


def _read(families: Any) -> Found:
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for sample in samples}
    assert len(found) == len(samples), "a series is there twice"
    return found


def of(found: Found, name: str) -> dict[tuple[Any, ...], float]:
    """The series of one name, by their label values."""
    return {labels: value for (each, *labels_list), value in found.items() for labels in [tuple(labels_list)] if each == name}
