"""httpx: what failed on the way, the status of an answer, and the server's Retry-After (SPEC F3, R4)."""

from __future__ import annotations

from yaoki.core.faults.http_status import of_http_status
from yaoki.core.faults.templates import (
    CALLERS_BUG,
    CONNECTION_LOST,
    CROWDED,
    PROTOCOL_BROKEN,
    PROTOCOL_SLIPPED,
    TIMED_OUT,
    UNREACHABLE,
    WRONG_DATA,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_status_error"]


def of_status_error(error: Exception) -> Fault | None:
    """An answer with an error status (`httpx.HTTPStatusError`)."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if not isinstance(status, int):
        return None
    return of_http_status(status, retry_after=response.headers.get("Retry-After"))  # type: ignore[union-attr]  # it has a status


RULES: Mapping[str, Answer] = {
    "httpx.HTTPStatusError": of_status_error,
    "httpx.TimeoutException": TIMED_OUT,
    # No connection of the pool became free: our own bound.
    "httpx.PoolTimeout": CROWDED,
    "httpx.ConnectError": UNREACHABLE,
    "httpx.ProxyError": UNREACHABLE,
    "httpx.NetworkError": CONNECTION_LOST,
    # The other side closed an idle connection, or in the middle of an answer.
    "httpx.RemoteProtocolError": CONNECTION_LOST,
    "httpx.ProtocolError": PROTOCOL_SLIPPED,
    "httpx.LocalProtocolError": CALLERS_BUG,
    "httpx.UnsupportedProtocol": CALLERS_BUG,
    "httpx.InvalidURL": CALLERS_BUG,
    "httpx.StreamError": CALLERS_BUG,
    "httpx.DecodingError": WRONG_DATA,
    "httpx.TooManyRedirects": PROTOCOL_BROKEN,
}
