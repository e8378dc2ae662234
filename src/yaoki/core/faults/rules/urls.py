"""urllib and http.client: the status decides, and the server's Retry-After is kept (SPEC F3, R4)."""

from __future__ import annotations

from yaoki.core.faults.http_status import of_http_status
from yaoki.core.faults.templates import CALLERS_BUG, CONNECTION_LOST, PROTOCOL_SLIPPED, UNREACHABLE, WRONG_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_http_error", "of_url_error"]


def of_http_error(error: Exception) -> Fault | None:
    """An answer with an error status (`urllib.error.HTTPError`)."""
    status = getattr(error, "code", None)
    if not isinstance(status, int):
        return None
    headers = getattr(error, "headers", None)
    return of_http_status(status, retry_after=None if headers is None else headers.get("Retry-After"))


def of_url_error(error: Exception) -> Fault | Exception:
    """What made the request fail: `URLError` only wraps it."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):
        return reason
    return CALLERS_BUG if isinstance(reason, str) and reason.startswith(_WRONG_URL) else UNREACHABLE


_WRONG_URL = ("no host given", "unknown url type")

RULES: Mapping[str, Answer] = {
    "urllib.error.HTTPError": of_http_error,
    "urllib.error.URLError": of_url_error,
    "urllib.error.ContentTooShortError": WRONG_DATA,
    "http.client.HTTPException": PROTOCOL_SLIPPED,
    "http.client.IncompleteRead": CONNECTION_LOST,
    "http.client.RemoteDisconnected": CONNECTION_LOST,
    "http.client.NotConnected": CALLERS_BUG,
    "http.client.InvalidURL": CALLERS_BUG,
    "http.client.ImproperConnectionState": CALLERS_BUG,
}
