"""Keyed pipelines: one plan, a state for each key (SPEC B7).

A key's state is made at its first use. It is dropped when it was not used for `idle_ttl` seconds, or to make room at
`max_keys`; never while dropping it would forget something that still matters, such as an open circuit before its time. If all
are in use or may not be dropped, a new key is served without being kept.

A use sets one flag, so it costs a healthy call a dictionary lookup. Keys are looked at in turn when one is added: a flag that
is set is cleared and the key goes to the end of the queue; a key found unused is the one to drop. Marks in the queue tell
since when. Nothing runs in the background: idle keys go when a new key comes.
"""

from __future__ import annotations

from collections import deque

from yaoki.core.clock import clock
from yaoki.core.deadline import cell, running
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, whole
from yaoki.core.pipeline.call import begin
from yaoki.core.pipeline.driver_sync import drive
from yaoki.core.pipeline.execute import execute, execute_async
from yaoki.core.pipeline.generate import keyed_caller
from yaoki.core.pipeline.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from typing import Any, ClassVar, ParamSpec, TypeAlias, TypeVar

    from yaoki.core.pipeline.blocks import Attempts
    from yaoki.core.pipeline.outcome import Outcome
    from yaoki.core.pipeline.pipeline import Pipeline
    from yaoki.core.policies.policy import Policy

    P = ParamSpec("P")
    R = TypeVar("R")
    _States: TypeAlias = dict[Hashable, "KeyState"]
else:
    _States = dict

__all__ = ["KeyState", "Keyed"]


class KeyState:
    """The pipeline of one key. Made by a Keyed, each of which has a subclass with one slot for each policy."""

    __slots__ = ("touched",)

    touched: bool
    """Whether the key was used since it was last looked at."""
    keyed: ClassVar[Keyed]

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies with this key's state, outermost first."""
        return tuple([getattr(self, slot) for slot in self.__slots__])

    if TYPE_CHECKING:

        def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Call `fn` through the policies."""
            ...

        async def acall(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Call `fn` through the policies and await what it returns."""
            ...

    else:

        def acall(self, fn, /, *args, **kwargs):
            """Call `fn` through the policies and await what it returns."""
            made = type(self).acall = _caller(self.keyed, is_async=True)
            return made(self, fn, *args, **kwargs)

    def execute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[R]:
        """Call `fn` through the policies; return the outcome instead of raising."""
        return execute(self.plan(is_async=False), fn, args, kwargs)

    async def aexecute(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[R]:
        """The same, awaited."""
        return await execute_async(self.plan(is_async=True), fn, args, kwargs)

    def attempts(self) -> Attempts:
        """The block form, with this key's state."""
        from yaoki.core.pipeline.blocks import Attempts

        return Attempts(self.plan(is_async=False), self.plan(is_async=True))

    def current_attempt(self) -> int:
        """The number of the attempt that is running in this thread or task with this key's state, from 1 on."""
        retry = next((policy for policy in self.policies if policy.kind == "retry"), None)
        for innermost in (cell().call, running.get()):
            call = innermost
            while call is not None:
                if any(policy is retry for policy in call.policies):
                    return call.attempt
                call = call.outer
        return 1

    def snapshot(self) -> dict[str, object]:
        """The state of every policy of this key at this moment, JSON-ready."""
        now = clock.now()
        return {"pipeline": self.keyed.name, "policies": [policy.snapshot(now) for policy in self.policies]}

    def plan(self, *, is_async: bool) -> Plan:
        """A plan of this key's own policies; using it counts as a use of the key."""
        self.touched = True
        return Plan(self.policies, self.keyed.name, is_async=is_async)

    def evictable(self, now: float) -> bool:
        """Whether dropping this key's state forgets nothing that still matters."""
        for slot in self.__slots__:
            policy: Policy = getattr(self, slot)
            if not policy.evictable(now):
                return False
        return True


_MARK = object()
_LOOKS = 1000
"""How many keys one addition looks at, at most: a bound on what a single call pays."""


class Keyed(_States):
    """A state for each key: `keyed[key].call(fn, ...)`. A dictionary of what is kept; reading a key makes its state.

    `len`, `in`, `get` and iteration only look; while other threads add keys, iterate over `list(keyed)`. `del keyed[key]` forgets
    a key's state, whatever it is. Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = (
        "__weakref__",
        "_latest",
        "_look_again",
        "_marks",
        "_order",
        "_state_type",
        "idle_ttl",
        "max_keys",
        "name",
        "prototype",
    )

    def __init__(self, pipeline: Pipeline, *, max_keys: int, idle_ttl: float) -> None:
        super().__init__()
        self.prototype: Pipeline = pipeline
        self.name: str | None = pipeline.name
        self.max_keys: int = whole("max_keys", max_keys)
        self.idle_ttl: float = duration("idle_ttl", idle_ttl, infinite=True)
        self._order: deque[Hashable] = deque()
        self._marks: deque[float] = deque()
        self._latest = float("-inf")
        self._look_again = float("-inf") if self.idle_ttl < float("inf") else float("inf")
        slots = tuple(f"p{number}" for number in range(len(pipeline.policies)))
        body = {"__slots__": slots, "keyed": self, "call": _caller(self, is_async=False)}
        self._state_type: type[KeyState] = type("KeyState", (KeyState,), body)

    def __missing__(self, key: Hashable) -> KeyState:
        state = self._state_type()
        state.touched = False
        for slot, policy in zip(state.__slots__, self.prototype.policies, strict=True):
            setattr(state, slot, policy.fresh(key))
        now = clock.now()
        with lock_of(self):
            known = self.get(key)
            if known is not None:
                return known
            if now >= self._look_again:
                self._mark_locked(now)
            self._drop_idle_locked(now)
            if len(self) < self.max_keys or self._make_room_locked(now):
                self[key] = state
                self._line_up_locked(key, now)
                if len(self._order) > 2 * len(self) + len(self._marks) + 64:
                    self._compact_locked()
        return state

    def _mark_locked(self, now: float) -> None:
        self._look_again = now + self.idle_ttl / 8
        self._order.append(_MARK)
        self._marks.append(self._latest)

    def _line_up_locked(self, key: Hashable, now: float) -> None:
        self._order.append(key)
        self._latest = now

    def _drop_idle_locked(self, now: float) -> None:
        for _ in range(_LOOKS):
            # All keys in front of the first mark were last looked at by its time.
            if not self._marks or now - self._marks[0] < self.idle_ttl:
                return
            self._look_locked(now)

    def _make_room_locked(self, now: float) -> bool:
        for _ in range(min(_LOOKS, len(self._order))):
            self._look_locked(now)
            if len(self) < self.max_keys:
                return True
        return False

    def _look_locked(self, now: float) -> None:
        if not self._order:
            return
        key = self._order.popleft()
        if key is _MARK:
            self._marks.popleft()
            return
        state = self.get(key)
        if state is None:
            return
        if state.touched or not state.evictable(now):
            state.touched = False
            self._line_up_locked(key, now)
        else:
            del self[key]

    def _compact_locked(self) -> None:
        # Keys that were deleted by hand are still in line, and twice if they came again.
        order: deque[Hashable] = deque()
        seen: set[Hashable] = set()
        for key in reversed(self._order):
            if key is _MARK or (key in self and key not in seen):
                order.appendleft(key)
                seen.add(key)
        self._order = order

    def __repr__(self) -> str:
        return f"<Keyed {self.name or ''}: {len(self)} of at most {self.max_keys} keys>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Keyed cannot be copied or pickled: its states belong to this process")


def _caller(keyed: Keyed, *, is_async: bool) -> Callable[..., Any]:
    pipeline = keyed.prototype
    plan = Plan(pipeline.policies, pipeline.name, is_async=is_async)
    if plan.below is None:
        return keyed_caller(plan, is_async=is_async)
    return _across_boundary_async if is_async else _across_boundary


def _across_boundary(state: KeyState, fn: Callable[..., object], /, *args: object, **kwargs: object) -> object:
    return drive(begin(state.plan(is_async=False)), fn, args, kwargs, 0.0)


async def _across_boundary_async(state: KeyState, fn: Callable[..., object], /, *args: object, **kwargs: object) -> object:
    from yaoki.core.pipeline.driver_async import drive_async

    return await drive_async(begin(state.plan(is_async=True)), fn, args, kwargs, 0.0)
