"""The id of the request that this code runs for: set where a request comes in, read where something is logged about it."""

from __future__ import annotations

import os
from contextvars import ContextVar

__all__ = ["current_request", "is_request_id", "new_request_id"]

current_request: ContextVar[str | None] = ContextVar("yaoki_request", default=None)
"""The id of the request in this task or thread, or None."""

_LONGEST = 64


def new_request_id() -> str:
    """A new id: 16 hexadecimal digits."""
    return os.urandom(8).hex()


def is_request_id(text: str) -> bool:
    """Whether an id from outside may be used: short, and nothing in it that a log or a header could stumble over."""
    return 0 < len(text) <= _LONGEST and text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
