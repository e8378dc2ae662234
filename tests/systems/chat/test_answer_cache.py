"""What the cache keeps, for whom and for how long; which questions are the same word for word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from yaoki.systems.chat.answer_cache import AnswerCache
from yaoki.systems.chat.answer_cache.question import same_question
from yaoki.systems.chat.answerer import Written
from yaoki.systems.chat.embeddings.embedder import EmbeddingError, Matrix
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


pytestmark = pytest.mark.virtual_time


async def test_an_answer_has_an_age_and_an_end(virtual_clock: VirtualClock) -> None:
    """SPEC G3: a cached answer comes with its age; too old ones, and those from other documents, are not served."""
    cache = AnswerCache(lifetime=100.0)
    cache.keep("What is a list?", Written("a"), "v1")
    virtual_clock.advance(40.0)

    assert await cache.find("What is a list?", "v1") == (Written("a"), 40.0)
    assert await cache.find("What is a list?", "v2") is None
    virtual_clock.advance(61.0)
    assert await cache.find("What is a list?", "v1") is None
    assert (cache.hits, cache.misses) == (1, 2)


async def test_the_cache_is_bounded() -> None:
    """The least used answers go first."""
    cache = AnswerCache(size=2)
    for question in ("sorted", "reversed"):
        cache.keep(question, Written(question), "")
    await cache.find("sorted", "")
    cache.keep("enumerate", Written("enumerate"), "")

    assert [await cache.find(each, "") is not None for each in ("sorted", "reversed", "enumerate")] == [True, False, True]


async def test_a_question_in_other_words_is_served() -> None:
    """SPEC G3: a similar question gets the earlier answer; of several, the most alike."""
    cache = AnswerCache()
    cache.keep("How do I delete a file?", Written("os.remove"), "")
    cache.keep("How do I delete a directory?", Written("shutil.rmtree"), "")

    assert (await cache.find("How can I remove files in Python?", "") or ("",))[0] == Written("os.remove")
    assert await cache.find("How do I move a file?", "") is None
    assert (cache.hits, cache.similar_hits, cache.misses) == (1, 1, 1)


async def test_an_answer_with_a_history_stays_in_its_conversation() -> None:
    """SPEC K1: what was said to one user in a conversation is never served to another."""
    cache = AnswerCache()
    cache.keep("How do I sort tuples?", Written("as in your example"), "", conversation="ann/1")

    assert await cache.find("How do I sort tuples?", "") is None
    assert await cache.find("How do I sort tuples?", "", conversation="bob/1") is None
    assert await cache.find("How can I sort tuples?", "", conversation="ann/2") is None
    assert await cache.find("How do I sort tuples?", "", conversation="ann/1") == (Written("as in your example"), 0.0)


async def test_a_question_that_points_back_gets_no_answer_from_elsewhere() -> None:
    """SPEC G3: "and the other one?" means something else in every conversation; a whole question does not."""
    cache = AnswerCache()
    cache.keep("How do I reverse it?", Written("a string"), "")
    cache.keep("How do I reverse a list?", Written("a list"), "")

    assert await cache.find("How do I reverse it?", "", conversation="ann/1") is None
    assert await cache.find("How do I reverse a list?", "", conversation="ann/1") == (Written("a list"), 0.0)


async def test_a_pasted_text_is_served_only_to_itself() -> None:
    """SPEC X5: comparing questions costs little, however long they are and whatever stands in them."""
    cache = AnswerCache()
    pasted = "How do I delete a file to a list " + "from string to bytes of dict " * 100
    cache.keep(pasted, Written("os.remove"), "")

    assert await cache.find(f"Please, {pasted}", "") is None
    assert await cache.find(pasted, "") == (Written("os.remove"), 0.0)


class Near:
    """An embedder for tests: a question is a direction, that of the first word it knows."""

    dimensions = 2

    def __init__(self, name: str = "near", *, fails: bool = False) -> None:
        self.name = name
        self.fails = fails

    def embed(self, texts: Sequence[str]) -> Matrix:
        if self.fails:
            raise EmbeddingError("not today")
        return np.array([[1.0, 0.0] if "water" in text else [0.0, 1.0] for text in texts], np.float32)

    def understands(self, text: str) -> bool:
        return text.isascii()


async def cached(cache: AnswerCache, question: str) -> str | None:
    """The text of the answer that is served."""
    found = await cache.find(question, "")
    return None if found is None else found[0].text


async def test_an_embedder_finds_what_shares_no_words() -> None:
    """SPEC G3: with an embedder the nearness of meaning decides, and the guards all the same."""
    cache = AnswerCache(embedder=Near)
    cache.keep("How do I boil water quickly?", Written("kettle"), "")

    assert await cached(cache, "Which is the easiest road from cold water to hot?") == "kettle"
    assert await cached(cache, "Which is the hardest road to not so cold water?") is None
    assert await cached(cache, "Who likes to eat cake?") is None
    cache.close()


@pytest.mark.parametrize("embedder", [Near(fails=True), None])
async def test_without_embeddings_words_decide(embedder: Near | None) -> None:
    """SPEC G3: an embedder that fails, or is not there, leaves the comparison of words."""
    cache = AnswerCache(embedder=lambda: embedder)
    cache.keep("How do I delete a file?", Written("os.remove"), "")

    assert await cached(cache, "How can I remove files in Python?") == "os.remove"
    assert await cached(cache, "Which is the easiest road from cold water to hot?") is None
    cache.close()


async def test_embeddings_of_two_models_are_not_compared() -> None:
    """Vectors of one model say nothing to those of another."""
    embedder = Near("one")
    cache = AnswerCache(embedder=lambda: embedder)
    cache.keep("How do I boil water quickly?", Written("kettle"), "")
    assert await cached(cache, "Which is the easiest road from cold water to hot?") == "kettle"
    embedder = Near("another")

    assert await cached(cache, "Which is the easiest road from cold water to hot?") is None
    cache.close()
