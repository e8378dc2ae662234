"""Fallback: what is answered instead of a failure or a refusal (SPEC B5, K1).

Strategies are tried in order with the call's own arguments, then `value` is the last resort. Each strategy that fails is logged
with its name; if all fail, the last one's error is raised. The failure of the call has been counted by the policies further in
before a fallback is asked.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import condition, condition_text, matches
from yaoki.core.policies.policy import Answer, Fragment, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.parameters import Condition
    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

__all__ = ["Fallback"]

_NONE = object()


class Fallback(Policy):
    """Answers instead of the call when it fails or is refused.

    `Fallback(value=x)` answers with x. `Fallback(f)` calls f with the call's arguments; `Fallback(f, g)` tries g if f raises, and
    so on; with `value` too, the value is the last resort. `on` narrows which failures are served: an exception type, a tuple
    of types or a predicate; all by default. What is not an `Exception` (a cancellation) is never replaced.

    Raises ConfigurationError for an empty chain or a strategy that cannot be called.
    """

    __slots__ = ("__weakref__", "chain", "key", "name", "on", "served", "value")

    kind = "fallback"
    block_obstacle: str | None = "a block has no value that another could replace"

    def __init__(
        self,
        *strategies: Callable[..., object],
        value: object = _NONE,
        on: Condition = Exception,
        name: str | None = None,
    ) -> None:
        for strategy in strategies:
            if not callable(strategy):
                raise ConfigurationError(
                    f"a fallback strategy must be callable, and {strategy!r} is not; a value is given as value="
                )
        if not strategies and value is _NONE:
            raise ConfigurationError("a Fallback needs at least one strategy, or a value")
        self.chain: tuple[Callable[..., object], ...] = strategies
        self.value: object = value
        self.on: Condition = condition("on", on)
        self.name: str | None = name
        self.key: Hashable = None
        self.served: int = 0
        """How many calls were given another answer than their own."""

    def leave(self, call: Call, permit: object, error: BaseException | None, now: float) -> Step:
        """Answer instead, if the failure is one that this fallback serves."""
        if not isinstance(error, Exception) or call.committed or not matches(self.on, error):
            return None
        if not self.chain:
            self._serve(call, call.fault(error) if events.listeners else None, "value")
            return Answer(self.value)
        fault = call.fault(error)

        def compute(*args: object, **kwargs: object) -> object:
            return self._first(call, fault, 0, args, kwargs)

        return Answer(compute=compute)

    def _first(self, call: Call, fault: Fault, start: int, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        for index in range(start, len(self.chain)):
            strategy = self.chain[index]
            try:
                value = strategy(*args, **kwargs)
            except Exception as error:
                self._strategy_failed(strategy, error)
                if index + 1 == len(self.chain) and self.value is _NONE:
                    raise
                continue
            if hasattr(value, "__await__"):
                return self._awaited(call, fault, index, value, args, kwargs)  # pyright: ignore[reportArgumentType]  # just asked for
            self._serve(call, fault, _name_of(strategy))
            return value
        self._serve(call, fault, "value")
        return self.value

    async def _awaited(
        self,
        call: Call,
        fault: Fault,
        index: int,
        awaitable: Awaitable[object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        strategy = self.chain[index]
        try:
            value = await awaitable
        except Exception as error:
            self._strategy_failed(strategy, error)
            if index + 1 == len(self.chain) and self.value is _NONE:
                raise
        else:
            self._serve(call, fault, _name_of(strategy))
            return value
        value = self._first(call, fault, index + 1, args, kwargs)
        return await value if hasattr(value, "__await__") else value  # pyright: ignore[reportGeneralTypeIssues]  # just asked for

    def _strategy_failed(self, strategy: Callable[..., object], error: Exception) -> None:
        import logging

        logging.getLogger("yaoki.fallback").warning("fallback strategy %s failed: %r", _name_of(strategy), error)

    def _serve(self, call: Call, fault: Fault | None, strategy: str) -> None:
        self.served += 1
        if events.listeners and fault is not None:
            events.emit(events.AnswerReplaced(pipeline=call.name, key=call.key, strategy=strategy, fault=fault))

    def healthy(self) -> Fragment | None:
        """Nothing to do for a healthy call."""
        return Fragment()

    def snapshot(self, now: float) -> dict[str, object]:
        """How many answers were replaced."""
        return {"kind": self.kind, "name": self.name, "served": self.served}

    def configuration(self) -> Mapping[str, object]:
        """The strategies in order."""
        shown: dict[str, object] = {}
        if self.chain:
            shown["strategies"] = [_name_of(strategy) for strategy in self.chain]
        if self.value is not _NONE:
            shown["value"] = repr(self.value)
        if self.on is not Exception:
            shown["on"] = condition_text(self.on)
        return shown


def _name_of(strategy: Callable[..., object]) -> str:
    return getattr(strategy, "__name__", None) or repr(strategy)
