"""Why git failed, by what it said: one table (SPEC F3, W3).

git tells its troubles in words and has one exit code for nearly all of them. The words are asked for in English (`LC_ALL=C`); the
first row that matches decides, so what is more certain stands higher. What no row knows is permanent: to repeat it would only
cost time.
"""

from __future__ import annotations

import re

from yaoki.systems.repopool.errors import Failure

__all__ = ["classified", "way_out"]

_TABLE: tuple[tuple[Failure, str], ...] = (
    (Failure.NO_SPACE, r"No space left on device|Disk quota exceeded|[Oo]ut of disk ?space|File too large"),
    (
        Failure.AUTH,
        (
            r"Authentication failed|could not read (?:Username|Password)|Permission denied \(|terminal prompts disabled"
            r"|requested URL returned error: 40[137]|Host key verification failed|invalid credentials"
        ),
    ),
    (
        Failure.TRANSIENT,
        (
            r"Could not resolve host|Temporary failure in name resolution|Name or service not known|[Cc]onnection refused"
            r"|[Cc]onnection timed out|[Cc]onnection reset|[Cc]onnection closed by|Failed to connect to|unable to connect to"
            r"|Operation timed out|Operation too slow|unexpected disconnect|early EOF|RPC failed|hung up unexpectedly"
            r"|requested URL returned error: (?:408|425|429|5\d\d)|Network is unreachable|No route to host|Broken pipe|gnutls_handshake"
            r"|SSL_ERROR_SYSCALL|SSL_read|curl 18|curl 56|transfer closed|ssh: connect to host"
        ),
    ),
    (Failure.PERMANENT, r"does not appear to be a git repository|[Rr]epository not found|detected dubious ownership"),
    (
        Failure.CORRUPT,
        (
            r"index file (?:corrupt|smaller)|bad index file|bad signature 0x|index file open failed|unable to (?:read|parse) (?:tree|sha1|commit)"
            r"|(?:loose )?object [^\n]{0,300} is (?:corrupt|empty)|bad (?:object|tree object|default revision)|missing (?:blob|tree|commit)|invalid object"
            r"|pack(?:file)? [^\n]{0,300}(?:does not match|is invalid|is far too short|is not a GIT packfile|is truncated|cannot be accessed)"
            r"|inflate: |incorrect (?:data|header) check|unable to unpack|failed to read object|[Cc]ould not read [0-9a-f]{40}|not a git repository"
            r"|unable to find [0-9a-f]{40}|bad config|wrong index v|index pack [^\n]{0,300} is corrupted|unable to normalize alternate"
            r"|Failed to traverse parents|not a tree object|bad sha1 file|invalid sha1 pointer|bad pack"
        ),
    ),
    (
        Failure.TRANSIENT,
        r"\.lock': File exists|cannot lock ref|Unable to create '[^']*\.lock'|Resource temporarily unavailable",
    ),
)
_ROWS = tuple((failure, re.compile(pattern)) for failure, pattern in _TABLE)

_WAYS_OUT = {
    Failure.TRANSIENT: "try again later",
    Failure.PERMANENT: "",
    Failure.CORRUPT: "run `yaoki pool doctor`",
    Failure.NO_SPACE: "free some disk space, then run `yaoki pool recover`",
    Failure.AUTH: "give git credentials that work without a prompt",
}


def classified(stderr: str, exit_code: int | None) -> Failure:
    """Why a command failed. `exit_code`: None if its time was up, negative if a signal ended it; both are transient."""
    for failure, pattern in _ROWS:
        if pattern.search(stderr):
            return failure
    return Failure.TRANSIENT if exit_code is None or exit_code < 0 else Failure.PERMANENT


def way_out(failure: Failure) -> str:
    """What a user can do about it, or ""."""
    return _WAYS_OUT[failure]
