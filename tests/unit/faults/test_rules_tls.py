"""ssl, from real handshakes (SPEC F3)."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.unit.faults.verdicts import DEPENDENCY, FATAL, LOCAL, RECOVERABLE, TRANSIENT, Verdict, raised_by, says
from yaoki.core.faults.category import Category
from yaoki.core.faults.classifier import classify


def test_tls_with_a_server_that_speaks_none_is_a_broken_protocol() -> None:
    """SPEC F3: WRONG_VERSION_NUMBER, from a real handshake."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    context = ssl.create_default_context()
    with ours, theirs:
        error = raised_by(lambda: context.wrap_socket(ours, server_hostname="example.org"))

    assert isinstance(error, ssl.SSLError)
    assert says(error) == (Category.PROTOCOL, FATAL, DEPENDENCY)
    assert "WRONG_VERSION_NUMBER" in str(classify(error).context["reason"])


def test_a_handshake_that_is_cut_off_is_the_network() -> None:
    """SPEC F3: the peer closes during the handshake."""
    ours, theirs = socket.socketpair()
    theirs.shutdown(socket.SHUT_WR)
    context = ssl.create_default_context()
    with ours, theirs:
        error = raised_by(lambda: context.wrap_socket(ours, server_hostname="example.org"))

    assert says(error) == (Category.NETWORK, TRANSIENT, DEPENDENCY)


def test_a_handshake_that_hangs_is_a_timeout() -> None:
    """SPEC F3: no error of ssl at all."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.01)
    context = ssl.create_default_context()
    with ours, theirs:
        error = raised_by(lambda: context.wrap_socket(ours, server_hostname="example.org"))

    assert says(error) == (Category.TIMEOUT, RECOVERABLE, DEPENDENCY)


def test_a_handshake_that_is_not_ready_is_not_now() -> None:
    """SPEC F3: SSLWantReadError, from a real connection without a peer."""
    connection = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.org")

    assert says(raised_by(connection.do_handshake)) == (Category.CAPACITY, TRANSIENT, LOCAL)


def test_a_bad_certificate_stays_bad() -> None:
    """SPEC F3: no repetition helps, and the breaker counts it. It is a ValueError too, which must not matter."""
    assert issubclass(ssl.SSLCertVerificationError, ValueError)
    assert says(ssl.SSLCertVerificationError(1, "expired")) == (Category.PROTOCOL, FATAL, DEPENDENCY)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", (Category.PROTOCOL, FATAL, DEPENDENCY)),
        ("TLSV1_ALERT_UNKNOWN_CA", (Category.PROTOCOL, FATAL, DEPENDENCY)),
        ("NO_SHARED_CIPHER", (Category.PROTOCOL, FATAL, DEPENDENCY)),
        ("UNSUPPORTED_PROTOCOL", (Category.PROTOCOL, FATAL, DEPENDENCY)),
        ("TLSV1_ALERT_INTERNAL_ERROR", (Category.PROTOCOL, RECOVERABLE, DEPENDENCY)),
        ("UNEXPECTED_EOF_WHILE_READING", (Category.NETWORK, TRANSIENT, DEPENDENCY)),
        ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", (Category.NETWORK, TRANSIENT, DEPENDENCY)),
        ("SOMETHING_NEW", (Category.PROTOCOL, RECOVERABLE, DEPENDENCY)),
        (None, (Category.PROTOCOL, RECOVERABLE, DEPENDENCY)),
    ],
)
def test_openssls_reason_decides(reason: str | None, expected: Verdict) -> None:
    """SPEC F3: SSL_ERROR_SSL is number 1, which is no errno here."""
    error = ssl.SSLError(1, "x")
    error.reason = reason

    assert says(error) == expected
