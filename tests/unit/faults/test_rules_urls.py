"""urllib and http.client (SPEC F3, R4)."""

from __future__ import annotations

import email.message
import http.client
import socket
import urllib.error
import urllib.request

import pytest

from tests.unit.faults.verdicts import CALLER, DEPENDENCY, FATAL, RECOVERABLE, THE_CALLERS, TRANSIENT, Verdict, raised_by, says
from yaoki.core.faults.category import Category
from yaoki.core.faults.classifier import classify


def http_error(status: int, **headers: str) -> urllib.error.HTTPError:
    message = email.message.Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://example.org", status, "x", message, None)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, (Category.PROTOCOL, FATAL, CALLER)),
        (408, (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)),
        (429, (Category.CAPACITY, RECOVERABLE, DEPENDENCY)),
        (500, (Category.SYSTEM, RECOVERABLE, DEPENDENCY)),
        (503, (Category.CAPACITY, RECOVERABLE, DEPENDENCY)),
    ],
)
def test_an_http_error_is_its_status(status: int, expected: Verdict) -> None:
    """SPEC F3, B4: by HTTP status."""
    with http_error(status) as error:
        assert says(error) == expected
        assert (classify(error).error_type, classify(error).code) == ("HTTPError", status)


@pytest.mark.parametrize(("value", "seconds"), [("17", 17.0), ("garbage", None)])
def test_an_http_errors_retry_after_is_in_the_record(value: str, seconds: float | None) -> None:
    """SPEC R4: the header of the answer."""
    with http_error(503, Retry_After=value) as error:
        assert classify(error).retry_after == seconds


def test_an_http_error_without_headers_is_its_status() -> None:
    """SPEC F3: made by hand, in a test for instance."""
    with urllib.error.HTTPError("http://example.org", 429, "x", None, None) as error:
        assert (classify(error).code, classify(error).retry_after) == (429, None)


def test_a_url_error_is_what_it_wraps() -> None:
    """SPEC F3: from a real request to a port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    error = raised_by(lambda: opener.open(f"http://127.0.0.1:{port}/", timeout=5))

    assert type(error) is urllib.error.URLError
    assert classify(error).error_type == "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("unknown url type: foo", THE_CALLERS),
        ("no host given", THE_CALLERS),
        ("ftp error", (Category.NETWORK, RECOVERABLE, DEPENDENCY)),
    ],
)
def test_a_url_error_with_a_text_is_a_wrong_url_or_the_network(reason: str, expected: Verdict) -> None:
    """SPEC F3: the text is all there is."""
    assert says(urllib.error.URLError(reason)) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (http.client.RemoteDisconnected("x"), (Category.NETWORK, TRANSIENT, DEPENDENCY)),
        (http.client.IncompleteRead(b"x"), (Category.NETWORK, TRANSIENT, DEPENDENCY)),
        (http.client.BadStatusLine("x"), (Category.PROTOCOL, RECOVERABLE, DEPENDENCY)),
        (http.client.LineTooLong("x"), (Category.PROTOCOL, RECOVERABLE, DEPENDENCY)),
        (http.client.InvalidURL("x"), THE_CALLERS),
        (http.client.CannotSendRequest("x"), THE_CALLERS),
        (http.client.NotConnected("x"), THE_CALLERS),
        (EOFError("x"), (Category.NETWORK, TRANSIENT, DEPENDENCY)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_http_client(error: Exception, expected: Verdict) -> None:
    """SPEC F3: broken by the way, by the other side, or by the caller."""
    assert says(error) == expected
