"""The circuit breaker: stops calling what is down, and finds out with a few trial calls when it is back (SPEC B1 to B8).

| state | a call | a failure | a success | leaves when |
| --- | --- | --- | --- | --- |
| CLOSED | is admitted | is counted in the window | is counted in the window | the window trips -> OPEN |
| OPEN | is refused | - | - | a call comes at `open_timeout` or later -> HALF_OPEN |
| HALF_OPEN | is admitted while trials are free | -> OPEN | counts; enough -> CLOSED | as said, or a trial hangs -> OPEN |

There are three outcomes: failure, success, and *ignored*, which judges nothing and only gives a trial's permit back: a call that
was cancelled, a fault that is not the dependency's (the classifier says whose it is), a refusal by a policy further in, or
the caller's own deadline. A late result, of an era that has ended, changes nothing. No lock is held while a call runs.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.faults.category import Origin
from yaoki.core.faults.errors import CircuitOpenError, Rejected
from yaoki.core.interpreter import GIL, lock_of
from yaoki.core.parameters import matches
from yaoki.core.policies.breaker_config import WINDOW, breaker_config, parameters_from_env, parameters_from_mapping
from yaoki.core.policies.breaker_report import report_locked
from yaoki.core.policies.breaker_states import CircuitState, History, Lease, Opened, Timed, Trials, state_of
from yaoki.core.policies.policy import Fragment, Policy
from yaoki.core.windows import Held, Seconds, Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from typing import TypeAlias

    from yaoki.core.parameters import Condition
    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.breaker_config import BreakerConfig
    from yaoki.core.policies.breaker_states import Era
    from yaoki.core.windows import CallsWindow, SecondsWindow

    _Change: TypeAlias = tuple[CircuitState, CircuitState, float, int, int]

__all__ = ["CircuitBreaker", "CircuitState"]

# Reading a member of an enumeration from its class costs as much as all the rest of a comparison (up to Python 3.11).
_DEPENDENCY = Origin.DEPENDENCY


class CircuitBreaker(Policy):
    """Refuses calls to a dependency that fails, until trial calls show that it is back.

    It opens on `failure_threshold` failures since the last success (5 when no rate is given), with `failure_window` only on
    those younger than that many seconds; or on `failure_rate` of the calls in `window` (`calls(n)` or `seconds(s)`), once
    there are `minimum_calls`; or on `slow_call_rate` of calls that took `slow_call_duration` seconds or longer, beside a
    `failure_rate` of 0.5 unless another is given.

    It stays open `open_timeout` seconds, times `open_timeout_multiplier` for each further opening in a row, up to
    `open_timeout_cap`, less a random share of at most `open_timeout_jitter`. Then at most `half_open_max_calls` trial calls run
    at once; one that takes longer than `half_open_timeout` seconds counts as failed. `success_threshold` successes close, the
    first failure re-opens; with `half_open_success_rate` the rate decides after `half_open_max_calls` settled trials.

    `failure_on` and `ignore` take an exception type, a tuple of types or a predicate; with `failure_on` the classifier is not
    asked, and `ignore` goes first. Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("__weakref__", "closed", "config", "history", "key", "shut")

    kind = "circuit_breaker"

    config: BreakerConfig
    closed: Window | None
    """The window of the present CLOSED era, or None: the gate and the permit in one."""
    shut: Opened | Trials | None
    """The present (or last) era that was not CLOSED."""

    def __init__(
        self,
        *,
        failure_threshold: int | None = None,
        failure_window: float | None = None,
        failure_rate: float | None = None,
        window: CallsWindow | SecondsWindow = WINDOW,
        minimum_calls: int = 10,
        slow_call_duration: float | None = None,
        slow_call_rate: float | None = None,
        open_timeout: float = 30.0,
        open_timeout_multiplier: float = 1.0,
        open_timeout_cap: float | None = None,
        open_timeout_jitter: float = 0.0,
        half_open_max_calls: int = 1,
        half_open_timeout: float = 30.0,
        success_threshold: int = 1,
        half_open_success_rate: float | None = None,
        failure_on: Condition | None = None,
        ignore: Condition = (),
        name: str | None = None,
    ) -> None:
        self.config = breaker_config(
            failure_threshold=failure_threshold,
            failure_window=failure_window,
            failure_rate=failure_rate,
            window=window,
            minimum_calls=minimum_calls,
            slow_call_duration=slow_call_duration,
            slow_call_rate=slow_call_rate,
            open_timeout=open_timeout,
            open_timeout_multiplier=open_timeout_multiplier,
            open_timeout_cap=open_timeout_cap,
            open_timeout_jitter=open_timeout_jitter,
            half_open_max_calls=half_open_max_calls,
            half_open_timeout=half_open_timeout,
            success_threshold=success_threshold,
            half_open_success_rate=half_open_success_rate,
            failure_on=failure_on,
            ignore=ignore,
            name=name,
        )
        self._start(None)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, *, prefix: str = "CIRCUIT_", **parameters: object
    ) -> CircuitBreaker:
        """A breaker configured by `CIRCUIT_FAILURE_THRESHOLD`, `CIRCUIT_FAILURE_WINDOW_SECS`, `CIRCUIT_OPEN_TIMEOUT_SECS` and
        `CIRCUIT_SUCCESS_THRESHOLD`; unset ones are 5, 5 s, 5 s and 2. Further parameters as in the constructor (SPEC B8).

        Raises ConfigurationError naming a variable whose value is malformed or out of range.
        """
        return cls(**{**parameters_from_env(environ, prefix), **parameters})  # type: ignore[arg-type]  # the constructor checks every value

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> CircuitBreaker:
        """A breaker configured by a mapping, such as a TOML table; `window` is `{calls = 100}` or `{seconds = 30.0}`.

        Raises ConfigurationError naming an unknown key or a wrong value (SPEC B8).
        """
        return cls(**parameters_from_mapping(mapping))  # type: ignore[arg-type]  # the constructor checks every value

    def _start(self, key: Hashable) -> None:
        self.key: Hashable = key
        self.history: History | None = None
        self.shut = None
        self.closed = self.config.new_window()

    def fresh(self, key: Hashable) -> CircuitBreaker:
        """A closed breaker with the same configuration, for one key."""
        breaker = CircuitBreaker.__new__(CircuitBreaker)
        breaker.config = self.config
        breaker._start(key)
        return breaker

    @property
    def name(self) -> str | None:
        """The name given at construction."""
        return self.config.name

    # Admission

    def enter(self, call: Call, now: float) -> object:
        """Admit the call, as a trial if the circuit was open long enough; or refuse it with CircuitOpenError."""
        permit: object = self.closed
        if permit is None:
            shut = self.shut
            # Without a call in it, so that with a GIL no refusal is counted for an era that has ended.
            if GIL and shut is not None and now < shut.until:
                shut.refused += 1
                return CircuitOpenError(self, shut.until, shut)
            permit, told = self._ask(now)
            if isinstance(permit, Exception):
                return permit
            if told:
                # What the listeners took is not the trial's time.
                now = clock.now()
                if isinstance(permit, Lease):
                    permit.deadline = now + self.config.half_open_timeout
        return permit if self.config.slow_call_duration is None else Timed(permit, now)  # type: ignore[arg-type]  # a permit

    def _ask(self, now: float) -> tuple[object, bool]:
        """The permit of a call that meets a circuit which is not closed, or its refusal; and whether listeners were told."""
        changes: list[_Change | None] = []
        with lock_of(self):
            permit = self.closed or self._admit_locked(now, changes)
        try:
            for change in changes:
                self._tell(change)
        except BaseException:
            _give_back(permit)
            raise
        return permit, bool(changes and events.listeners)

    def _admit_locked(self, now: float, changes: list[_Change | None]) -> object:
        while self.closed is None:
            shut = self.shut
            if isinstance(shut, Opened):
                if now < shut.until:
                    shut.refused += 1
                    return CircuitOpenError(self, shut.until, shut)
                changes.append(self._change_locked(shut, Trials(shut.since)))
            elif shut is not None:
                if shut.purge_locked(now):
                    changes.append(self._decide_locked(shut, now))
                    continue
                permit = self._lease_locked(shut, now)
                if permit is not None:
                    return permit
        return self.closed

    def _lease_locked(self, trials: Trials, now: float) -> object | None:
        lease = Lease(trials, now + self.config.half_open_timeout)
        # Taken first and counted afterwards: a destructor that the garbage collector runs in between may ask for one too.
        trials.leases[lease] = None
        taken = len(trials.leases)
        if self.config.half_open_success_rate is not None:
            taken += trials.ok + trials.failed
        if taken > self.config.half_open_max_calls:
            del trials.leases[lease]
            trials.refused += 1
            return CircuitOpenError(self, max(now, trials.earliest_deadline(now)), trials)
        return lease if trials is self.shut and self.closed is None else None

    def extend(self, call: Call, permit: object, now: float, paused: float) -> None:
        """A trial that makes items does not hang; what its consumer took is not the dependency's time."""
        if isinstance(permit, Timed):
            permit.start += paused
            permit = permit.permit
        if isinstance(permit, Lease):
            permit.deadline = now + self.config.half_open_timeout

    # Outcomes

    def leave(self, call: Call, permit: object, error: BaseException | None, now: float) -> None:
        """Count the outcome, and open or close the circuit if that is what it decides."""
        slow = False
        if isinstance(permit, Timed):
            slow = permit.took(self.config.slow_call_duration or 0.0, now)
            permit = permit.permit
        if error is None:
            self._succeeded(permit, now, slow=slow)
        elif not isinstance(error, Exception):
            _give_back(permit)
        else:
            self._judge(call, permit, error, now, slow=slow)

    def _judge(self, call: Call, permit: object, error: Exception, now: float, *, slow: bool) -> None:
        try:
            failed = self._is_failure(call, error)
        except BaseException:
            _give_back(permit)
            raise
        if failed:
            self._failed(permit, now, slow=slow)
            return
        _give_back(permit)
        with lock_of(self):
            self._history_locked().ignored += 1

    def _is_failure(self, call: Call, error: Exception) -> bool:
        if not call.ran or isinstance(error, Rejected) or call.is_callers_deadline(error):
            return False
        config = self.config
        if config.ignore and matches(config.ignore, error):
            return False
        if config.failure_on is not None:
            return matches(config.failure_on, error)
        return call.fault(error).origin is _DEPENDENCY

    def _succeeded(self, permit: object, now: float, *, slow: bool) -> None:
        if isinstance(permit, Lease):
            # A slow trial shows that the dependency is still slow: it does not close the circuit.
            self._settle(permit, now, ok=not slow)
        elif slow:
            self._slow(permit, now)
        elif isinstance(permit, Window):
            if isinstance(permit, Seconds) and now >= permit.edge:
                self.turn(permit, now)
            if GIL:
                permit.ok += 1
            else:
                with lock_of(self):
                    permit.ok += 1

    def _slow(self, window: object, now: float) -> None:
        assert isinstance(window, Window)
        change = None
        with lock_of(self):
            if isinstance(window, Seconds):
                window.turn_locked(self.config, now)
            window.ok += 1
            if window.slow_locked(self.config, now):
                change = self._open_locked(window, now)
        self._tell(change)

    def _failed(self, permit: object, now: float, *, slow: bool) -> None:
        if isinstance(permit, Lease):
            self._settle(permit, now, ok=False)
            return
        assert isinstance(permit, Window)
        change = None
        with lock_of(self):
            if permit.fail_locked(self.config, now, slow=slow):
                change = self._open_locked(permit, now)
        self._tell(change)

    def _settle(self, lease: Lease, now: float, *, ok: bool) -> None:
        with lock_of(self):
            trials = lease.era
            if lease.done or self.closed is not None or trials is not self.shut:
                return
            lease.done = True
            if ok and now < lease.deadline:
                trials.ok += 1
            else:
                trials.failed += 1
            trials.leases.pop(lease, None)
            change = self._decide_locked(trials, now)
        self._tell(change)

    def _decide_locked(self, trials: Trials, now: float) -> _Change | None:
        config = self.config
        if config.half_open_success_rate is None:
            opens, closes = trials.failed > 0, trials.ok >= config.success_threshold
        else:
            settled = trials.ok + trials.failed
            decided = settled >= config.half_open_max_calls
            closes = decided and trials.ok / settled >= config.half_open_success_rate
            opens = decided and not closes
        if opens:
            return self._open_locked(trials, now)
        return self._change_locked(trials, config.new_window()) if closes else None

    def turn(self, window: Seconds, now: float) -> None:
        """Turn the buckets of a time window; a healthy call does it when the current bucket is over."""
        with lock_of(self):
            window.turn_locked(self.config, now)

    # Transitions

    # Wherever a locked region calls something, the garbage collector may run a destructor that makes a guarded call in this very
    # thread. So a transition says which era it ends, and takes place in lines that call nothing before all is set.

    def _change_locked(self, ended: Era, era: Era, in_a_row: int | None = None) -> _Change | None:
        """Put `era` in the place of `ended`, if that is still the present one; what to tell of it. `in_a_row`: it opens."""
        history = self._history_locked()
        window, shut = (era, None) if isinstance(era, Window) else (None, era)
        previous, state = state_of(ended), state_of(era)
        noted = () if previous is state else ((clock.wall(), state),)
        streak = history.streak_after(ended)
        closed = self.closed
        if (self.shut if closed is None else closed) is not ended:
            return None
        if window is None:
            self.shut = shut
        self.closed = window
        history.streak = streak
        if in_a_row is not None:
            history.opened += 1
            history.opened_in_a_row = in_a_row
        elif window is not None:
            history.opened_in_a_row = 0
        history.transitions.extend(noted)
        history.fold(ended)
        return previous, state, float("inf"), history.opened_in_a_row, streak

    def _open_locked(self, ended: Era, now: float) -> _Change | None:
        in_a_row = self._history_locked().opened_in_a_row + 1
        length = self.config.open_for(in_a_row, clock.random() if self.config.open_timeout_jitter else 0.0)
        change = self._change_locked(ended, Opened(now, now + length), in_a_row)
        return None if change is None else (*change[:2], length, *change[3:])

    def _history_locked(self) -> History:
        if self.history is None:
            history = History()
            if self.history is None:
                self.history = history
        return self.history

    def _tell(self, change: _Change | None) -> None:
        if change is None or not events.listeners:
            return
        previous, state, retry_after, in_a_row, failures = change
        if previous is not state:
            events.emit(
                events.CircuitChanged(
                    breaker=self.name,
                    key=self.key,
                    previous=previous.value,
                    state=state.value,
                    opened_in_a_row=in_a_row,
                    retry_after=retry_after if state is CircuitState.OPEN else None,
                    failures=failures,
                )
            )

    # By hand (SPEC B6)

    def isolate(self) -> None:
        """Hold the circuit open until `reset` or `force_close`."""
        self._set(Opened(clock.now(), float("inf")))

    def force_close(self) -> None:
        """Hold the circuit closed, whatever fails, until `reset` or `isolate`."""
        self._set(Held())

    def reset(self) -> None:
        """Close the circuit and start counting anew; totals and history stay."""
        self._set(self.config.new_window())

    def _set(self, era: Era) -> None:
        change = None
        with lock_of(self):
            while change is None:
                change = self._change_locked(self.era, era)
        self._tell(change)

    # Reading

    @property
    def state(self) -> CircuitState:
        """CLOSED, OPEN or HALF_OPEN. An open circuit whose time is over stays OPEN until the next call comes."""
        return state_of(self.era)

    @property
    def era(self) -> Era:
        """The present era; what it is says the state, and it counts."""
        closed = self.closed
        present = self.shut if closed is None else closed
        assert present is not None
        return present

    def shut_until(self, now: float) -> float:
        """Until when calls are refused, as far as is known."""
        if self.closed is not None or self.shut is None:
            return now
        return self.shut.until

    def evictable(self, now: float) -> bool:
        """Whether forgetting this state changes nothing: not while open before its time, on trial, or held by hand."""
        if self.closed is not None:
            return not isinstance(self.closed, Held)
        shut = self.shut
        if isinstance(shut, Trials):
            return all(lease.done or lease.deadline <= now for lease in list(shut.leases))
        return shut is None or shut.until <= now

    def snapshot(self, now: float | None = None) -> dict[str, object]:
        """State, counts and history at one moment, JSON-ready. Results that came after their era are not in the totals."""
        now = clock.now() if now is None else now
        with lock_of(self):
            return report_locked(self, now)

    def configuration(self) -> Mapping[str, object]:
        """The parameters that are set."""
        return self.config.parameters()

    # The healthy path

    def healthy(self) -> Fragment | None:
        """One load is the gate and the permit; a success is one increment. A breaker alone refuses without the driver."""
        gates = ("_y_w{n} = {p}.closed", "if _y_w{n} is None: HANDOVER")
        alone = (
            "_y_w{n} = {p}.closed",
            "if _y_w{n} is None:",
            "    _y_s{n} = {p}.shut",
            "    _y_read = _y_clock.now",
            "    if _y_read() < _y_s{n}.until and not _y_events.listeners:",
            "        _y_s{n}.refused += 1",
            "        raise _y_CircuitOpenError({p}, _y_s{n}.until, _y_s{n})",
            "    HANDOVER",
        )
        names = {"_y_CircuitOpenError": CircuitOpenError, "_y_Timed": Timed}
        by_time = self.config.new_window is Seconds
        turn = ("if _y_end >= _y_w{n}.edge: {p}.turn(_y_w{n}, _y_end)",) if by_time else ()
        if self.config.slow_call_duration is None:
            success = (*turn, "_y_w{n}.ok += 1")
            return Fragment(permit="_y_w{n}", gates=gates, alone=alone, success=success, names=names, end=by_time)
        limit = round(self.config.slow_call_duration * 1e9)
        success = (
            *turn,
            f"if _y_end_ns - _y_start_ns >= {limit}: {{p}}.slow(_y_w{{n}})",
            "else: _y_w{n}.ok += 1",
        )
        permit = "_y_Timed(_y_w{n}, _y_start_ns * 1e-9)"
        return Fragment(permit=permit, gates=gates, alone=alone, success=success, names=names, end=by_time, nanoseconds=True)

    def slow(self, window: Window) -> None:
        """Count a slow success; the generated path calls it."""
        self._slow(window, clock.now())


def _give_back(permit: object) -> None:
    # Without a lock: the garbage collector may close an abandoned generator, and with it a trial, while this very lock is held.
    if isinstance(permit, Lease):
        permit.done = True
