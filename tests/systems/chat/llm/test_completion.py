"""What is a completion, and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.systems.chat.scripted import delta
from yaoki.systems.chat.http.client import WrongPayloadError
from yaoki.systems.chat.llm.completion import Piece, piece_of, text_of_completion


def completion(content: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}


def test_the_text_of_a_completion() -> None:
    """SPEC G1: the content of the first choice, as it is."""
    assert text_of_completion(completion(" yes \n")) == " yes \n"


@pytest.mark.parametrize(
    "answered",
    [[], "text", {}, {"choices": []}, {"choices": [None]}, {"choices": [{}]}, {"choices": [{"message": "yes"}]}]
    + [completion(content) for content in ("", "  \n", None, 7, ["yes"])],
    ids=repr,
)
def test_a_completion_without_text_is_a_wrong_payload(answered: Any) -> None:
    """SPEC G2: from a model a string that is not empty is wanted; less is a failure."""
    with pytest.raises(WrongPayloadError):
        text_of_completion(answered)


@pytest.mark.parametrize(
    ("data", "piece"),
    [
        ("[DONE]", Piece("", last=True)),
        ('{"choices": [{"delta": {"role": "assistant"}}]}', Piece("", last=False)),
        ('{"choices": [{"delta": {"content": "a"}, "finish_reason": null}]}', Piece("a", last=False, goes_on=True)),
        ('{"choices": [{"delta": {"content": "a"}, "finish_reason": "length"}]}', Piece("a", last=True)),
        ('{"choices": [], "usage": {}}', Piece("", last=False)),
        ('{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}', Piece("a", last=True)),
    ],
)
def test_the_pieces_of_a_stream(data: str, piece: Piece) -> None:
    """SPEC G1: as servers of the interface send them."""
    assert piece_of(data) == piece


@pytest.mark.parametrize(
    "data",
    ["", "busy", "[1]", "[" * 100_000, '{"error": {"message": "x"}}', '{"choices": [{"delta": {"content": 7}}]}'],
    ids=range(6),
)
def test_an_event_that_is_none_is_a_wrong_payload(data: str) -> None:
    """SPEC G2: also an error that comes as an event."""
    with pytest.raises(WrongPayloadError):
        piece_of(data)


def test_what_the_helper_makes_is_a_piece() -> None:
    """The tests' own events are those of the interface."""
    import json

    assert piece_of(json.dumps(delta("a"))) == Piece("a", last=False, goes_on=True)
