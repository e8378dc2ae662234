"""What httpx raises is classified without importing it (SPEC F3, R4, G2)."""

from __future__ import annotations

import httpx
import pytest

from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.classifier import classify


def status_error(status: int, **headers: str) -> httpx.HTTPStatusError:
    response = httpx.Response(status, headers=headers, request=httpx.Request("POST", "http://127.0.0.1/search"))
    with pytest.raises(httpx.HTTPStatusError) as raised:
        response.raise_for_status()
    return raised.value


@pytest.mark.parametrize(
    ("error", "category", "recoverability", "origin"),
    [
        (httpx.ConnectError("x"), Category.NETWORK, Recoverability.RECOVERABLE, Origin.DEPENDENCY),
        (httpx.ReadError("x"), Category.NETWORK, Recoverability.TRANSIENT, Origin.DEPENDENCY),
        (httpx.RemoteProtocolError("x"), Category.NETWORK, Recoverability.TRANSIENT, Origin.DEPENDENCY),
        (httpx.ReadTimeout("x"), Category.TIMEOUT, Recoverability.RECOVERABLE, Origin.DEPENDENCY),
        (httpx.PoolTimeout("x"), Category.CAPACITY, Recoverability.RECOVERABLE, Origin.LOCAL),
        (httpx.InvalidURL("x"), Category.SYSTEM, Recoverability.FATAL, Origin.CALLER),
        (httpx.DecodingError("x"), Category.DATA, Recoverability.RECOVERABLE, Origin.DEPENDENCY),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_fails_on_the_way(error: Exception, category: Category, recoverability: Recoverability, origin: Origin) -> None:
    """SPEC F3: the most specific class of httpx decides."""
    fault = classify(error)

    assert (fault.category, fault.recoverability, fault.origin) == (category, recoverability, origin)


def test_a_refused_request_is_the_callers_and_a_busy_server_says_when() -> None:
    """SPEC G2, R4: 400 counts against nobody but the caller; 503 keeps its Retry-After."""
    refused, busy = classify(status_error(400)), classify(status_error(503, **{"Retry-After": "120"}))

    assert (refused.origin, refused.is_retryable, refused.code) == (Origin.CALLER, False, 400)
    assert (busy.origin, busy.is_retryable, busy.retry_after) == (Origin.DEPENDENCY, True, 120.0)
