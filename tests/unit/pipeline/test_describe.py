"""SPEC X4, H1: what a pipeline says of itself, for people and for programs."""

from __future__ import annotations

import json

from yaoki import Bulkhead, CircuitBreaker, Fallback, Pipeline, Retry, Timeout, constant, exponential, seconds
from yaoki.testing import Script, VirtualClock


def cached(query: str) -> str:
    return query


def standard() -> Pipeline:
    return Pipeline(
        Fallback(cached, value=None),
        Timeout(3.0),
        Retry(3, exponential(0.5, cap=5.0)),
        CircuitBreaker(failure_rate=0.5, window=seconds(30.0), open_timeout=30.0, name="search"),
        Bulkhead(8),
        Timeout(1.0),
        name="vector-search",
    )


def test_the_stack_is_shown_outermost_first() -> None:
    """SPEC X4: `print(pipeline.describe())` shows order and parameters."""
    lines = str(standard().describe()).splitlines()

    assert lines[0] == "pipeline vector-search"
    assert [line.split(":")[0].split(" ")[-1].strip() for line in lines[1:]] == [
        "fallback",
        "timeout",
        "retry",
        "'search'",
        "bulkhead",
        "timeout",
    ]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 6, 8, 10, 12]
    assert "max_attempts=3" in lines[3]
    assert lines[1].strip() == "fallback: strategies=['cached'], value=None"


def test_it_can_be_read_by_programs() -> None:
    """SPEC O6, X4: JSON-ready; nothing infinite, nothing that is not a plain value."""
    text = json.dumps(standard().describe().to_dict(), allow_nan=False)
    described = json.loads(text)

    assert described["pipeline"] == "vector-search"
    assert [layer["kind"] for layer in described["layers"]] == [
        "fallback",
        "timeout",
        "retry",
        "circuit_breaker",
        "bulkhead",
        "timeout",
    ]
    assert described["layers"][1] == {"kind": "timeout", "name": None, "seconds": 3.0}


def test_no_limit_reads_as_unlimited() -> None:
    """SPEC R4: JSON has no infinity."""
    described = Pipeline(Timeout(None), Retry(float("inf"), constant(1.0))).describe().to_dict()

    assert [layer.get("seconds", layer.get("max_attempts")) for layer in described["layers"]] == ["unlimited", "unlimited"]  # type: ignore[attr-defined]  # dictionaries
    json.dumps(described, allow_nan=False)


def test_a_description_is_a_copy() -> None:
    """SPEC X4: who changes it changes nothing else."""
    description = standard().describe()
    described = description.to_dict()
    described["layers"][0]["kind"] = "changed"  # type: ignore[index]  # a list of dictionaries

    assert description.layers[0]["kind"] == "fallback"


def test_a_pipeline_without_a_name_says_so() -> None:
    """SPEC X4: the first line is never empty."""
    assert str(Pipeline(Timeout(1.0)).describe()).splitlines()[0] == "pipeline (no name)"


def test_reprs_are_short() -> None:
    """SPEC X4: name and order."""
    pipeline = Pipeline(Timeout(3.0), Retry(), name="search")

    assert repr(pipeline) == "<Pipeline 'search': Timeout > Retry>"
    assert repr(Pipeline(Timeout(3.0))) == "<Pipeline: Timeout>"
    assert repr(pipeline.describe()) == "<Description of search: timeout > retry>"
    assert repr(Pipeline(Timeout(3.0)).describe()) == "<Description of a pipeline: timeout>"


def test_h1_a_snapshot_has_the_state_of_every_policy_at_one_moment() -> None:
    """SPEC H1: JSON-ready, before and after use."""
    pipeline = standard()
    with VirtualClock():
        for _ in range(2):
            snapshot = json.loads(json.dumps(pipeline.snapshot(), allow_nan=False))
            assert snapshot["pipeline"] == "vector-search"
            assert [policy["kind"] for policy in snapshot["policies"]] == [policy.kind for policy in pipeline.policies]
            pipeline.call(Script(then=ConnectionError).sync, "query")
    fallback, _, retry, breaker, bulkhead, _ = pipeline.snapshot()["policies"]  # type: ignore[misc]  # a list

    assert fallback["served"] == 2
    assert retry["budget_tokens"] == 500 - 4 * 14
    assert (breaker["failures"], bulkhead["in_use"]) == (6, 0)
