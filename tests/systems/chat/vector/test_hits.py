"""SPEC G1, G2: what a search returns, also over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from yaoki.systems.chat.vector.index.hits import Hit


def test_g1_a_hit_goes_over_the_wire_and_back() -> None:
    """SPEC G1: all six fields."""
    hit = Hit("a.f#2", "Some text.", 1.5, "a.f", "a.f(x)", "a.py, line 3")

    assert Hit.from_dict(hit.to_dict()) == hit


def test_g1_three_fields_are_enough() -> None:
    """SPEC G1: a foreign service gives an id, a text, a score; what else it gives of the wrong kind is passed over."""
    assert Hit.from_dict({"id": 3, "text": "t", "score": 2, "title": None, "source": 5, "more": 1}) == Hit("3", "t", 2.0)


@pytest.mark.parametrize(
    "given",
    [
        {"text": "t", "score": 1.0},
        {"id": "a", "score": 1.0},
        {"id": "a", "text": "t"},
        {"id": True, "text": "t", "score": 1.0},
        {"id": None, "text": "t", "score": 1.0},
        {"id": "a", "text": None, "score": 1.0},
        {"id": "a", "text": "t", "score": "1.0"},
        {"id": "a", "text": "t", "score": True},
        {"id": "a", "text": "t", "score": float("nan")},
        {"id": "a", "text": "t", "score": float("inf")},
        {"id": "a", "text": "t", "score": 10**400},
        {"id": 10**5000, "text": "t", "score": 1.0},
        "id text score",
        None,
        7,
    ],
)
def test_g2_less_is_a_wrong_payload(given: Any) -> None:
    """SPEC G2: it is told from a right one, whatever was sent."""
    with pytest.raises(ValueError):
        Hit.from_dict(given)
