"""The answer cache on strangers' pairs, by words alone: what `python -m bench.chat_cache` measures, held as a floor.

The fresh pairs are measured there and not held here: what is held is mended until it holds, and then measures nothing more.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.systems.chat.labelled.sets import CachePair, Half, PairKind, cache_pairs
from yaoki.systems.chat.answer_cache.guards import disagreement
from yaoki.systems.chat.answer_cache.question import read
from yaoki.systems.chat.answer_cache.similarity import may_share_an_answer

PAIRS = [pair for pair in cache_pairs() if pair.half is not Half.FRESH]
PARAPHRASES = [pair for pair in PAIRS if pair.kind is PairKind.PARAPHRASE]
OTHERS = [pair for pair in PAIRS if pair.kind is not PairKind.PARAPHRASE]


@pytest.mark.parametrize("pair", OTHERS, ids=lambda pair: pair.now)
def test_another_question_is_never_served(pair: CachePair) -> None:
    """SPEC G3: neither an opposite nor another subject, in either order."""
    assert not may_share_an_answer(read(pair.before), read(pair.now))
    assert not may_share_an_answer(read(pair.now), read(pair.before))


@pytest.mark.parametrize("pair", [pair for pair in OTHERS if pair.kind is PairKind.OPPOSITE], ids=lambda pair: pair.now)
def test_a_guard_holds_opposites_apart_however_near_they_sound(pair: CachePair) -> None:
    """SPEC G3: an opposite is not left to a bound on nearness."""
    assert disagreement(read(pair.before), read(pair.now)) is not None


def test_no_question_of_another_pair_is_served() -> None:
    """SPEC G3: nor any question that was labelled beside another."""
    asked = [(number, read(text)) for number, pair in enumerate(PAIRS) for text in (pair.before, pair.now)]

    served = [
        (one.key, other.key)
        for (mine, one), (theirs, other) in combinations(asked, 2)
        if mine != theirs and may_share_an_answer(one, other)
    ]
    assert served == []


def test_enough_paraphrases_are_served_by_words_alone() -> None:
    """SPEC G3: at least 40 % of them where there are no embeddings; more than half, in fact."""
    served = sum(may_share_an_answer(read(pair.before), read(pair.now)) for pair in PARAPHRASES)

    assert served >= 0.5 * len(PARAPHRASES)
