"""What a caller may send to `POST /chat`, and the reason of a refusal: always a 4xx, never a 500 (SPEC G3, X5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from yaoki.systems.chat.http.request_body import RefusedError, kind_of, read_json, text_field

__all__ = ["Message", "read_message"]

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `text`: what was asked. `deadline`: seconds that the caller wants to wait at most, infinity if it said nothing."""

    text: str
    user_id: str | None
    conversation_id: str | None
    deadline: float


def read_message(body: bytes, longest: int) -> Message:
    """The message in a body; `longest`: characters that it may have. Raises RefusedError (400, 413 or 422) with the reason."""
    found = read_json(body)
    if "message" not in found:
        raise RefusedError(422, "message_missing", 'message is missing: send {"message": "..."}')
    text = text_field(found, "message", longest)
    if not text.strip():
        raise RefusedError(422, "message_empty", "the message is empty")
    return Message(text, _name(found, "user_id"), _name(found, "conversation_id"), _deadline(found))


def _name(found: dict[str, Any], field: str) -> str | None:
    return None if found.get(field) is None else text_field(found, field, LONGEST_NAME)


def _deadline(found: dict[str, Any]) -> float:
    value = found.get("deadline_ms")
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError(422, "deadline_ms_wrong_type", f"deadline_ms must be a number of milliseconds, not {kind_of(value)}")
    if not 0 < value <= 3_600_000:
        raise RefusedError(422, "deadline_ms_out_of_range", "deadline_ms must be more than 0 and at most 3600000")
    return value / 1000.0
