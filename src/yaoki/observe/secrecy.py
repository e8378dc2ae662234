"""Secrets that no log may show (SPEC X5): whoever holds one says so once, and every formatter of ours leaves it out."""

from __future__ import annotations

import threading

__all__ = ["HIDDEN", "cleaned", "hide", "is_secret_name"]

HIDDEN = "***"
"""What stands in the place of a secret."""

_WORDS = ("authorization", "cookie", "credential", "passwd", "password", "secret", "token", "api_key", "apikey", "private_key")

_lock = threading.Lock()
_secrets: tuple[str, ...] = ()


def hide(secret: str) -> None:
    """Leave `secret` out of all logs from now on."""
    global _secrets
    with _lock:
        if secret and secret not in _secrets:
            # The longest first: one may be a part of another.
            _secrets = tuple(sorted((*_secrets, secret), key=len, reverse=True))


def cleaned(text: str) -> str:
    """The text without the secrets."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is left out of logs whatever it holds."""
    lower = name.lower().replace("-", "_")
    return any(word in lower for word in _WORDS)
