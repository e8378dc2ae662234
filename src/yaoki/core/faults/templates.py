"""The faults that the rules speak of, each named once. A rule table says which error is which of these.

A template has no `error_type`: the classifier puts the exception's class name there. SPEC F1, F2, F3.
"""

from __future__ import annotations

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.record import Fault

__all__ = [
    "BROKEN_HERE",
    "CALLED_OFF",
    "CALLERS_BUG",
    "CONFLICT",
    "CONNECTION_LOST",
    "CROWDED",
    "DAMAGED",
    "EXHAUSTED",
    "FAILED_THERE",
    "FULL_THERE",
    "LOCKED",
    "LOST_STEP",
    "MISROUTED",
    "NAME_NOT_RESOLVED",
    "NOT_NOW",
    "NO_SUCH_PLACE",
    "OVERTAKEN",
    "PROTOCOL_BROKEN",
    "PROTOCOL_SLIPPED",
    "REFUSED_REQUEST",
    "STORAGE_FAILED",
    "STORAGE_FAILED_THERE",
    "TIMED_OUT",
    "TOO_BUSY",
    "UNKNOWN",
    "UNREACHABLE",
    "WRONG_DATA",
]


def _template(category: Category, severity: Severity, recoverability: Recoverability, origin: Origin) -> Fault:
    return Fault(category, severity, recoverability, "", origin=origin)


_INFO, _WARNING, _ERROR, _CRITICAL = Severity
_TRANSIENT, _RECOVERABLE, _SEVERE, _FATAL = Recoverability
_DEPENDENCY, _CALLER, _LOCAL = Origin

UNKNOWN = _template(Category.SYSTEM, _ERROR, _RECOVERABLE, _DEPENDENCY)
"""What nobody has a rule for: it may heal, and it counts against the dependency."""

# Who asked is at fault.
CALLERS_BUG = _template(Category.SYSTEM, _ERROR, _FATAL, _CALLER)
"""A mistake in the calling code, or in its surroundings: a wrong argument, a missing file, no permission."""
REFUSED_REQUEST = _template(Category.PROTOCOL, _WARNING, _FATAL, _CALLER)
"""The other side is well and says no to this request."""
CONFLICT = _template(Category.STATE, _WARNING, _FATAL, _CALLER)
"""The request does not fit what is there by now: read again, then decide again."""
CALLED_OFF = _template(Category.STATE, _INFO, _FATAL, _CALLER)
"""Somebody cancelled the work."""

# The way to the dependency.
CONNECTION_LOST = _template(Category.NETWORK, _WARNING, _TRANSIENT, _DEPENDENCY)
"""An established connection broke; a new one may work at once."""
UNREACHABLE = _template(Category.NETWORK, _WARNING, _RECOVERABLE, _DEPENDENCY)
"""No connection: refused, no route, the service is away."""
NAME_NOT_RESOLVED = _template(Category.NETWORK, _WARNING, _TRANSIENT, _DEPENDENCY)
"""The name service could not answer just now."""
NO_SUCH_PLACE = _template(Category.ROUTING, _ERROR, _FATAL, _DEPENDENCY)
"""Nothing is known under this name, or the way goes in a circle."""
MISROUTED = _template(Category.ROUTING, _WARNING, _TRANSIENT, _DEPENDENCY)
"""It reached one who does not serve it; another connection may."""
TIMED_OUT = _template(Category.TIMEOUT, _WARNING, _RECOVERABLE, _DEPENDENCY)
"""No answer in time."""

# What the dependency does and says.
PROTOCOL_BROKEN = _template(Category.PROTOCOL, _ERROR, _FATAL, _DEPENDENCY)
"""The other side does not speak the protocol, or not ours; it will not tomorrow either."""
PROTOCOL_SLIPPED = _template(Category.PROTOCOL, _ERROR, _RECOVERABLE, _DEPENDENCY)
"""One message of the other side was wrong; the next may be right."""
WRONG_DATA = _template(Category.DATA, _ERROR, _RECOVERABLE, _DEPENDENCY)
"""An answer came, and its content cannot be used (SPEC G2): a failure of the dependency, and a repetition may help."""
DAMAGED = _template(Category.DATA, _CRITICAL, _FATAL, _DEPENDENCY)
"""What is stored is damaged."""
FAILED_THERE = _template(Category.SYSTEM, _ERROR, _FATAL, _DEPENDENCY)
"""The dependency failed in a way that a repetition does not change."""
TOO_BUSY = _template(Category.CAPACITY, _WARNING, _RECOVERABLE, _DEPENDENCY)
"""The dependency has too much work: give it time."""
LOCKED = _template(Category.CAPACITY, _WARNING, _TRANSIENT, _DEPENDENCY)
"""Another one holds the lock for a moment."""
FULL_THERE = _template(Category.CAPACITY, _ERROR, _SEVERE, _DEPENDENCY)
"""The dependency has no room left."""
OVERTAKEN = _template(Category.STATE, _WARNING, _TRANSIENT, _DEPENDENCY)
"""The dependency undid the work because somebody else was faster: do it again from the start."""
STORAGE_FAILED_THERE = _template(Category.SYSTEM, _CRITICAL, _SEVERE, _DEPENDENCY)
"""The dependency's own storage or system failed."""

# This host, this process.
EXHAUSTED = _template(Category.CAPACITY, _CRITICAL, _SEVERE, _LOCAL)
"""No memory, no descriptors, no disk: our own host is at its end."""
CROWDED = _template(Category.CAPACITY, _ERROR, _RECOVERABLE, _LOCAL)
"""A resource of our own host is used up for now: ports, buffers, processes."""
NOT_NOW = _template(Category.CAPACITY, _WARNING, _TRANSIENT, _LOCAL)
"""Would have to wait: a full queue, a busy file, a descriptor that is not ready."""
STORAGE_FAILED = _template(Category.SYSTEM, _CRITICAL, _SEVERE, _LOCAL)
"""A device of our own host failed."""
BROKEN_HERE = _template(Category.SYSTEM, _ERROR, _FATAL, _LOCAL)
"""Something in our own process or host is broken, and stays so."""
LOST_STEP = _template(Category.STATE, _WARNING, _RECOVERABLE, _LOCAL)
"""Parts of our own process lost step with each other."""
