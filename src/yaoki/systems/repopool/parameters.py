"""Parameters of the pool's methods and settings, checked: what is refused is a PoolManagerError that names the field (SPEC W5).

The checks are the core's. Their ConfigurationError is no error of the pool, so whoever catches those of the pool would miss it; a
ConfigValidationError is both.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from yaoki.core import parameters
from yaoki.core.faults.errors import ConfigurationError
from yaoki.systems.repopool.errors import ConfigValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    Result = TypeVar("Result")
    Value = TypeVar("Value")

__all__ = ["checked", "duration", "hours", "share", "text", "whole"]


def checked(name: str, value: Value, check: Callable[[str, Value], Result]) -> Result:
    """What `check` makes of the value. Raises ConfigValidationError for every ConfigurationError of the check."""
    try:
        return check(name, value)
    except ConfigValidationError:
        raise
    except ConfigurationError as error:
        raise ConfigValidationError(str(error), field=name) from error


def duration(name: str, value: object, *, zero: bool = False, infinite: bool = False) -> float:
    """Seconds: above zero (or from zero on), finite unless allowed. Raises ConfigValidationError."""
    return checked(name, value, partial(parameters.duration, zero=zero, infinite=infinite))


def hours(name: str, value: object) -> float:
    """So many hours in seconds: from zero on; infinity is longer than anything. Raises ConfigValidationError."""
    number = checked(name, value, parameters.number)
    if number < 0:
        raise ConfigValidationError(f"{name} must be at least 0 hours, not {value!r}", field=name)
    return number * 3600.0


def share(name: str, value: object, *, zero: bool = False) -> float:
    """A share in (0, 1], or in [0, 1]. Raises ConfigValidationError."""
    return checked(name, value, partial(parameters.share, zero=zero))


def whole(name: str, value: object) -> int:
    """A whole number from 1 on. Raises ConfigValidationError."""
    return checked(name, value, parameters.whole)


def text(name: str, value: object) -> str:
    """A text that says something. Raises ConfigValidationError."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigValidationError(f"{name} must be a text that is not empty, not {value!r}", field=name)
    return value
