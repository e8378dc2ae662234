"""One event as one record of standard logging: its classification, its level, its facts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yaoki.core.faults.category import Severity

if TYPE_CHECKING:
    from yaoki.core import events
    from yaoki.core.faults.record import Fault

__all__ = ["LEVELS", "facts_of", "level_of", "write"]

LEVELS = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
    Severity.CRITICAL: logging.CRITICAL,
}
"""The level of a severity."""


def level_of(fault: Fault | None, usual: int) -> int:
    """The level for what is usually told at `usual`, when it is about this fault."""
    return logging.CRITICAL if fault is not None and fault.severity is Severity.CRITICAL else usual


def facts_of(fault: Fault | None) -> dict[str, object]:
    """The classification, for a record's `extra`."""
    if fault is None:
        return {"error": None}
    facts: dict[str, object] = {
        "error": fault.error_type,
        "category": fault.category.value,
        "severity": fault.severity.name.lower(),
        "recoverability": fault.recoverability.name.lower(),
        "origin": fault.origin.value,
    }
    if fault.code is not None:
        facts["code"] = fault.code
    return facts


def write(
    logger: logging.Logger, level: int, message: str, event: events.Event, fault: Fault | None = None, /, **facts: object
) -> None:
    """Log an event with its pipeline and key, the facts that are not None, and the classification of its fault."""
    if not logger.isEnabledFor(level):
        return
    extra: dict[str, object] = {"event": type(event).__name__}
    for name in ("pipeline", "key"):
        value = getattr(event, name, None)
        if value is not None:
            extra[name] = value if isinstance(value, (str, int)) else repr(value)
    extra |= {name: value for name, value in facts.items() if value is not None}
    if fault is not None:
        extra |= facts_of(fault)
    logger.log(level, message, extra=extra)
