"""The exit codes of `yaoki pool …`.

`run` passes the exit code of its command on; where the command itself cannot be told about, it says what env(1) and timeout(1) say.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaoki.core.faults.errors import YaokiError

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """What a command came to."""

    DONE = 0
    FAILED = 1
    """It could not be done; the lines say why, and what helps."""
    USAGE = 2
    """The command was written wrong."""
    NO_SLOT = 10
    """Every slot is taken."""
    NOT_FOUND = 11
    """There is no such pool or slot."""
    STALE_LEASE = 12
    """The caller does not hold the slot, or no longer."""
    ISOLATED = 13
    """A recovery is over, and something is still isolated."""
    PROBLEMS = 14
    """`detect` or `doctor` has found something."""
    TIMED_OUT = 124
    """`run`: the command took longer than `--timeout`."""
    NOT_EXECUTABLE = 126
    """`run`: the command cannot be started."""
    NO_COMMAND = 127
    """`run`: there is no such command."""


_BY_KIND = {
    "no_available_slot": ExitCode.NO_SLOT,
    "pool_not_found": ExitCode.NOT_FOUND,
    "slot_not_found": ExitCode.NOT_FOUND,
    "stale_lease": ExitCode.STALE_LEASE,
}


def exit_code_of(error: YaokiError) -> ExitCode:
    """The exit code that tells this error, by its kind."""
    return _BY_KIND.get(getattr(error, "kind", None) or "", ExitCode.FAILED)
