"""What is in the body of a request: bounded, UTF-8, JSON, and every field of the type it must have (SPEC G3, X5).

Whatever is wrong is refused with a 4xx whose reason names the field.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping

__all__ = ["LONGEST_BODY", "RefusedError", "kind_of", "read_body", "read_json", "text_field"]

LONGEST_BODY = 1 << 20
"""Bytes of a body that are read."""
DEEPEST = 20
"""Levels of objects and lists in a body."""


class RefusedError(Exception):
    """The request cannot be answered as it is. `status`: the HTTP status; `error`: one word; `reason`: a sentence."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(status, error, reason)
        self.status = status
        self.error = error
        self.reason = reason


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


def text_field(found: Mapping[str, Any], name: str, longest: int, *, where: str | None = None) -> str:
    """The text in a field, of at most `longest` characters. `where`: how a reason names the field, `name` by default.

    Raises RefusedError (413 or 422) where the field is missing, no text, too long, or holds half of a character.
    """
    where = where or name
    if name not in found:
        raise RefusedError(422, f"{name}_missing", f"{where} is missing")
    value = found[name]
    if not isinstance(value, str):
        raise RefusedError(422, f"{name}_wrong_type", f"{where} must be a text, not {kind_of(value)}")
    if len(value) > longest:
        raise RefusedError(413, f"{name}_too_long", f"{where} has {len(value)} characters; at most {longest} are read")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RefusedError(422, f"{name}_not_text", f"{where} holds half of a character at {error.start}") from error
    return value


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "something else")


def _is_deeper(value: object, levels: int) -> bool:
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, dict | list):
            if depth >= levels:
                return True
            waiting.extend((inner, depth + 1) for inner in (each.values() if isinstance(each, dict) else each))
    return False
