"""What a chat completion says: of a plain answer the text, of a streamed one the next piece (SPEC G2).

Anything that is not the shape of the interface is a wrong payload; what the text says is never judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from yaoki.systems.chat.http.client import WrongPayloadError, text_of

__all__ = ["DONE", "Piece", "piece_of", "text_of_completion"]

DONE = "[DONE]"
"""The data of the last event of a stream."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a stream. `text`: what it adds, perhaps nothing; `last`: whether the stream ends with it.

    `goes_on`: whether it says itself that the answer is not complete yet. A stream that ends after such an event, by `[DONE]` alone,
    was given up by its server: llama.cpp's does so when somebody else asks.
    """

    text: str
    last: bool
    goes_on: bool = False


def text_of_completion(answered: Any) -> str:  # parsed JSON
    """The text of a plain completion. Raises WrongPayloadError."""
    message = _choice(answered).get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise WrongPayloadError("a completion without text")
    return text_of(text)


def piece_of(data: str) -> Piece:
    """The piece in the data of one event. Raises WrongPayloadError, also for an error that comes as an event.

    A plain completion is the only piece: not every server streams where it is asked to.
    """
    if data == DONE:
        return Piece("", last=True)
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WrongPayloadError("an event that is no JSON") from error
    if isinstance(event, dict) and event.get("choices") == []:
        # Figures of use, and what filters say, come without a choice.
        return Piece("", last=False)
    choice = _choice(event)
    if "message" in choice:
        return Piece(text_of_completion(event), last=True)
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    if text is not None and not isinstance(text, str):
        raise WrongPayloadError("an event whose content is no text")
    finished = choice.get("finish_reason") is not None
    return Piece(text or "", last=finished, goes_on="finish_reason" in choice and not finished)


def _choice(answered: Any) -> dict[str, Any]:
    choices = answered.get("choices") if isinstance(answered, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise WrongPayloadError("a completion without choices")
    return choices[0]
