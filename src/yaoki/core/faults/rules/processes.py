"""subprocess and shutil: how a child process ended, and what files did not let themselves be copied (SPEC F3).

| exit | fault |
| --- | --- |
| by a signal, or a shell's 128 + signal | RECOVERABLE, dependency: killed or crashed; the signal's name is in the context |
| 75 (EX_TEMPFAIL) | TRANSIENT, dependency |
| 64 to 68, 72, 73, 77, 78, 126, 127 | FATAL, caller: usage, input, permission, configuration, no such program |
| any other | RECOVERABLE, dependency: the program says only that it failed |

Source: sysexits.h; the exit statuses of the POSIX shell.
"""

from __future__ import annotations

from yaoki.core.faults.templates import BROKEN_HERE, CALLERS_BUG, OVERTAKEN, TIMED_OUT, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.faults.rule import Answer

__all__ = ["RULES", "of_exit"]


def of_exit(error: Exception) -> Fault:
    """By the exit status of a `CalledProcessError`, which is the record's `code`."""
    status = getattr(error, "returncode", None)
    if not isinstance(status, int):
        return UNKNOWN
    signal_name = _signal_name(status)
    if signal_name is not None:
        return UNKNOWN.replace(code=status, context={"signal": signal_name})
    if status == _TEMPORARY:
        return OVERTAKEN.replace(code=status)
    return (CALLERS_BUG if status in _CALLERS else UNKNOWN).replace(code=status)


def _signal_name(status: int) -> str | None:
    import signal

    number = -status if status < 0 else status - 128
    # 129 is git's word for wrong usage rather than a hang-up in a shell.
    if status > 0 and not 2 <= number <= 15:
        return None
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


_TEMPORARY = 75
_CALLERS = frozenset({64, 65, 66, 67, 68, 72, 73, 77, 78, 126, 127})

RULES: Mapping[str, Answer] = {
    "subprocess.CalledProcessError": of_exit,
    "subprocess.TimeoutExpired": TIMED_OUT,
    # `preexec_fn` failed.
    "subprocess.SubprocessError": CALLERS_BUG,
    "shutil.Error": BROKEN_HERE,
}
