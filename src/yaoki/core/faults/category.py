"""The axes of a fault: category (what kind), severity (how loud), recoverability (what to do), origin (whose).

SPEC F1, F2. The axes are independent: a loud fault may heal in a moment, and a quiet one may be final.
"""

from __future__ import annotations

from enum import Enum, IntEnum

__all__ = ["Category", "Origin", "Recoverability", "Severity"]


class Category(Enum):
    """What kind of fault it is, and what a system does about it unless told otherwise (SPEC F1)."""

    PROTOCOL = "protocol"
    """A message breaks the rules of its protocol: answer it with a code, never repeat it."""
    ROUTING = "routing"
    """Nobody is there to take the message: answer "unable to deliver", and look for another route."""
    TIMEOUT = "timeout"
    """No answer in time: answer "unable to deliver", and count it against the dependency."""
    SYSTEM = "system"
    """Something inside a process broke: log it and alert."""
    NETWORK = "network"
    """The way to the dependency broke: retry, then fail over."""
    CAPACITY = "capacity"
    """There is too much work for now: wait as long as told, shed, or answer in a lower mode."""
    STATE = "state"
    """The two sides disagree about what is: read again, then decide again."""
    DATA = "data"
    """A stored or received document cannot be used: quarantine it, and go on with the others."""


class Severity(IntEnum):
    """How loud a fault is: in logs, alerts and metrics. It never decides what is done (SPEC F2)."""

    INFO = 1
    WARNING = 2
    ERROR = 3
    CRITICAL = 4


class Recoverability(IntEnum):
    """What to do about a fault. The integers are stable and ordered; below FATAL a repetition makes sense (SPEC F2)."""

    TRANSIENT = 1
    """Gone in a moment: repeat soon."""
    RECOVERABLE = 2
    """Heals by itself, in its own time: repeat with growing waits."""
    SEVERE = 3
    """May heal, with long waits and few attempts."""
    FATAL = 4
    """Repeating this call cannot help."""

    is_retryable: bool
    """Whether a repetition of the call makes sense: everything below FATAL, SEVERE included."""

    def __init__(self, value: int) -> None:
        # Worked out once for each member, not at every failure. 4 is FATAL, which does not exist yet.
        self.is_retryable = value < 4


class Origin(Enum):
    """Whose fault it is. A circuit breaker counts only faults of the dependency (SPEC B4)."""

    DEPENDENCY = "dependency"
    """What we call, or the way to it."""
    CALLER = "caller"
    """Who asked: a wrong argument, a refused request, a bug in the calling code."""
    LOCAL = "local"
    """Our own host or process: no memory, no descriptors, a refusal by our own policies."""
