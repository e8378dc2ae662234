"""`OSError` and what belongs to sockets: the errno decides, then the class (SPEC F3).

A few numbers mean one thing for a file and another for a socket. A file operation puts the file's name on the error, a
`connect` does not. So without a file name EINVAL is a blackhole route (Linux answers `connect` with it), and ENOENT is a
Unix socket whose server is not up; with one they are the caller's mistake.
"""

from __future__ import annotations

import errno

from yaoki.core.faults.templates import (
    BROKEN_HERE,
    CALLERS_BUG,
    CONFLICT,
    CONNECTION_LOST,
    CROWDED,
    EXHAUSTED,
    FAILED_THERE,
    NAME_NOT_RESOLVED,
    NO_SUCH_PLACE,
    NOT_NOW,
    OVERTAKEN,
    PROTOCOL_BROKEN,
    STORAGE_FAILED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_address_error", "of_host_error", "of_os_error"]


def of_os_error(error: OSError) -> Fault:
    """By errno, else by class. Without either it is some library's input or output error: as unreachable.

    The errno is the record's `code`, its name is in the context. The record is complete, and equal errors get the same one:
    such errors come in storms.
    """
    number = error.errno if isinstance(error.errno, int) else None
    key = (type(error).__name__, number, error.filename is None, getattr(error, "winerror", None) if _WINDOWS else None)
    fault = _known.get(key)
    if fault is None:
        fault = (_of_class(error) if number is None else _of_number(error, number)).replace(error_type=key[0])
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = fault
    return fault


def _of_number(error: OSError, number: int) -> Fault:
    template = _by_winerror.get(getattr(error, "winerror", None))
    if template is None and error.filename is None and number in _without_file_name:
        template = UNREACHABLE
    name = errno.errorcode.get(number)
    template = template or _by_errno.get(number) or _of_class(error)
    return template.replace(code=number, context={"errno": name} if name else None)


def _of_class(error: OSError) -> Fault:
    for cls, template in _by_class:
        if isinstance(error, cls):
            return template
    return UNREACHABLE


def of_address_error(error: OSError) -> Fault:
    """A failed name look-up (`socket.gaierror`), by its EAI number."""
    import socket

    template = UNKNOWN
    for name, candidate in _by_address_error.items():
        if getattr(socket, name, None) == error.errno:
            template = candidate
            break
    return template.replace(code=error.errno)


def of_host_error(error: OSError) -> Fault:
    """A failed look-up of the old interface (`socket.herror`), by its h_errno."""
    number = error.errno if isinstance(error.errno, int) else 0
    return _by_host_error.get(number, UNKNOWN).replace(code=error.errno)


def _numbers(*names: str) -> tuple[int, ...]:
    """The errnos of these names that the platform has."""
    return tuple(number for name in names if (number := getattr(errno, name, None)) is not None)


_by_errno: dict[int, Fault] = {
    number: template
    for template, names in (
        (CONNECTION_LOST, ("ECONNRESET", "ECONNABORTED", "EPIPE", "ESHUTDOWN", "ENETRESET", "ENOTCONN", "ECOMM", "ENOLINK")),
        (UNREACHABLE, ("ECONNREFUSED", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENONET", "EREMOTEIO")),
        (TIMED_OUT, ("ETIMEDOUT", "ETIME")),
        (PROTOCOL_BROKEN, ("EPROTO", "EBADMSG")),
        (EXHAUSTED, ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT")),
        (CROWDED, ("ENOBUFS", "EADDRNOTAVAIL", "EADDRINUSE", "ENOLCK", "EUSERS")),
        (NOT_NOW, ("EAGAIN", "EWOULDBLOCK", "EINPROGRESS", "EALREADY", "EINTR", "EBUSY", "ETXTBSY", "EDEADLK")),
        (OVERTAKEN, ("ESTALE",)),
        (STORAGE_FAILED, ("EIO",)),
        (BROKEN_HERE, ("EROFS", "ENODEV", "ENXIO")),
        (CONFLICT, ("EEXIST", "ENOTEMPTY")),
        (FAILED_THERE, ("ECANCELED", "EREMCHG")),
        (
            CALLERS_BUG,
            (
                *("EACCES", "EPERM", "ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EXDEV", "EFBIG", "EMLINK"),
                *("EBADF", "EFAULT", "EINVAL", "ENOTTY", "ESPIPE", "EDOM", "ERANGE", "EILSEQ", "EOVERFLOW", "E2BIG", "ENOEXEC"),
                *("EISCONN", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT"),
                *("ESOCKTNOSUPPORT", "EOPNOTSUPP", "ENOTSUP", "EPFNOSUPPORT", "EAFNOSUPPORT", "ENOSYS", "ECHILD", "ESRCH"),
            ),
        ),
    )
    for number in _numbers(*names)
}
_without_file_name = frozenset(_numbers("EINVAL", "ENOENT"))

# Asked only for an error without a number, or with one that no table has.
_by_class: tuple[tuple[type[OSError], Fault], ...] = (
    (TimeoutError, TIMED_OUT),
    (ConnectionRefusedError, UNREACHABLE),
    (ConnectionError, CONNECTION_LOST),
    (BlockingIOError, NOT_NOW),
    (InterruptedError, NOT_NOW),
    (FileExistsError, CONFLICT),
    (FileNotFoundError, CALLERS_BUG),
    (IsADirectoryError, CALLERS_BUG),
    (NotADirectoryError, CALLERS_BUG),
    (PermissionError, CALLERS_BUG),
    (ProcessLookupError, CALLERS_BUG),
    (ChildProcessError, CALLERS_BUG),
)

# Windows: what has no errno of its own (system error codes 0 to 1299).
_by_winerror: dict[object, Fault] = {
    64: CONNECTION_LOST,  # the network name is no longer available
    121: TIMED_OUT,  # the semaphore timeout
    995: CONNECTION_LOST,  # the operation was aborted
    1225: UNREACHABLE,  # refused
    1231: UNREACHABLE,  # no route to the network
    1232: UNREACHABLE,  # no route to the host
    1236: CONNECTION_LOST,  # aborted by our own side
}

_by_address_error = {
    "EAI_AGAIN": NAME_NOT_RESOLVED,
    "EAI_NONAME": NO_SUCH_PLACE,
    "EAI_NODATA": NO_SUCH_PLACE,
    "EAI_ADDRFAMILY": NO_SUCH_PLACE,
    "EAI_FAIL": UNREACHABLE,
    "EAI_MEMORY": EXHAUSTED,
    "EAI_SYSTEM": CROWDED,
    "EAI_OVERFLOW": CALLERS_BUG,
    "EAI_BADFLAGS": CALLERS_BUG,
    "EAI_FAMILY": CALLERS_BUG,
    "EAI_SERVICE": CALLERS_BUG,
    "EAI_SOCKTYPE": CALLERS_BUG,
}
_by_host_error = {1: NO_SUCH_PLACE, 2: NAME_NOT_RESOLVED, 3: UNREACHABLE, 4: NO_SUCH_PLACE}

_WINDOWS = hasattr(OSError, "winerror")
_MOST_KNOWN = 512
_known: dict[tuple[str, object, bool, object], Fault] = {}

RULES: Mapping[str, Answer] = {
    "builtins.OSError": of_os_error,
    "socket.gaierror": of_address_error,
    "socket.herror": of_host_error,
}
