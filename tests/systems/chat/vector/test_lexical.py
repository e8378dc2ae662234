"""SPEC G1: finding passages by their words."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.vector.corpus.passage import Passage
from yaoki.systems.chat.vector.index.counted import CountedWords, count
from yaoki.systems.chat.vector.index.lexical import LexicalIndex


def passage(
    name: str, text: str, *, part: int = 1, signature: str = "", aliases: tuple[str, ...] = (), imported_by: int = 0
) -> Passage:
    return Passage(name, part, name, text, "somewhere", signature, aliases, imported_by)


def index_of(passages: list[Passage]) -> LexicalIndex:
    return LexicalIndex([count(passages)])


def found(passages: list[Passage], query: str, k: int = 5) -> list[str]:
    return [passages[number].id for number, _ in index_of(passages).search(query, k)]


def test_g1_the_name_weighs_more_than_the_body() -> None:
    """SPEC G1: who asks for a lid means what is called so, not what mentions it."""
    passages = [
        passage("a.stir", "Put the lid on the pot and then stir it slowly."),
        passage("a.lid", "Covers whatever is hot in there."),
    ]

    assert found(passages, "lid") == ["a.lid", "a.stir"]


def test_g1_the_first_sentence_weighs_more_than_the_rest() -> None:
    """SPEC G1: a docstring's first sentence says what the thing is for."""
    passages = [passage("a.one", "Cook a meal. Boil the water."), passage("a.two", "Boil the water. Cook a meal.")]

    assert found(passages, "boil water") == ["a.two", "a.one"]


def test_g1_signature_and_further_names_are_found() -> None:
    """SPEC G1: a parameter's name and an alias lead to the passage."""
    passages = [
        passage("a.wait", "Waits for it.", signature="a.wait(fut, deadline)"),
        passage("a.insort_right", "Insert an item.", aliases=("a.insort",)),
        passage("a.other", "Something else."),
    ]

    assert found(passages, "deadline") == ["a.wait"]
    assert found(passages, "insort") == ["a.insort_right"]


def test_g1_a_name_in_one_piece_is_split_by_the_words_of_the_corpus() -> None:
    """SPEC G1: `urlparse` is found by "parse a url", since the corpus knows both words and not the whole."""
    prose = [passage(f"a.f{number}", "How to parse text with a url in it, in words.") for number in range(6)]
    passages = [passage("b.urlparse", "Six components are returned."), passage("b.timeout", "Never."), *prose]

    assert "b.urlparse" in found(passages, "parse url")
    assert found(passages, "urlparse") == ["b.urlparse"]


def test_g1_what_is_much_imported_comes_first() -> None:
    """SPEC G1: of two alike, the one of the module that others import."""
    passages = [passage("rare.f", "Delete a tree."), passage("used.f", "Delete a tree.", imported_by=20)]

    (first, best), (second, other) = index_of(passages).search("delete tree", 2)

    assert (first, second) == (1, 0)
    assert best / other == pytest.approx(1 + 0.06 * math.log(21), rel=1e-5)


def test_g1_what_is_deep_inside_comes_later() -> None:
    """SPEC G1: of two alike, the one nearer to the surface."""
    passages = [passage("a.b.C.dump", "Writes an object."), passage("a.dump", "Writes an object.")]

    assert found(passages, "write object") == ["a.dump", "a.b.C.dump"]


def test_g1_a_dotted_name_means_that_thing() -> None:
    """SPEC G1: `os.replace` in a question finds it among all that is called replace."""
    passages = [
        passage("str.replace", "Replace all."),
        passage("os.replace", "Rename a file."),
        passage("os.rename", "Rename a file."),
    ]

    assert found(passages, "is os.replace atomic")[0] == "os.replace"


def test_g1_nothing_that_matches_is_nothing_found() -> None:
    """SPEC G1: no passage is returned for words that none has."""
    assert found([passage("a.f", "Some words.")], "kubernetes") == []
    assert found([passage("a.f", "Some words.")], "") == []
    assert found([], "anything") == []


def test_g1_japanese_is_found_by_pairs() -> None:
    """SPEC G1: documents in Japanese are found without a dictionary."""
    passages = [passage("文書/天気", "明日の天気は雨です。"), passage("文書/料理", "お湯を沸かします。")]

    assert found(passages, "天気はどうですか") == ["文書/天気"]


def test_g1_a_word_that_no_passage_has_weighs_most() -> None:
    """SPEC G1: refusal stands on this."""
    index = index_of([passage("a.f", "Hot words."), passage("a.g", "Hot soup.")])

    assert index.weight("kubernetes") > index.weight("word") > index.weight("hot") > 0.0


def test_g1_saved_counts_find_the_same() -> None:
    """SPEC G1: what was counted once is saved, not counted again."""
    counted = count([passage(f"a.f{number}", f"Word{number} and some more of them.") for number in range(30)])

    again = CountedWords.from_bytes(counted.to_bytes())

    assert LexicalIndex([again]).search("word7 more", 5) == LexicalIndex([counted]).search("word7 more", 5)


def test_g1_documents_are_put_together_in_any_parts() -> None:
    """SPEC G1: a passage scores the same in a document of its own and beside others in one."""
    passages = [passage(f"a.f{number}", f"Word{number % 3} and some more of them.") for number in range(9)]
    one = index_of(passages)
    many = LexicalIndex([count([each]) for each in passages])

    assert dict(many.search("word1 more f7", 9)) == pytest.approx(dict(one.search("word1 more f7", 9)))
    assert [many.weight(word) for word in ("word1", "some", "no")] == [one.weight(word) for word in ("word1", "some", "no")]


ARRAYS = ("sizes", "words", "frequencies", "lengths", "priors", "names", "own_sizes", "own_words")


@pytest.mark.parametrize("name", ARRAYS)
def test_g1_arrays_that_do_not_fit_are_refused(name: str) -> None:
    """SPEC G1: an array of another length is no index."""
    counted = count([passage("a.f", "Some words."), passage("a.g", "Others.")])

    with pytest.raises(ValueError, match="do not fit"):
        LexicalIndex([replace(counted, **{name: getattr(counted, name)[:-1]})])


@pytest.mark.parametrize("name", ["sizes", "words", "names", "own_sizes", "own_words"])
@pytest.mark.parametrize("number", [1000, -1])
def test_g1_arrays_that_point_nowhere_are_refused(name: str, number: int) -> None:
    """SPEC G1: a number out of range is no index."""
    counted = count([passage("a.f", "Some words."), passage("a.g", "Others.")])

    with pytest.raises(ValueError, match="do not fit"):
        LexicalIndex([replace(counted, **{name: np.full_like(getattr(counted, name), number)})])


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_g1_counts_of_another_length_are_refused(cut: int) -> None:
    """SPEC G1: what was cut off is no index."""
    with pytest.raises(ValueError, match="counted words"):
        CountedWords.from_bytes(count([passage("a.f", "Some words.")]).to_bytes()[:cut])


@given(st.lists(st.text(max_size=30), max_size=6), st.text(max_size=40), st.integers(1, 5))
def test_g1_any_text_can_be_indexed_and_asked(texts: list[str], query: str, k: int) -> None:
    """SPEC G1: scores fall, passages differ, and there are at most k."""
    passages = [passage(f"p{number}", text) for number, text in enumerate(texts)]

    hits = index_of(passages).search(query, k)

    assert len({number for number, _ in hits}) == len(hits) <= k
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
