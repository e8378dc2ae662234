"""The record of a fault: made once, when an exception is classified, and read by every later room (SPEC F3)."""

from __future__ import annotations

from types import MappingProxyType

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Fault"]


class Fault:
    """What is known about one failure. Immutable.

    `error_type`: the kind's name, or the exception's class name; empty in a template, the classifier fills it in. `code`: the
    stable number of one of our own kinds, or the foreign code (an errno, an HTTP status), else None. `retry_after`: seconds
    that the other side asked us to wait, or None. `context`: further facts, JSON-ready; a read-only copy of what was given.
    """

    __slots__ = ("category", "code", "context", "error_type", "origin", "recoverability", "retry_after", "severity")

    category: Category
    severity: Severity
    recoverability: Recoverability
    origin: Origin
    error_type: str
    retry_after: float | None
    code: int | str | None
    context: Mapping[str, object]

    def __init__(
        self,
        category: Category,
        severity: Severity,
        recoverability: Recoverability,
        error_type: str,
        *,
        origin: Origin = Origin.DEPENDENCY,
        retry_after: float | None = None,
        code: int | str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        _put_category(self, category)
        _put_severity(self, severity)
        _put_recoverability(self, recoverability)
        _put_error_type(self, error_type)
        _put_origin(self, origin)
        _put_retry_after(self, retry_after)
        _put_code(self, code)
        _put_context(self, MappingProxyType(dict(context)) if context else _NO_CONTEXT)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Fault is immutable: {name} cannot be set; use replace()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Fault is immutable: {name} cannot be deleted")

    @property
    def is_retryable(self) -> bool:
        """Whether a repetition of the call makes sense."""
        return self.recoverability.is_retryable

    def replace(self, **changes: object) -> Fault:
        """A copy with some fields changed. Raises TypeError for a name that is no field."""
        return _rebuild(
            {
                "category": self.category,
                "severity": self.severity,
                "recoverability": self.recoverability,
                "error_type": self.error_type,
                "origin": self.origin,
                "retry_after": self.retry_after,
                "code": self.code,
                "context": self.context,
                **changes,
            }
        )

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, names in lower case as in labels and logs (SPEC F2)."""
        return {
            "category": self.category.value,
            "severity": self.severity.name.lower(),
            "recoverability": self.recoverability.name.lower(),
            "origin": self.origin.value,
            "error_type": self.error_type,
            "retry_after": self.retry_after,
            "code": self.code,
            "context": dict(self.context),
        }

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fault):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.category, self.severity, self.recoverability, self.origin, self.error_type, self.code))

    def __repr__(self) -> str:
        return (
            f"Fault({self.error_type}: {self.category.value}, {self.severity.name.lower()}, "
            f"{self.recoverability.name.lower()}, origin {self.origin.value})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        fields = {name: getattr(self, name) for name in Fault.__slots__}
        return _rebuild, (fields | {"context": dict(self.context)},)


def _rebuild(fields: dict[str, Any]) -> Fault:
    return Fault(**fields)


# The slots' own setters: a record is made for every failure, and the immutable class's `__setattr__` must not be asked.
_put_category = vars(Fault)["category"].__set__
_put_severity = vars(Fault)["severity"].__set__
_put_recoverability = vars(Fault)["recoverability"].__set__
_put_error_type = vars(Fault)["error_type"].__set__
_put_origin = vars(Fault)["origin"].__set__
_put_retry_after = vars(Fault)["retry_after"].__set__
_put_code = vars(Fault)["code"].__set__
_put_context = vars(Fault)["context"].__set__

_NO_CONTEXT: Mapping[str, object] = MappingProxyType({})
