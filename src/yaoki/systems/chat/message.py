"""What a caller may send to `POST /chat`, and the reason of a refusal: always a 4xx, never a 500 (SPEC G3, X5)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

__all__ = ["LONGEST_BODY", "Message", "RefusedError", "read_body", "read_json", "read_message"]

LONGEST_BODY = 1 << 20
"""Bytes of a body that are read."""
LONGEST_NAME = 200
DEEPEST = 20


class RefusedError(Exception):
    """The request cannot be answered as it is. `status`: the HTTP status; `error`: one word; `reason`: a sentence."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(status, error, reason)
        self.status = status
        self.error = error
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `text`: what was asked. `deadline`: seconds that the caller wants to wait at most, infinity if it said nothing."""

    text: str
    user_id: str | None
    conversation_id: str | None
    deadline: float


async def read_body(chunks: AsyncIterable[bytes], longest: int = LONGEST_BODY) -> bytes:
    """The body of a request. Raises RefusedError (413) as soon as it is too long, whatever length was announced."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > longest:
            raise RefusedError(413, "body_too_long", f"the body has more than {longest} bytes")
    return bytes(body)


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises RefusedError (400) for anything else."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(400, "not_utf_8", f"the body is not UTF-8: byte {error.start} cannot be read") from error
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise RefusedError(400, "too_deep", "the JSON is nested too deeply") from error
    except ValueError as error:
        raise RefusedError(400, "not_json", f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise RefusedError(400, "not_an_object", 'the body must be a JSON object such as {"message": "..."}')
    if _is_deeper(found, DEEPEST):
        raise RefusedError(400, "too_deep", "the JSON is nested too deeply")
    return found


def read_message(body: bytes, longest: int) -> Message:
    """The message in a body; `longest`: characters that it may have. Raises RefusedError (400, 413 or 422) with the reason."""
    found = read_json(body)
    text = _text(found, "message", longest, required=True)
    assert text is not None
    if not text.strip():
        raise RefusedError(422, "message_empty", "the message is empty")
    return Message(text, _text(found, "user_id", LONGEST_NAME), _text(found, "conversation_id", LONGEST_NAME), _deadline(found))


def _text(found: dict[str, Any], name: str, longest: int, *, required: bool = False) -> str | None:
    value = found.get(name)
    if value is None and (not required or name in found):
        if required:
            raise RefusedError(422, f"{name}_wrong_type", f"{name} must be a text, not null")
        return None
    if value is None:
        raise RefusedError(422, f"{name}_missing", f'{name} is missing: send {{"{name}": "..."}}')
    if not isinstance(value, str):
        raise RefusedError(422, f"{name}_wrong_type", f"{name} must be a text, not {_kind(value)}")
    if len(value) > longest:
        raise RefusedError(413, f"{name}_too_long", f"{name} has {len(value)} characters; at most {longest} are read")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RefusedError(422, f"{name}_not_text", f"{name} holds half of a character at {error.start}") from error
    return value


def _deadline(found: dict[str, Any]) -> float:
    value = found.get("deadline_ms")
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError(422, "deadline_ms_wrong_type", f"deadline_ms must be a number of milliseconds, not {_kind(value)}")
    if not 0 < value <= 3_600_000:
        raise RefusedError(422, "deadline_ms_out_of_range", "deadline_ms must be more than 0 and at most 3600000")
    return value / 1000.0


def _is_deeper(value: object, levels: int) -> bool:
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, dict | list):
            if depth >= levels:
                return True
            waiting.extend((inner, depth + 1) for inner in (each.values() if isinstance(each, dict) else each))
    return False


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "something else")
