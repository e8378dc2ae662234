"""`ssl`: a certificate or protocol that does not fit stays so; a broken connection is the network's (SPEC F3).

OpenSSL says what happened in `reason`. Certificates count against the dependency: every call fails until somebody acts.
"""

from __future__ import annotations

from yaoki.core.faults.templates import CONNECTION_LOST, NOT_NOW, PROTOCOL_BROKEN, PROTOCOL_SLIPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_tls_error"]


def of_tls_error(error: Exception) -> Fault:
    """By OpenSSL's `reason`, which is kept in the context."""
    reason = getattr(error, "reason", None)
    if not isinstance(reason, str):
        return PROTOCOL_SLIPPED
    if reason in _LOST:
        template = CONNECTION_LOST
    elif reason in _SLIPPED:
        template = PROTOCOL_SLIPPED
    elif "ALERT" in reason or any(word in reason for word in _FINAL_WORDS):
        template = PROTOCOL_BROKEN
    else:
        template = PROTOCOL_SLIPPED
    return template.replace(context={"reason": reason})


_LOST = frozenset(
    {
        "APPLICATION_DATA_AFTER_CLOSE_NOTIFY",
        "BAD_LENGTH",
        "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        "PROTOCOL_IS_SHUTDOWN",
        "SSLV3_ALERT_BAD_RECORD_MAC",
        "UNEXPECTED_EOF_WHILE_READING",
    }
)
_SLIPPED = frozenset({"TLSV1_ALERT_INTERNAL_ERROR", "TLSV1_ALERT_USER_CANCELLED"})
_FINAL_WORDS = ("CERTIFICATE", "CIPHER", "VERSION", "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST", "NO_PROTOCOLS", "KEY_TOO_SMALL")

RULES: Mapping[str, Answer] = {
    "ssl.SSLError": of_tls_error,
    "ssl.SSLCertVerificationError": PROTOCOL_BROKEN,
    "ssl.SSLEOFError": CONNECTION_LOST,
    "ssl.SSLSyscallError": CONNECTION_LOST,
    "ssl.SSLZeroReturnError": CONNECTION_LOST,
    "ssl.SSLWantReadError": NOT_NOW,
    "ssl.SSLWantWriteError": NOT_NOW,
}
