"""Which questions are the same one: never an opposite."""

from __future__ import annotations

import pytest

from yaoki.systems.chat.answer_cache import AnswerCache, same_question
from yaoki.systems.chat.answering import Written
from yaoki.testing import VirtualClock

SAME = [
    ("How do I sort a list?", "how do I sort a list"),
    ("How do I sort a list?", "  How do\n I sort a list?!"),
    ("How do I sort a list?", "Ｈow do I sort a list？"),
    ("リストの並べ替え方は。", "リストの並べ替え方は"),
]

DIFFERENT = [
    ("How do I enable caching?", "How do I disable caching?"),
    ("May a lock be released twice?", "May a lock not be released twice?"),
    ("What is HTTP 404?", "What is HTTP 403?"),
    ("bytes to string", "string to bytes"),
    ("json.dump", "json.dumps"),
    ("Event of threading", "event Of threading"),
    ("What is !=", "What is =="),
    ("What is ?", "What is !"),
    ("turn it on", "turn it off"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_question(one: str, other: str) -> None:
    """White space, width, a first capital and the marks at the end make no other question."""
    assert same_question(one) == same_question(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_question(one: str, other: str) -> None:
    """SPEC G3: the cache never serves the answer to an opposite question (negation, other number, on or off)."""
    assert same_question(one) != same_question(other)


@pytest.mark.virtual_time
def test_an_answer_has_an_age_and_an_end(virtual_clock: VirtualClock) -> None:
    """SPEC G3: a cached answer comes with its age; too old ones, and those from other documents, are not served."""
    cache = AnswerCache(lifetime=100.0)
    cache.keep("q", Written("a"), "v1")
    virtual_clock.advance(40.0)

    assert cache.find("q", "v1") == (Written("a"), 40.0)
    assert cache.find("q", "v2") is None
    virtual_clock.advance(61.0)
    assert cache.find("q", "v1") is None
    assert (cache.hits, cache.misses) == (1, 2)


def test_the_cache_is_bounded() -> None:
    """The least used answers go first."""
    cache = AnswerCache(size=2)
    for question in ("a", "b"):
        cache.keep(question, Written(question), "")
    cache.find("a", "")
    cache.keep("c", Written("c"), "")

    assert [cache.find(question, "") is not None for question in ("a", "b", "c")] == [True, False, True]
