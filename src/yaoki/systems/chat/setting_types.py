"""The types of the chat's settings: seconds, addresses of services, their keys (SPEC X5)."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

__all__ = ["ApiKey", "Seconds", "Url"]


def _unset_if_empty(value: object) -> object:
    return None if value == "" else value


def _checked_url(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as http://127.0.0.1:8080")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user, query or fragment")
    # Raises for a port that is none.
    _ = parts.port
    return text.rstrip("/")


def _fits_a_header(key: SecretStr | None) -> SecretStr | None:
    if key is not None and not all("!" <= each <= "~" for each in key.get_secret_value()):
        raise ValueError("must be printable ASCII characters without spaces")
    return key


Seconds = Annotated[float, Field(gt=0.0, le=3600.0, allow_inf_nan=False)]
"""A time that something may take."""

Url = Annotated[str | None, BeforeValidator(_unset_if_empty), AfterValidator(_checked_url)]
"""Where a service is, without a slash at the end; an empty text is unset."""

ApiKey = Annotated[SecretStr | None, BeforeValidator(_unset_if_empty), AfterValidator(_fits_a_header)]
"""The bearer token of a service; an empty text is unset."""
