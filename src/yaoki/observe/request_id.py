"""The id of the request that this code runs for: set where a request comes in, read where something is logged about it."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

__all__ = ["current_request", "is_request_id", "is_uuid", "new_request_id"]

current_request: ContextVar[str | None] = ContextVar("yaoki_request", default=None)
"""The id of the request in this task or thread, or None."""

_LONGEST = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")


def new_request_id() -> str:
    """A new id: 32 hexadecimal digits, a UUID of chance (RFC 9562, version 4) without its dashes."""
    digits = os.urandom(16).hex()
    # Where the version stands, and the variant.
    return f"{digits[:12]}4{digits[13:16]}{'89ab'[int(digits[16], 16) % 4]}{digits[17:]}"


def is_request_id(text: str) -> bool:
    """Whether an id from outside may be used: short, and nothing in it that a log or a header could stumble over."""
    return 0 < len(text) <= _LONGEST and text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()


def is_uuid(text: str) -> bool:
    """Whether an id is a UUID, with its dashes or without: the only ids that every service takes from others."""
    return _UUID.fullmatch(text) is not None
