"""SPEC G1: what counts as a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.segmentation.words import dotted_names, question_words, stem, subject_words, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wait_for", ["wait", "for", "wait_for"]),
        ("JSONDecodeError", ["json", "decod", "error", "jsondecodeerror"]),
        ("HTTPServer", ["http", "server", "httpserver"]),
        ("base64", ["bas", "64", "base64"]),
        ("__init__", ["init"]),
        ("asyncio.wait_for()", ["asyncio", "wait", "for", "wait_for"]),
    ],
)
def test_g1_a_name_is_read_by_its_parts_and_as_a_whole(text: str, expected: list[str]) -> None:
    """SPEC G1: names are split at underscores, at changes of case and between letters and digits."""
    assert words(text) == expected


@pytest.mark.parametrize(
    "forms",
    [
        ("raise", "raises", "raised", "raising"),
        ("directory", "directories"),
        ("class", "classes"),
        ("stop", "stops", "stopped", "stopping"),
        ("parse", "parsing", "parsed"),
        ("recursive", "recursively"),
        ("match", "matches", "matching"),
    ],
)
def test_g1_the_forms_of_a_word_are_one_word(forms: tuple[str, ...]) -> None:
    """SPEC G1: endings are taken off."""
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(("one", "other"), [("status", "stat"), ("thing", "the"), ("string", "str"), ("class", "clas")])
def test_g1_what_is_no_ending_stays(one: str, other: str) -> None:
    """SPEC G1: the stemmer is light: different words stay different."""
    assert stem(one) != stem(other)


def test_g1_japanese_is_read_by_pairs_of_characters() -> None:
    """SPEC G1: text without spaces gives overlapping pairs; names in it are read as names."""
    assert words("asyncioのタスク") == ["asyncio", "のタ", "タス", "スク"]
    assert words("熱") == ["熱"]


def test_g1_full_width_letters_are_letters() -> None:
    """SPEC G1: what an input method makes of a name is that name."""
    assert words("ａｓｙｎｃｉｏ　ﾀｽｸ") == words("asyncio タスク")


def test_g1_a_question_is_its_subject() -> None:
    """SPEC G1: words that make a question out of a subject carry nothing; a question of nothing else keeps them."""
    assert question_words("How do I set a timeout on an asyncio task?") == ["set", "timeout", "asyncio", "task"]
    assert question_words("How are you?") == ["how", "are", "you"]


def test_g1_words_of_the_language_stay_in_a_question() -> None:
    """SPEC G1: `with`, `for`, `not` are how the language reference is found."""
    assert question_words("What does the with statement do?") == ["with", "statement"]


def test_g1_words_that_only_join_others_are_no_subject() -> None:
    """SPEC G1: nothing is answered because it has an "in"; who asks for `with` itself is answered."""
    assert subject_words("list comprehension in Haskell") == ["list", "comprehension", "haskell"]
    assert subject_words("What does with do?") == ["with"]


def test_g1_examples_in_a_question_are_not_its_subject() -> None:
    """SPEC G1: quoted data, numbers, dates and addresses; a quoted word is one, and a question of nothing else speaks of them."""
    assert subject_words("split 'Bob <bob@example.org>' at the address") == ["split", "at", "address"]
    assert subject_words("parse 2024-03-01T12:00:00 and 3.11 of ann@example.org") == ["pars"]
    assert subject_words("the 'nonlocal' statement, isn't it") == ["nonlocal", "statement"]
    assert subject_words("decode base64") == ["decod", "bas", "64", "base64"]
    assert subject_words("2024") == ["2024"]


def test_g1_dotted_names_are_known_as_such() -> None:
    """SPEC G1: `os.replace` in a question means that function."""
    assert dotted_names("Is os.replace atomic? See 3.11, a.b.c.") == ["os.replace", "a.b.c"]


@given(st.text())
def test_g1_any_text_has_words(text: str) -> None:
    """SPEC G1: no text of a caller is an error, and every word is lower case and without spaces."""
    for word in (*words(text), *question_words(text), *dotted_names(text)):
        assert word
        assert not any(character.isspace() for character in word)


def test_g1_japanese_becomes_pairs_and_han_characters() -> None:
    """SPEC G1: there are no spaces, and many Han characters are words by themselves."""
    assert words("傘を買う") == ["傘を", "を買", "買う", "傘", "買"]


def test_g1_the_subject_of_a_japanese_question_is_what_is_no_ending() -> None:
    """SPEC G1: pairs with hiragana are left out, and characters whose pair stands there already."""
    assert subject_words("東京の天気は?") == ["東京", "天気"]
    assert subject_words("傘を買う?") == ["傘", "買"]
