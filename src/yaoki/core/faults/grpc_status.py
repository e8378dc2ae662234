"""What a gRPC status code says: for integrations and users' rules; the library itself is not needed (SPEC F3).

Only UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and ABORTED make sense to repeat. UNKNOWN and INTERNAL do not: the
server may have done the work. Source: the list of status codes in gRPC's core documentation.
"""

from __future__ import annotations

from yaoki.core.faults.templates import (
    CALLED_OFF,
    CONFLICT,
    DAMAGED,
    FAILED_THERE,
    OVERTAKEN,
    PROTOCOL_BROKEN,
    REFUSED_REQUEST,
    TIMED_OUT,
    TOO_BUSY,
    UNREACHABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.faults.record import Fault

__all__ = ["of_grpc_status"]


def of_grpc_status(code: int, *, error_type: str = "") -> Fault:
    """The fault of a call that ended with this status code, 1 to 16; any other number is read as UNKNOWN (2), as gRPC does.

    `error_type`: what metrics call it; left empty in a rule, the classifier puts the exception's class name. The number is
    the record's `code`, its name is in the context.
    """
    name, template = _BY_CODE.get(code, _UNKNOWN)
    return template.replace(code=code, error_type=error_type, context={"grpc_status": name})


_UNKNOWN = ("UNKNOWN", FAILED_THERE)
_BY_CODE = {
    1: ("CANCELLED", CALLED_OFF),
    2: _UNKNOWN,
    3: ("INVALID_ARGUMENT", REFUSED_REQUEST),
    4: ("DEADLINE_EXCEEDED", TIMED_OUT),
    5: ("NOT_FOUND", REFUSED_REQUEST),
    6: ("ALREADY_EXISTS", CONFLICT),
    7: ("PERMISSION_DENIED", REFUSED_REQUEST),
    8: ("RESOURCE_EXHAUSTED", TOO_BUSY),
    9: ("FAILED_PRECONDITION", CONFLICT),
    10: ("ABORTED", OVERTAKEN),
    11: ("OUT_OF_RANGE", REFUSED_REQUEST),
    12: ("UNIMPLEMENTED", PROTOCOL_BROKEN),
    13: ("INTERNAL", FAILED_THERE),
    14: ("UNAVAILABLE", UNREACHABLE),
    15: ("DATA_LOSS", DAMAGED),
    16: ("UNAUTHENTICATED", REFUSED_REQUEST),
}
