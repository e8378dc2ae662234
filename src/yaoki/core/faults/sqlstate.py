"""What a SQLSTATE says: for integrations of database drivers and users' rules; no driver is needed (SPEC F3, D7).

The whole state decides where it is listed, else its class (the first two characters). Repeating means the whole
transaction, not the statement. Sources: the SQL standard's classes; PostgreSQL's appendix on error codes.
"""

from __future__ import annotations

from yaoki.core.faults.templates import (
    CALLERS_BUG,
    CONFLICT,
    CONNECTION_LOST,
    DAMAGED,
    FAILED_THERE,
    FULL_THERE,
    LOCKED,
    OVERTAKEN,
    PROTOCOL_BROKEN,
    STORAGE_FAILED_THERE,
    TIMED_OUT,
    TOO_BUSY,
    UNKNOWN,
    UNREACHABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.faults.record import Fault

__all__ = ["of_sqlstate"]


def of_sqlstate(state: str | None, *, error_type: str = "") -> Fault:
    """The fault of a database error with this state of five characters; None or an unknown class: as an unknown exception.

    `error_type`: what metrics call it; left empty in a rule, the classifier puts the exception's class name. The state is
    the record's `code`.
    """
    if not state:
        return UNKNOWN.replace(error_type=error_type)
    template = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], UNKNOWN)
    return template.replace(code=state, error_type=error_type)


_BY_STATE = {
    "08P01": PROTOCOL_BROKEN,
    "25006": OVERTAKEN,  # read-only: it lost its leading role during a failover
    "25P03": CONNECTION_LOST,  # ended for being idle in a transaction
    "25P04": TIMED_OUT,
    "53100": FULL_THERE,
    "55P03": LOCKED,
    "55006": LOCKED,
    "57014": TIMED_OUT,  # cancelled: by statement_timeout, as a rule
    "57P04": CALLERS_BUG,  # the database was dropped
    "57P05": CONNECTION_LOST,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
_BY_CLASS = {
    "08": UNREACHABLE,
    "0A": CALLERS_BUG,
    "21": CALLERS_BUG,
    "22": CALLERS_BUG,
    "23": CONFLICT,
    "25": CALLERS_BUG,
    "26": CALLERS_BUG,
    "28": CALLERS_BUG,
    "34": CALLERS_BUG,
    "3D": CALLERS_BUG,
    "3F": CALLERS_BUG,
    "40": OVERTAKEN,
    "42": CALLERS_BUG,
    "44": CONFLICT,
    "53": TOO_BUSY,
    "54": CALLERS_BUG,
    "55": CONFLICT,
    "57": UNREACHABLE,
    "58": STORAGE_FAILED_THERE,
    "HV": UNKNOWN,
    "XX": FAILED_THERE,
}
