"""What the interpreter guarantees, decided once: the GIL, generated code, locks that are right after fork.

`GIL` says whether one increment of a slot is a single step for all threads. Where it is not, policies take their lock for
every count and no code is generated. `YAOKI_COMPILE=0` switches generated code off everywhere.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock  # what `threading.RLock` makes; that module would be a twentieth of our import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["GIL", "after_fork", "compiles", "lock_of"]

GIL: bool = bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def compiles() -> bool:
    """Whether decorated functions get generated code: not without a GIL, and not with `YAOKI_COMPILE=0`."""
    return GIL and os.environ.get("YAOKI_COMPILE", "1") != "0"


_STRIPES = 64

# Re-entrant, because a garbage collection inside a locked region may run a destructor that makes a guarded call.
_stripes = [RLock() for _ in range(_STRIPES)]


def lock_of(owner: object) -> RLock:
    """The lock for the state of `owner`: one of a fixed number, so that a million breakers need no lock objects."""
    return _stripes[(id(owner) >> 4) % _STRIPES]


def _new_locks() -> None:
    # In place: a lock that another thread held at the fork would never be released in the child.
    for index in range(_STRIPES):
        _stripes[index] = RLock()


def after_fork(restore: Callable[[], None]) -> None:
    """Run `restore` in every child process right after fork; nothing where the platform cannot fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=restore)


after_fork(_new_locks)
