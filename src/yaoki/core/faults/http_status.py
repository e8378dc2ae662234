"""What an HTTP status says: for the rules of this room, and for integrations of HTTP clients (SPEC F3, B4, G2).

| status | fault |
| --- | --- |
| 429 | CAPACITY, RECOVERABLE, dependency: wait as long as told |
| 408 | TIMEOUT, RECOVERABLE, dependency |
| 421, 425 | for another connection, or for a moment later: TRANSIENT, dependency |
| 409, 412, 423, 428 | STATE, FATAL, caller: read again, then decide again |
| other 4xx | PROTOCOL, FATAL, caller: no failure of the dependency |
| 501, 505, 506, 510, 511 | FATAL, dependency: it cannot do this |
| 508 | ROUTING, FATAL, dependency |
| 502, 520, 521, 523, 525, 526 | NETWORK, RECOVERABLE, dependency |
| 503, 529 | CAPACITY, RECOVERABLE, dependency |
| 504, 522, 524, 598, 599 | TIMEOUT, RECOVERABLE, dependency |
| 507 | CAPACITY, SEVERE, dependency |
| 500 and other 5xx | SYSTEM, RECOVERABLE, dependency |
| below 400 | PROTOCOL, FATAL, dependency: not the answer that the client can use |
| what is no status | PROTOCOL, RECOVERABLE, dependency |

Sources: RFC 9110 §15, RFC 6585, RFC 4918, RFC 8470; 52x, 529, 598, 599 as proxies and content networks use them.
"""

from __future__ import annotations

from yaoki.core.faults.retry_after import seconds_to_wait
from yaoki.core.faults.templates import (
    CONFLICT,
    FAILED_THERE,
    FULL_THERE,
    MISROUTED,
    NO_SUCH_PLACE,
    OVERTAKEN,
    PROTOCOL_BROKEN,
    PROTOCOL_SLIPPED,
    REFUSED_REQUEST,
    TIMED_OUT,
    TOO_BUSY,
    UNKNOWN,
    UNREACHABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.faults.record import Fault

__all__ = ["of_http_status"]


def of_http_status(status: int, *, retry_after: object = None, error_type: str = "") -> Fault:
    """The fault of an answer with this status.

    `retry_after`: the header's value, or anything that `seconds_to_wait` reads. `error_type`: what metrics call it; left
    empty in a rule, the classifier puts the exception's class name. The status is the record's `code`.
    """
    template = _BY_STATUS.get(status)
    if template is None:
        template = _of_class(status)
    wait = None if retry_after is None else seconds_to_wait(retry_after)
    return template.replace(code=status, retry_after=wait, error_type=error_type)


def _of_class(status: int) -> Fault:
    if 500 <= status <= 599:
        return UNKNOWN
    if 400 <= status <= 499:
        return REFUSED_REQUEST
    if 100 <= status <= 399:
        return PROTOCOL_BROKEN
    return PROTOCOL_SLIPPED


_BY_STATUS = {
    408: TIMED_OUT,
    409: CONFLICT,
    412: CONFLICT,
    421: MISROUTED,
    423: CONFLICT,
    425: OVERTAKEN,
    428: CONFLICT,
    429: TOO_BUSY,
    501: FAILED_THERE,
    502: UNREACHABLE,
    503: TOO_BUSY,
    504: TIMED_OUT,
    505: FAILED_THERE,
    506: FAILED_THERE,
    507: FULL_THERE,
    508: NO_SUCH_PLACE,
    510: FAILED_THERE,
    511: FAILED_THERE,
    520: UNREACHABLE,
    521: UNREACHABLE,
    522: TIMED_OUT,
    523: UNREACHABLE,
    524: TIMED_OUT,
    525: UNREACHABLE,
    526: UNREACHABLE,
    529: TOO_BUSY,
    598: TIMED_OUT,
    599: TIMED_OUT,
}
