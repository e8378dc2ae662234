"""What is wrong, and who finds it: anomalies, detectors, and the verdict after a repair (SPEC H3)."""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.faults.category import Severity
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any, TypeAlias

    Found: TypeAlias = "Iterable[Anomaly]"

__all__ = ["CORRUPTED", "LONG_ALLOCATED", "ORPHANED_LOCK", "Anomaly", "Detector", "Verdict"]

CORRUPTED = "corrupted"
"""Damaged: recovered by every strategy."""

LONG_ALLOCATED = "long_allocated"
"""Held for long, perhaps by somebody who is gone; `age` says how long. The strategy decides from when, and what then."""

ORPHANED_LOCK = "orphaned_lock"
"""A lock that nobody holds: cleaned by every strategy."""


class Anomaly:
    """Something that is not as it should be.

    `kind`: one of the three above, or a word of the system's own. `subject`: what is affected; one subject is repaired and
    isolated as a whole. `age`: seconds that it has lasted, where that matters. `detected_at`: wall-clock seconds since 1970.
    `held`: the system itself knows that an operator has isolated the subject. `facts`: more, JSON-ready.

    Raises ConfigurationError for an empty kind or subject, and for facts that JSON has no form for.
    """

    __slots__ = ("age", "detail", "detected_at", "facts", "held", "kind", "severity", "subject")

    def __init__(
        self,
        kind: str,
        subject: str,
        detail: str = "",
        *,
        severity: Severity = Severity.WARNING,
        age: float | None = None,
        detected_at: float | None = None,
        held: bool = False,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        self.kind: str = word("kind", kind)
        self.subject: str = word("subject", subject)
        self.detail: str = detail
        self.severity: Severity = severity
        self.age: float | None = age
        self.detected_at: float = clock.wall() if detected_at is None else detected_at
        self.held: bool = held
        self.facts: dict[str, object] = _facts(facts)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "detail": self.detail,
            "severity": self.severity.name.lower(),
            "age": self.age,
            "detected_at": self.detected_at,
            "held": self.held,
            "facts": self.facts,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Anomaly:
        """The anomaly that `to_dict` wrote down."""
        return Anomaly(**{**stored, "severity": Severity[stored["severity"].upper()]})

    def __repr__(self) -> str:
        return f"<Anomaly {self.kind}: {self.subject}{f', {self.detail}' if self.detail else ''}>"


class Detector:
    """Looks for anomalies, and repairs nothing.

    `find` is a function or coroutine function without parameters that returns anomalies, of one kind or several. `timeout`:
    seconds until it is left; then, and if it raises, the report says so, and what the other detectors find is dealt with.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("find", "name", "timeout")

    def __init__(self, name: str, find: Callable[[], Found] | Callable[[], Awaitable[Found]], *, timeout: float = 60.0) -> None:
        if not callable(find):
            raise ConfigurationError(f"find must be callable without arguments, not {find!r}")
        self.name: str = word("name", name)
        self.find: Callable[[], Found] | Callable[[], Awaitable[Found]] = find
        self.timeout: float = duration("timeout", timeout)

    def __repr__(self) -> str:
        return f"<Detector {self.name}>"


class Verdict:
    """Whether a subject is well again, and why not."""

    __slots__ = ("detail", "ok")

    def __init__(self, ok: bool, detail: str = "") -> None:
        self.ok: bool = ok
        self.detail: str = detail

    def __repr__(self) -> str:
        return f"Verdict({self.ok}{f', {self.detail!r}' if self.detail else ''})"


def word(name: str, value: object) -> str:
    """A text that is not empty. Raises ConfigurationError for anything else."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a text that is not empty, not {value!r}")
    return value


def _facts(facts: Mapping[str, object] | None) -> dict[str, object]:
    if not facts:
        return {}
    import json

    try:
        # Read back, so that a continued recovery finds the very facts that the first one had.
        read: dict[str, object] = json.loads(json.dumps(dict(facts)))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"facts must be JSON-ready: {error}") from error
    return read
