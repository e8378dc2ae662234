"""What every policy offers: a rule that decides, and the few source lines that a healthy call needs.

A policy only decides. It does no I/O, reads no clock, sleeps nowhere and awaits nothing: the drivers act, and pass the time.
So one copy of every rule serves threads and event loops, and a test can drive it by hand.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping
    from typing import Any, ParamSpec, TypeAlias, TypeVar

    from yaoki.core.pipeline.blocks import Attempts
    from yaoki.core.pipeline.call import Call
    from yaoki.core.pipeline.keyed import Keyed
    from yaoki.core.pipeline.outcome import Outcome
    from yaoki.core.pipeline.pipeline import Pipeline

    F = TypeVar("F", bound=Callable[..., Any])
    P = ParamSpec("P")
    R = TypeVar("R")

    Permit: TypeAlias = object
    Step: TypeAlias = "float | Answer | None"

__all__ = ["NEUTRAL", "RESUME", "Answer", "Fragment", "Neutral", "Policy", "Ticket"]


class Policy:
    """One block of a pipeline: its configuration, its state, its rule.

    `enter` admits a call or refuses it; `leave` hears how it went. Both get the monotonic time and never wait.
    """

    __slots__ = ()

    kind = "policy"
    """The policy's name in logs, metrics and `describe()`."""

    key: Hashable = None
    """The key of a keyed pipeline that this state belongs to."""

    is_boundary = False
    """Whether a synchronous call runs everything below this policy in calls of its own (a hedge, a timeout by thread)."""

    is_async_boundary = False
    """The same for an asynchronous call."""

    block_obstacle: str | None = None
    """Why this policy cannot guard a block of statements, or None if it can."""

    @property
    def label(self) -> str:
        """How messages name this policy: its kind, its name if it has one, and its key."""
        name = getattr(self, "name", None)
        parts = [type(self).__name__]
        if name is not None:
            parts.append(repr(name))
        if self.key is not None:
            parts.append(f"[{self.key!r}]")
        return " ".join(parts)

    def enter(self, call: Call, now: float) -> Permit:
        """Admit `call`, or not.

        Returns a permit (any object, handed back to `leave`); or an exception, not raised, which refuses the call (a
        `Rejected`, or a `DeadlineExceededError`); or a `Ticket` for a place in a queue, on which the driver waits.
        """
        return None

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> Step:
        """Hear how the call went, and answer what happens next.

        `error` is None for a value (`call.value`); an `Exception` for a failure; any other `BaseException` is neutral: the
        call was cancelled or given up, nothing is judged, places go back.

        Returns None: the outcome goes on upward. A float: call again below this policy after so many seconds. An `Answer`:
        this outcome instead.
        """
        return None

    def resume(self, call: Call, started: float) -> Permit:
        """The permit of a call that entered on the healthy path at `started`, where the fragment's permit is `RESUME`."""
        return None

    def extend(self, call: Call, permit: Permit, now: float, paused: float) -> None:
        """Hear that a guarded generator goes on: it has made an item, or goes on after its consumer held one for `paused` s."""

    def healthy(self) -> Fragment | None:
        """The source lines that a healthy call needs, or None: such a call always takes the driver."""
        return None

    def snapshot(self, now: float) -> dict[str, object]:
        """State and counts, JSON-ready."""
        return {}

    def evictable(self, now: float) -> bool:
        """Whether dropping this state loses nothing that still matters (an open breaker's would).

        Takes no lock, since it is asked under one: locks that nest can meet each other.
        """
        return True

    def fresh(self, key: Hashable) -> Policy:
        """The same configuration with a state of its own, for one key of a keyed pipeline."""
        return self

    def shut_until(self, now: float) -> float:
        """Until when this policy will refuse calls, as far as it knows; `now` or earlier if it does not refuse."""
        return now

    def configuration(self) -> Mapping[str, object]:
        """The parameters that differ between two policies of this kind, JSON-ready, for `describe()`."""
        return {}

    # A policy alone is a pipeline of one.

    def __call__(self, fn: F) -> F:
        """Guard a function with this policy alone."""
        return _alone(self)(fn)

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `fn` guarded by this policy alone. The `call` of a Pipeline is faster."""
        from yaoki.core.pipeline.alone import begin_alone, drive

        return drive(begin_alone(self), fn, args, kwargs, 0.0)  # type: ignore[return-value]  # what fn returns

    async def acall(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call and await `fn` guarded by this policy alone. The `acall` of a Pipeline is faster."""
        from yaoki.core.pipeline.alone import begin_alone
        from yaoki.core.pipeline.driver_async import drive_async

        return await drive_async(begin_alone(self, is_async=True), fn, args, kwargs, 0.0)  # type: ignore[return-value]  # what fn returns

    def execute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[R]:
        """Call `fn` guarded by this policy alone; the outcome instead of an exception."""
        return _alone(self).execute(fn, *args, **kwargs)

    def aexecute(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[Outcome[R]]:
        """The same, awaited."""
        return _alone(self).aexecute(fn, *args, **kwargs)

    def attempts(self) -> Attempts:
        """The block form: `for attempt in policy.attempts(): with attempt: ...`; `async for` and `async with` likewise."""
        return _alone(self).attempts()

    def current_attempt(self) -> int:
        """The number of the attempt that is running in this thread or task under this policy, from 1 on (SPEC R6)."""
        from yaoki.core.deadline import cell, running

        for innermost in (cell().call, running.get()):
            call: Call | None = innermost
            while call is not None:
                if any(policy is self for policy in call.policies):
                    return call.attempt
                call = call.outer
        return 1

    def keyed(self, *, max_keys: int = 10_000, idle_ttl: float = 600.0) -> Keyed:
        """This policy with a state for each key."""
        return _alone(self).keyed(max_keys=max_keys, idle_ttl=idle_ttl)


def _alone(policy: Policy) -> Pipeline:
    # The one import upward in the core, at call time: what a single policy offers is what a pipeline of one offers.
    from yaoki.core.pipeline.pipeline import Pipeline

    return Pipeline(policy)


RESUME = object()
"""The permit in a Fragment that says: ask `resume` for it if the call leaves the healthy path."""


class Answer:
    """An outcome that replaces the call's own: `value`, or what `compute(*args, **kwargs)` returns.

    `compute` is called by the driver, outside of any `except`, with the call's arguments; for an async call its result is
    awaited if it is awaitable.
    """

    __slots__ = ("compute", "value")

    def __init__(self, value: object = None, compute: Callable[..., object] | None = None) -> None:
        self.value: object = value
        self.compute: Callable[..., object] | None = compute


class Ticket:
    """A place in a policy's queue. The driver parks on it: resolve, wait until woken or until the time told, resolve again."""

    __slots__ = ()

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, from any thread, when the ticket should be resolved again."""
        raise NotImplementedError

    def resolve(self, now: float) -> Permit | float:
        """A permit; or an exception that refuses the call; or a float: wait until woken, at most until this time."""
        raise NotImplementedError

    def abandon(self, now: float) -> None:
        """The call no longer waits (cancelled, or its deadline passed): leave the queue, and pass on what was granted."""
        raise NotImplementedError


class Neutral(BaseException):
    """Handed to `leave` for a call that ended without an outcome: nothing is judged, places go back. Never raised."""


NEUTRAL = Neutral()


class Fragment:
    """The source lines of one policy's healthy path. In them `{p}` stands for the policy and `{n}` for its number.

    `gates` run first and have no side effects; they may say `HANDOVER` to give the call to the driver. `alone` are the gates of a
    policy that stands alone. `take` takes a place and may say `HANDOVER`; at most one policy of a pipeline does so on the
    healthy path. `permit` is the expression of the permit that a healthy call holds. `success` runs after the call returned.
    `names` are constants that the lines use. What the lines may read, if they ask for it: `_y_now` (`seconds`) and `_y_end`
    (`end`), monotonic seconds before and after the call; `_y_start_ns` and `_y_end_ns` (`nanoseconds`), the same as integers.
    """

    __slots__ = ("alone", "end", "gates", "names", "nanoseconds", "permit", "seconds", "success", "take")

    def __init__(
        self,
        *,
        permit: str = "None",
        gates: tuple[str, ...] = (),
        alone: tuple[str, ...] = (),
        take: tuple[str, ...] = (),
        success: tuple[str, ...] = (),
        names: Mapping[str, object] | None = None,
        seconds: bool = False,
        end: bool = False,
        nanoseconds: bool = False,
    ) -> None:
        self.permit: str = permit
        self.gates: tuple[str, ...] = gates
        self.alone: tuple[str, ...] = alone or gates
        self.take: tuple[str, ...] = take
        self.success: tuple[str, ...] = success
        self.names: Mapping[str, object] | dict[str, object] = names or {}
        self.seconds: bool = seconds
        self.end: bool = end
        self.nanoseconds: bool = nanoseconds
