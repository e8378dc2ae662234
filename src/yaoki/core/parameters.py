"""Checks of parameters at construction: a wrong value is refused with the parameter's name and its range."""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Condition: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]"

__all__ = ["condition", "condition_text", "duration", "matches", "number", "share", "whole"]

_INFINITE = float("inf")


def number(name: str, value: object) -> float:
    """`value` as a float, if it is a number and not NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"{name} must be a number, not {value!r}")
    if value != value:
        raise ConfigurationError(f"{name} must be a number, not NaN")
    return float(value)


def duration(name: str, value: object, *, zero: bool = False, infinite: bool = False) -> float:
    """Seconds: above zero (or from zero on), finite unless allowed."""
    seconds = number(name, value)
    if seconds < 0 or (seconds == 0 and not zero):
        raise ConfigurationError(f"{name} must be {'at least' if zero else 'above'} 0 seconds, not {value!r}")
    if seconds == _INFINITE and not infinite:
        raise ConfigurationError(f"{name} must be a finite number of seconds")
    return seconds


def whole(name: str, value: object, *, least: int = 1) -> int:
    """A whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ConfigurationError(f"{name} must be at least {least}, not {value}")
    return value


def share(name: str, value: object, *, zero: bool = False) -> float:
    """A share in (0, 1], or in [0, 1]."""
    part = number(name, value)
    if not (0 < part <= 1 or (zero and part == 0)):
        raise ConfigurationError(f"{name} must be {'from' if zero else 'above'} 0 and at most 1, not {value!r}")
    return part


def condition(name: str, value: object) -> Condition:
    """An exception type, a tuple of types, or a predicate of the exception."""
    if isinstance(value, type):
        if not issubclass(value, BaseException):
            raise ConfigurationError(f"{name} must name exception types, and {value.__name__} is none")
        return value
    if isinstance(value, (tuple, list, set, frozenset)):
        types = tuple(value)
        for each in types:
            if not (isinstance(each, type) and issubclass(each, BaseException)):
                raise ConfigurationError(f"{name} must hold exception types only, and {each!r} is none")
        return types
    if callable(value):
        return value  # pyright: ignore[reportReturnType]  # a predicate; what it returns is taken for its truth
    raise ConfigurationError(f"{name} must be an exception type, a tuple of types or a predicate, not {value!r}")


def matches(condition: Condition, error: BaseException) -> bool:
    """Whether `error` meets the condition."""
    if isinstance(condition, (type, tuple)):
        return isinstance(error, condition)
    return bool(condition(error))


def condition_text(condition: Condition) -> str:
    """The condition as `describe()` shows it."""
    if isinstance(condition, tuple):
        return ", ".join(each.__name__ for each in condition)
    return getattr(condition, "__qualname__", repr(condition))
