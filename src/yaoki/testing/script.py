"""A dependency that behaves as written: a callable that plays a list of outcomes (SPEC X2)."""

from __future__ import annotations

import threading

from yaoki.core.clock import clock
from yaoki.testing.virtual_clock import VirtualClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Script", "ScriptedCall", "UnscriptedCall", "takes"]

_NOTHING = object()


class UnscriptedCall(BaseException):
    """A script was called more often than it has outcomes.

    Not an `Exception`, so that no retry repeats it and no fallback answers it: it reaches the test.
    """


class ScriptedCall:
    """One call of a script: its arguments, and `at`, the monotonic second at which it came."""

    __slots__ = ("args", "at", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], at: float) -> None:
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self.at: float = at

    def __repr__(self) -> str:
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"call({', '.join(given)}) at {self.at:.6g} s"


class _Takes:
    __slots__ = ("outcome", "seconds")

    def __init__(self, seconds: float, outcome: object) -> None:
        self.seconds = seconds
        self.outcome = outcome

    def __repr__(self) -> str:
        return f"takes({self.seconds!r}, {self.outcome!r})"


def takes(seconds: float, outcome: object = None) -> object:
    """An outcome of a Script that comes after `seconds` of virtual time. Raises ValueError for less than 0."""
    if not seconds >= 0.0:
        raise ValueError(f"a call takes 0 seconds or more, not {seconds!r}")
    return _Takes(seconds, outcome)


class Script:
    """A callable that plays `outcomes`, one for each call: exceptions and exception types are raised, the rest is returned.

    `takes(seconds, outcome)` lets time pass first. `then` is played for ever after the last one; without it, a further call
    raises UnscriptedCall. A script takes any arguments and remembers them in `calls`. The script itself and `sync` are
    ordinary functions, `asynchronous` is the same script as a coroutine function. Threads may share it.
    """

    def __init__(self, *outcomes: object, then: object = _NOTHING) -> None:
        self.outcomes = outcomes
        self.calls: list[ScriptedCall] = []
        """Every call so far."""
        self._then = then
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How often it was called."""
        return len(self.calls)

    @property
    def remaining(self) -> int:
        """How many of the listed outcomes were not played yet."""
        return max(0, len(self.outcomes) - len(self.calls))

    def assert_finished(self) -> None:
        """Fail unless every listed outcome was played."""
        if self.remaining:
            raise AssertionError(
                f"expected all {len(self.outcomes)} outcomes to be played, but {self.remaining} remain: "
                f"{', '.join(map(repr, self.outcomes[self.count :]))}"
            )

    def sync(self, *args: Any, **kwargs: Any) -> Any:
        """Play the next outcome."""
        seconds, outcome = self._next(args, kwargs)
        if seconds > 0.0:
            virtual = VirtualClock.installed()
            # Not a sleep of the code under test, so not one in `sleeps`.
            (virtual.work if virtual else clock.sleep)(seconds)
        return _play(outcome)

    __call__ = sync

    async def asynchronous(self, *args: Any, **kwargs: Any) -> Any:
        """Play the next outcome; while it takes time, other tasks run."""
        seconds, outcome = self._next(args, kwargs)
        if seconds > 0.0:
            import asyncio

            loop = asyncio.get_running_loop()
            over = loop.create_future()
            timer = loop.call_later(seconds, over.set_result, None)
            try:
                await over
            finally:
                timer.cancel()
        return _play(outcome)

    def _next(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, object]:
        with self._lock:
            number = len(self.calls)
            self.calls.append(ScriptedCall(args, kwargs, clock.now()))
        outcome = self.outcomes[number] if number < len(self.outcomes) else self._then
        if outcome is _NOTHING:
            raise UnscriptedCall(
                f"the script has {len(self.outcomes)} outcome{'' if len(self.outcomes) == 1 else 's'}, "
                f"and this is call number {number + 1}: {self.calls[number]!r}"
            )
        return (outcome.seconds, outcome.outcome) if isinstance(outcome, _Takes) else (0.0, outcome)


def _play(outcome: object) -> object:
    if isinstance(outcome, BaseException) or (isinstance(outcome, type) and issubclass(outcome, BaseException)):
        raise outcome
    return outcome
