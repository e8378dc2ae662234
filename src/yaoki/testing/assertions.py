"""Assertions about pipelines: what they retry, when they open, when they recover (SPEC X2).

Each plays a Script through the pipeline, in the virtual time that is in force, and says on failure what was expected, what
happened instead, and which events were sent meanwhile. The pipeline stays in the state that this leads to. Its own functions
are not called: the script takes their place.
"""

from __future__ import annotations

import math

from yaoki.core.events import RetryScheduled
from yaoki.core.faults.errors import CircuitOpenError, Rejected
from yaoki.testing.recording import Recorded, record_events
from yaoki.testing.script import Script
from yaoki.testing.virtual_clock import VirtualClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any, Protocol

    class Guarded(Protocol):
        """A pipeline, or a single policy."""

        def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...

        def acall(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]: ...

    Failure = BaseException | type[BaseException]

__all__ = ["assert_opens_after", "assert_recovers", "assert_refuses", "assert_retries"]


def assert_retries(
    guarded: Guarded,
    failure: Failure,
    *,
    attempts: int,
    delays: Sequence[float] | None = None,
    asynchronous: bool = False,
) -> None:
    """One call that always fails with `failure` makes exactly so many attempts; 1 says that it is not retried.

    `delays`: the seconds between the attempts, if they matter; fix the jitter with `VirtualClock.fix_random`.
    """
    played = _Played(guarded, asynchronous)
    with record_events() as events:
        played.call(Script(then=failure))
    if played.reached != attempts:
        raise AssertionError(
            f"expected {_count(attempts, 'attempt')} for {_named(failure)}, saw {_count(played.reached, 'attempt')}; "
            f"the call {played.ending}{_listed(events)}"
        )
    waited = [event.delay for event in events.of(RetryScheduled)]
    if delays is not None and not _close(waited, delays):
        raise AssertionError(f"expected the delays {list(delays)} between the attempts, saw {waited}{_listed(events)}")


def assert_opens_after(
    guarded: Guarded, failures: int, failure: Failure = ConnectionError, *, asynchronous: bool = False
) -> None:
    """A closed circuit lets exactly so many failing attempts reach the function, and refuses the next call."""
    played = _Played(guarded, asynchronous)
    total = 0
    with record_events() as events:
        while total <= failures:
            played.call(Script(then=failure))
            if not played.reached:
                break
            total += played.reached
    if total > failures:
        raise AssertionError(
            f"expected the circuit to open after {_count(failures, 'failure')} ({_named(failure)}), "
            f"but attempt {failures + 1} was still admitted{_listed(events)}"
        )
    played.demand_refusal(f" after {_count(total, 'failure')}", CircuitOpenError, events)
    if total < failures:
        raise AssertionError(
            f"expected the circuit to open after {_count(failures, 'failure')} ({_named(failure)}), "
            f"but it opened after {total}{_listed(events)}"
        )


def assert_refuses(guarded: Guarded, because: type[Rejected] = CircuitOpenError, *, asynchronous: bool = False) -> None:
    """A call does not reach the function: it is refused with `because`, or a fallback answers it."""
    played = _Played(guarded, asynchronous)
    with record_events() as events:
        played.call(Script(then=None))
    if played.reached:
        raise AssertionError(f"expected the call to be refused, but it reached the function{_listed(events)}")
    played.demand_refusal("", because, events)


def assert_recovers(guarded: Guarded, *, after: float, successes: int = 1, asynchronous: bool = False) -> None:
    """An open circuit refuses calls for `after` more seconds, then admits trials, and closes after so many `successes`.

    Lets `after` seconds of virtual time pass.
    """
    played = _Played(guarded, asynchronous)
    before = min(after / 2.0, 0.001)
    # Moments, not distances: two distances would not add up to the very float that the breaker waits for.
    start = played.clock.time
    end = start + after
    with record_events() as events:
        for until, moment in ((start, "now"), (end - before, f"{before:g} s before the end of {after:g} s")):
            played.clock.advance_to(until)
            played.call(Script(then=None))
            if played.reached:
                raise AssertionError(
                    f"expected the circuit to be open for {after:g} s, but {moment} it admitted a call{_listed(events)}"
                )
            played.demand_refusal(f" {moment}", CircuitOpenError, events)
        played.clock.advance_to(end)
        for number in range(1, successes + 1):
            played.demand_open_circuits(number, successes, events)
            played.call(Script(then=None))
            if not played.reached:
                raise AssertionError(
                    f"expected the circuit to admit trial call {number} of {successes} after {after:g} s, "
                    f"but the call {played.ending}{_listed(events)}"
                )
    still = [str(state) for state in played.states() if state != "closed"]
    if still:
        raise AssertionError(
            f"expected the circuit to close after {_count(successes, 'successful trial call')}, "
            f"but it is {', '.join(still)}{_listed(events)}"
        )


class _Played:
    """Plays scripts through a pipeline, and keeps how the latest call went."""

    def __init__(self, guarded: Guarded, asynchronous: bool) -> None:
        clock = VirtualClock.installed()
        if clock is None:
            raise RuntimeError(
                "assertions about pipelines need virtual time: `with VirtualClock():`, or the virtual_clock fixture"
            )
        self.clock = clock
        self.guarded = guarded
        self.asynchronous = asynchronous
        self.reached = 0
        self.ending = ""
        self.error: Exception | None = None

    def call(self, script: Script) -> None:
        self.error = None
        try:
            if self.asynchronous:
                from yaoki.testing.event_loop import run

                answer = run(self.guarded.acall(script.asynchronous))
            else:
                answer = self.guarded.call(script.sync)
        except Exception as error:  # noqa: BLE001  # the outcome of the call is what is examined
            self.error = error
            self.ending = f"raised {type(error).__name__}{f': {error}' if str(error) else ''}"
        else:
            self.ending = f"returned {answer!r}"
        self.reached = script.count

    def demand_refusal(self, moment: str, because: type[Rejected], events: Recorded) -> None:
        """The latest call, which did not reach the function, was refused for the right reason, or answered by a fallback."""
        if self.error is not None and not isinstance(self.error, because):
            raise AssertionError(
                f"expected the call{moment} to be refused with {because.__name__}, but it {self.ending}{_listed(events)}"
            )

    def states(self) -> list[object]:
        """The states of the circuits in the pipeline."""
        blocks = (self.guarded, *getattr(self.guarded, "policies", ()))
        return [getattr(block, "state", None) for block in blocks if hasattr(block, "isolate")]

    def demand_open_circuits(self, number: int, successes: int, events: Recorded) -> None:
        """Some circuit is not closed before its last trial."""
        states = self.states()
        if states and all(state == "closed" for state in states):
            raise AssertionError(
                f"expected the circuit to close after {_count(successes, 'successful trial call')}, "
                f"but it was closed before trial call {number}{_listed(events)}"
            )


def _named(failure: Failure) -> str:
    return failure.__name__ if isinstance(failure, type) else repr(failure)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _close(seen: Sequence[float], expected: Sequence[float]) -> bool:
    return len(seen) == len(expected) and all(map(_same, seen, expected))


def _same(seen: float, expected: float) -> bool:
    return math.isclose(seen, expected, rel_tol=1e-9, abs_tol=1e-9)


def _listed(events: Recorded) -> str:
    lines = "".join(f"\n  {event!r}" for event in events[-_SHOWN:])
    skipped = f"\n  ({len(events) - _SHOWN} earlier ones)" if len(events) > _SHOWN else ""
    return f"\nevents:{skipped}{lines}" if events else "\nevents: none"


_SHOWN = 20
