"""SPEC G1: where a sentence ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.segmentation.sentences import split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It waits. Then it stops.", ["It waits.", "Then it stops."]),
        ("Ok? Yes! Done", ["Ok?", "Yes!", "Done"]),
        ('He said "no." She left.', ['He said "no."', "She left."]),
        ("See no. 5 there. Say no. Go.", ["See no. 5 there.", "Say no.", "Go."]),
        ("Use it (e.g. here). It works.", ["Use it (e.g. here).", "It works."]),
        ("See Dr. Smith, i.e. the doctor. He knows.", ["See Dr. Smith, i.e. the doctor.", "He knows."]),
        ("By J. R. Tolkien. A book.", ["By J. R. Tolkien.", "A book."]),
        ("Lists, tuples, etc. are fine.", ["Lists, tuples, etc. are fine."]),
        ("Lists, tuples, etc. Sets as well.", ["Lists, tuples, etc.", "Sets as well."]),
        ("New in version 3.11. It is fast.", ["New in version 3.11.", "It is fast."]),
        ("Waits for 2.5 seconds. Then goes on.", ["Waits for 2.5 seconds.", "Then goes on."]),
        ("1. The first item. More of it.", ["1. The first item.", "More of it."]),
        ("The task ends. asyncio.sleep() goes on.", ["The task ends.", "asyncio.sleep() goes on."]),
        ("The file is read.  mode is a string.", ["The file is read.", "mode is a string."]),
        ("See foo.bar. baz is not a name of code", ["See foo.bar. baz is not a name of code"]),
        ("Wait… Then go.", ["Wait…", "Then go."]),
    ],
)
def test_g1_english(text: str, expected: list[str]) -> None:
    """SPEC G1: a full stop ends a sentence unless it belongs to an abbreviation, an initial or a number."""
    assert split(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京に行く。京都も！本当？", ["東京に行く。", "京都も！", "本当？"]),
        ("「はい。」と言った。次です。", ["「はい。」と言った。", "次です。"]),
        ("「はい。」次です。", ["「はい。」", "次です。"]),
    ],
)
def test_g1_japanese(text: str, expected: list[str]) -> None:
    """SPEC G1: Japanese sentences end without a space; quoted speech may go on."""
    assert split(text) == expected


def test_g1_white_space_is_folded() -> None:
    """SPEC G1: a sentence that was broken into lines is one line."""
    assert split("It waits\n   until   done. ") == ["It waits until done."]


@given(st.text(alphabet=st.sampled_from("aB. \n!?。」(e.g)…１3")))
def test_g1_nothing_is_lost(text: str) -> None:
    """SPEC G1: the sentences together are the text, word for word, and none is empty."""
    found = split(text)

    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(found)


def test_g1_a_text_of_full_stops_is_no_burden() -> None:
    """SPEC X5: the work grows with the length of a hostile text, not with its square."""
    assert split("." * 200_000) == ["." * 200_000]
