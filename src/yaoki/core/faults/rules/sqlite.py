"""sqlite3: the error code of the engine decides, else the class of the exception (SPEC F3, D7).

Source: the result codes of the SQLite documentation; the low eight bits of an extended code are its primary code.
"""

from __future__ import annotations

from yaoki.core.faults.templates import (
    BROKEN_HERE,
    CALLED_OFF,
    CALLERS_BUG,
    CONFLICT,
    DAMAGED,
    EXHAUSTED,
    LOCKED,
    OVERTAKEN,
    STORAGE_FAILED,
    UNKNOWN,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_sqlite_error"]


def of_sqlite_error(error: Exception) -> Fault | None:
    """By `sqlite_errorcode`; None where the engine gave none, so that the class decides."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return None
    name = getattr(error, "sqlite_errorname", None)
    template = _BY_CODE.get(code & 0xFF, UNKNOWN)
    return template.replace(code=code, context={"sqlite": name} if isinstance(name, str) else None)


def _or(template: Fault) -> Answer:
    return lambda error: of_sqlite_error(error) or template


_BY_CODE = {
    1: CALLERS_BUG,  # ERROR: wrong SQL, no such table
    2: BROKEN_HERE,  # INTERNAL
    3: CALLERS_BUG,  # PERM
    4: OVERTAKEN,  # ABORT
    5: LOCKED,  # BUSY
    6: LOCKED,  # LOCKED
    7: EXHAUSTED,  # NOMEM
    8: CALLERS_BUG,  # READONLY
    9: CALLED_OFF,  # INTERRUPT
    10: STORAGE_FAILED,  # IOERR
    11: DAMAGED,  # CORRUPT
    13: EXHAUSTED,  # FULL
    14: STORAGE_FAILED,  # CANTOPEN
    15: LOCKED,  # PROTOCOL: a race for the write-ahead log's locks
    17: OVERTAKEN,  # SCHEMA
    18: CALLERS_BUG,  # TOOBIG
    19: CONFLICT,  # CONSTRAINT
    20: CALLERS_BUG,  # MISMATCH
    21: CALLERS_BUG,  # MISUSE
    22: BROKEN_HERE,  # NOLFS
    23: CALLERS_BUG,  # AUTH
    25: CALLERS_BUG,  # RANGE
    26: DAMAGED,  # NOTADB
}

RULES: Mapping[str, Answer] = {
    "sqlite3.Error": _or(UNKNOWN),
    "sqlite3.DataError": _or(CALLERS_BUG),
    "sqlite3.IntegrityError": _or(CONFLICT),
    "sqlite3.InterfaceError": _or(CALLERS_BUG),
    "sqlite3.NotSupportedError": _or(CALLERS_BUG),
    "sqlite3.ProgrammingError": _or(CALLERS_BUG),
    "sqlite3.Warning": CALLERS_BUG,
}
