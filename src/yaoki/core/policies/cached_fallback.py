"""The cached fallback: an answer that is worth keeping, made anew once it is old, by one caller at a time (SPEC K1, P1).

| the answer for this key is | and nobody is making it | and somebody is making it |
| --- | --- | --- |
| there, younger than `ttl` | it is returned | it is returned |
| there, older | this caller makes it | the old one is returned |
| not there | this caller makes it | this caller waits for it |

Whoever makes it and fails gets the old answer, if there is one; else the error goes to him and to all who waited. If he is
cancelled, one of those who waited takes over. No lock is held while the function runs; callers may be threads, and tasks on any
event loop.
"""

from __future__ import annotations

from threading import get_ident

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError, DeadlineExceededError
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, whole
from yaoki.core.parking import OnLoop, OnThread
from yaoki.core.policies.cached_answers import NOTHING, Answers, Kept, Making

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from typing import Any

__all__ = ["CachedFallback"]


class CachedFallback:
    """A function whose answers are kept: a strategy for `Fallback(...)`, or to be called by itself, like the function.

    `fn` may be a function or a coroutine function. An answer is kept `ttl` seconds for its key: the arguments, or what `key` makes
    of them. There are at most `max_entries`; the one not used for longest goes first. None is an answer like any other. With
    `stale_on_error` an old answer serves if `fn` fails, and a warning is logged.

    A call raises what `fn` raises; ConfigurationError if its arguments cannot be a key; DeadlineExceededError if the deadline
    passes while it waits for another caller's answer; RuntimeError if `fn` waits for the answer that it makes. The constructor
    raises ConfigurationError for a parameter out of range.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        ttl: float = 300.0,
        *,
        key: Callable[..., Hashable] | None = None,
        max_entries: int = 1024,
        stale_on_error: bool = True,
    ) -> None:
        if not callable(fn):
            raise ConfigurationError(f"fn must be callable, and {fn!r} is not")
        if key is not None and not callable(key):
            raise ConfigurationError(f"key must be a function of the arguments, not {key!r}")
        self.__name__: Any | str = getattr(fn, "__name__", None) or repr(fn)
        self.__wrapped__ = fn
        self.ttl: float = duration("ttl", ttl, infinite=True)
        self.key = key
        self.stale_on_error: bool = bool(stale_on_error)
        self._answers = Answers(self.ttl, whole("max_entries", max_entries))
        self._stale = 0
        self._is_async = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The answer for these arguments; its coroutine, if `fn` is a coroutine function."""
        key = self._key_of(args, kwargs)
        return self._get_async(key, args, kwargs) if self._is_async else self._get(key, args, kwargs)

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def snapshot(self) -> dict[str, object]:
        """How many answers are kept, were returned from memory, were made, and served although old because `fn` failed."""
        answers = self._answers
        with lock_of(answers):
            return {
                "name": self.__name__,
                "entries": len(answers),
                "hits": answers.hits,
                "made": answers.made,
                "stale": self._stale,
            }

    def __repr__(self) -> str:
        return f"CachedFallback({self.__name__})"

    def _key_of(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Hashable:
        key: Hashable
        if self.key is not None:
            key = self.key(*args, **kwargs)
        else:
            # With the types: 1 == True == 1.0, and their answers may differ.
            named = sorted(kwargs.items(), key=lambda item: item[0])
            key = (args, *named, *map(type, args), *(type(value) for _, value in named))
        try:
            hash(key)
        except TypeError as error:
            remedy = "give a function of them as key=" if self.key is None else "key= must return something that is hashable"
            raise ConfigurationError(f"{self!r} cannot keep answers by arguments that are not hashable: {remedy}") from error
        return key

    def _serves_old(self, kept: Kept, error: Exception) -> bool:
        if not self.stale_on_error or kept.value is NOTHING:
            return False
        with lock_of(self._answers):
            self._stale += 1
            age = clock.now() - kept.until + self.ttl
        import logging

        logger = logging.getLogger("yaoki.fallback")
        logger.warning("%s failed, and its answer of %.0f s ago serves: %r", self.__name__, age, error)
        return True

    # For threads

    def _get(self, key: Hashable, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        mine: Making | None = None
        making: Making | None = None
        try:
            while True:
                mine = Making(get_ident())
                kept, making = self._answers.claim(key, mine)
                if making is None:
                    return kept.value
                if making is mine:
                    return self._make(kept, making, key, args, kwargs)
                self._refuse_own(making, mine)
                self._wait(making)
                if self._is_async:
                    return self._get_async(key, args, kwargs)
                if making.error is not None:
                    raise making.error
                if making.value is not NOTHING:
                    return making.value
        finally:
            # An error that leaves this frame must not be led to by it.
            making = mine = None

    def _make(
        self, kept: Kept, making: Making, key: Hashable, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> object:
        value: object = NOTHING
        failure: Exception | None = None
        try:
            value = self.__wrapped__(*args, **kwargs)
            if hasattr(value, "__await__"):
                # A coroutine function, as its first call shows: nobody has claimed anything yet.
                self._is_async = True
                coroutine, value = value, NOTHING
                return self._get_async(key, args, kwargs, coroutine)
        except Exception as error:
            failure = error
            if not self._serves_old(kept, error):
                raise
            return kept.value
        else:
            return value
        finally:
            self._answers.end(kept, making, value, failure)
            failure = making = None  # type: ignore[assignment]  # an error that leaves this frame must not be led to by it

    def _wait(self, making: Making) -> None:
        parking, until = OnThread(), deadline.current()
        wake = parking.wake
        if not self._answers.join(making, wake):
            return
        try:
            while not making.over and clock.now() < until:
                parking.park(until)
        finally:
            self._answers.part(making, wake)
        self._refuse_late(making, until)

    # For tasks

    async def _get_async(
        self, key: Hashable, args: tuple[object, ...], kwargs: Mapping[str, object], made: Any = None
    ) -> object:
        from asyncio import current_task

        mine: Making | None = None
        making: Making | None = None
        try:
            while True:
                mine = Making(current_task())
                kept, making = self._answers.claim(key, mine)
                if making is None:
                    return kept.value
                if making is mine:
                    return await self._make_async(kept, making, args, kwargs, made)
                self._refuse_own(making, mine)
                await self._wait_async(making)
                if making.error is not None:
                    raise making.error
                if making.value is not NOTHING:
                    return making.value
        finally:
            # An error that leaves this frame must not be led to by it.
            making = mine = None
            if made is not None and hasattr(made, "close"):
                made.close()

    async def _make_async(
        self, kept: Kept, making: Making, args: tuple[object, ...], kwargs: Mapping[str, object], made: Any
    ) -> object:
        value: object = NOTHING
        failure: Exception | None = None
        answer: Any
        try:
            answer = self.__wrapped__(*args, **kwargs) if made is None else made
            value = await answer if hasattr(answer, "__await__") else answer
        except Exception as error:
            failure = error
            if not self._serves_old(kept, error):
                raise
            return kept.value
        else:
            return value
        finally:
            self._answers.end(kept, making, value, failure)
            failure = making = None  # type: ignore[assignment]  # an error that leaves this frame must not be led to by it

    async def _wait_async(self, making: Making) -> None:
        parking, until = OnLoop(), deadline.current()
        wake = parking.wake
        if not self._answers.join(making, wake):
            return
        try:
            while not making.over and clock.now() < until:
                await parking.park(until)
        finally:
            self._answers.part(making, wake)
        self._refuse_late(making, until)

    # Both

    def _refuse_own(self, making: Making, mine: Making) -> None:
        if making.by == mine.by and mine.by is not None:
            raise RuntimeError(f"{self!r} calls itself with the arguments that it is making an answer for")

    def _refuse_late(self, making: Making, until: float) -> None:
        if not making.over:
            raise DeadlineExceededError(None, until, f"it waited for {self.__name__}, which another caller runs")
