"""One registered rule: which exceptions it is for, and what it answers (SPEC F3)."""

from __future__ import annotations

import sys

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.faults.record import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Decision: TypeAlias = "Fault | Exception | tuple[Exception, ...] | bool | None"
    """What a function answers: the fault; another exception that shall be classified instead (a wrapper names what it
    wraps); several, which are combined; or None (False), which leaves the exception to the next rule."""

    Answer: TypeAlias = "Fault | Callable[[Any], Decision]"

__all__ = ["Rule", "checked_axes", "checked_target", "qualified_name"]


class Rule:
    """`target`: an exception type, its qualified name, or None for a predicate, which sees every exception.

    It answers with `answer`, or, where that is None or says True, by changing some `axes` of what the next rules say.
    `complete`: a function of ours whose answers need nothing filled in. `failed`: whether the function has raised or answered
    nonsense; this is logged once.
    """

    __slots__ = ("answer", "axes", "complete", "failed", "target")

    def __init__(
        self,
        target: type[Exception] | str | None,
        answer: Answer | None,
        axes: dict[str, object] | None = None,
        *,
        complete: bool = False,
    ) -> None:
        self.target: type[Exception] | str | None = target
        self.answer: Answer | None = answer
        self.axes: dict[str, object] = axes or {}
        self.complete: bool = complete
        self.failed: bool = False

    def matches(self, cls: type) -> bool:
        """Whether the rule was registered for exactly this class, no base of it; a name may be that of a re-export, too."""
        target = self.target
        if not isinstance(target, str):
            return target is cls
        return target == qualified_name(cls) or _named(target) is cls

    def __repr__(self) -> str:
        if self.target is None:
            return f"predicate {self.answer!r}"
        return f"rule for {self.target if isinstance(self.target, str) else qualified_name(self.target)}"

    def decide(self, error: Exception) -> Decision:
        """What the rule says of `error`. Raises what its function raises, and TypeError if that answers nonsense."""
        answer = self.answer
        if answer is None:
            return True
        decision = answer if isinstance(answer, Fault) else answer(error)
        cls = type(decision)
        if issubclass(cls, (Fault, Exception)) or decision is None or decision is False:
            return decision
        if decision is True and self.axes:
            return True
        if (
            isinstance(decision, tuple)
            and cls is tuple
            and decision
            and all(issubclass(type(member), Exception) for member in decision)
        ):
            return decision
        raise TypeError(f"a rule must answer a Fault, an exception, a tuple of exceptions or None, not {qualified_name(cls)}")


def checked_target(target: object) -> type[Exception] | str:
    """`target` as it may be registered. Raises `ConfigurationError`."""
    if isinstance(target, type):
        if issubclass(target, Exception):
            return target
        raise ConfigurationError(f"exception must be a subclass of Exception, not {qualified_name(target)}")
    if isinstance(target, str):
        module, dot, name = target.rpartition(".")
        if dot and module and name and not any(character.isspace() for character in target):
            return target
        raise ConfigurationError(f"exception must be a qualified name like 'builtins.ValueError', not {target!r}")
    raise ConfigurationError(f"exception must be an exception type or its qualified name, not {target!r}")


def checked_axes(
    category: Category | None, severity: Severity | None, recoverability: Recoverability | None, origin: Origin | None
) -> dict[str, object]:
    """The axes that are given, by name. Raises `ConfigurationError` naming the parameter and what it may be."""
    given: dict[str, object] = {}
    for name, value, allowed in (
        ("category", category, Category),
        ("severity", severity, Severity),
        ("recoverability", recoverability, Recoverability),
        ("origin", origin, Origin),
    ):
        if value is None:
            continue
        if not isinstance(value, allowed):
            members = ", ".join(member.name for member in allowed)
            raise ConfigurationError(f"{name} must be a {allowed.__name__} ({members}), not {value!r}")
        given[name] = value
    return given


def qualified_name(cls: type) -> str:
    """`module.QualName`, whatever the class or its metaclass makes of these attributes."""
    module = _module_of(cls)
    return f"{module}.{_qualname_of(cls)}" if isinstance(module, str) else ""


def _named(path: str) -> object:
    """What `path` stands for among the imported modules, or None. It imports nothing."""
    module_name, _, rest = path.rpartition(".")
    while module_name:
        if module_name in sys.modules:
            found: object = sys.modules[module_name]
            try:
                for name in rest.split("."):
                    found = vars(found)[name]
            except Exception:  # noqa: BLE001  # border: anything may stand in sys.modules
                return None
            return found
        module_name, _, name = module_name.rpartition(".")
        rest = f"{name}.{rest}"
    return None


_module_of = vars(type)["__module__"].__get__
_qualname_of = vars(type)["__qualname__"].__get__
