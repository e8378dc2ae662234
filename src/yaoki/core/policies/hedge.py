"""Hedge: a second call beside one that takes long; the first success wins (SPEC T3).

| what happens | what follows |
| --- | --- |
| the call returns before the delay | nothing was started, its value is the answer |
| it still runs after the delay | a further call starts beside it, if the budget has tokens; the delay begins anew |
| one of them returns a value | that is the answer; the others are cancelled and awaited (sync: left to end by themselves) |
| one fails while another runs | nothing: the other one may still succeed |
| the only one that runs fails | its exception is the outcome, at once: what fails is for a Retry, which waits first |
| all fail | the exception of the last one, itself |
| the budget is exhausted | no further call starts; those that run go on |
| the deadline passes | asynchronous: as without a Hedge; synchronous: DeadlineExceededError at once, the calls are abandoned |

The delay is fixed, or the moving quantile of the latencies of first calls. A first call that lost took at least as long as it
has been seen to run, and counts as that, or the quantile would sink with every hedge that wins.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import duration, number, whole
from yaoki.core.policies.budget import Budget
from yaoki.core.policies.policy import Policy
from yaoki.core.quantile import MovingQuantile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from yaoki.core.pipeline.call import Call

__all__ = ["Hedge", "Race"]

_NEVER = float("inf")

_OWN = Budget()
"""Stands for "a budget of its own" as a default; never used as a budget."""

MOST_ABANDONED = 64
"""How many threads of abandoned synchronous calls may still run; beyond that a call runs as if there were no Hedge."""


class HedgeConfig:
    """The validated parameters of a Hedge, shared by all keys of a keyed pipeline."""

    __slots__ = ("budget", "delay", "floor", "max_extra", "minimum_samples", "name", "quantile")

    delay: float | None
    quantile: float
    max_extra: int
    minimum_samples: int
    floor: float
    budget: Budget | None
    name: str | None


class Hedge(Policy):
    """Starts a further call beside one that takes long, and answers with the first success.

    Only for operations that are safe to run twice at the same time: reads, and writes that are idempotent. Synchronous calls
    run in worker threads, so not for what is bound to its thread.

    `delay`: seconds after which a further call starts, up to `max_extra` of them one after the other. None: the moving `quantile`
    of the latencies seen, at least `floor` seconds, and no hedging before `minimum_samples` calls. `budget`: a hedge takes
    `retry_cost` tokens that do not come back, each call that succeeds puts 1 in; so at most about 7 % of the calls are hedged in
    the long run. A budget of its own by default, one that a Retry shares if given, None switches it off.

    In threads, a call that lost cannot be stopped: its policies count its result when it ends. While 64 of them still run
    beyond their calls, further calls run in the caller's thread, unhedged.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("__weakref__", "abandoned", "budget", "config", "key", "latency", "started", "suppressed", "won")

    kind = "hedge"
    is_boundary = True
    is_async_boundary = True
    block_obstacle: str | None = "it runs what it guards several times at once"

    config: HedgeConfig
    budget: Budget | None
    """The budget in use, or None while it is full (no hedge was needed yet) or switched off."""

    def __init__(
        self,
        delay: float | None = None,
        *,
        quantile: float = 0.95,
        max_extra: int = 1,
        minimum_samples: int = 100,
        floor: float = 0.001,
        budget: Budget | None = _OWN,
        name: str | None = None,
    ) -> None:
        config = HedgeConfig()
        config.delay = None if delay is None else duration("delay", delay, zero=True)
        config.quantile = number("quantile", quantile)
        if not 0.0 < config.quantile < 1.0:
            raise ConfigurationError(f"quantile must be between 0 and 1, both excluded, not {quantile!r}")
        config.max_extra = whole("max_extra", max_extra)
        config.minimum_samples = whole("minimum_samples", minimum_samples)
        config.floor = duration("floor", floor, zero=True)
        if budget is not None and not isinstance(budget, Budget):
            raise ConfigurationError(f"budget must be a Budget, or None to switch it off, not {budget!r}")
        config.budget = budget
        config.name = name
        self.config = config
        self._start(None)

    def _start(self, key: Hashable) -> None:
        config = self.config
        self.key: Hashable = key
        self.budget = None if config.budget is _OWN else config.budget
        self.latency: MovingQuantile | None = MovingQuantile(config.quantile) if config.delay is None else None
        self.started: int = 0
        """How many further calls were started."""
        self.won: int = 0
        """How many of them answered first."""
        self.suppressed: int = 0
        """How many were not started for want of budget."""
        self.abandoned: int = 0
        """How many threads of synchronous calls that lost still run."""

    def fresh(self, key: Hashable) -> Hedge:
        """The same rules for one key, with latencies and counts of its own; and a budget of its own unless one was given."""
        hedge = Hedge.__new__(Hedge)
        hedge.config = self.config
        hedge._start(key)
        return hedge

    @property
    def name(self) -> str | None:
        """The name given at construction."""
        return self.config.name

    # The rule

    def delay(self) -> float:
        """Seconds after which a call that starts now is hedged; infinity before there are enough samples."""
        config, latency = self.config, self.latency
        if config.delay is not None:
            return config.delay
        if latency is None or latency.count < config.minimum_samples:
            return _NEVER
        return max(config.floor, latency.value)

    def enter(self, call: Call, now: float) -> Race:
        """A call starts, alone for now."""
        return Race(now, self.delay())

    def another(self, call: Call, race: Race, now: float) -> bool:
        """Whether a further call starts now. Takes it from the budget, counts it and tells the listeners."""
        if now < race.next_at:
            return False
        if now >= call.deadline:
            race.next_at = _NEVER
            return False
        if self.config.budget is not None and not self._take():
            race.next_at = _NEVER
            with lock_of(self):
                self.suppressed += 1
            return False
        race.extra += 1
        race.next_at = now + race.delay if race.extra < self.config.max_extra else _NEVER
        with lock_of(self):
            self.started += 1
        if events.listeners:
            events.emit(events.HedgeStarted(pipeline=call.name, key=call.key, number=race.extra, delay=now - race.started))
        return True

    def _take(self) -> bool:
        budget = self.budget
        if budget is None:
            budget = self.budget = Budget()
        return budget.take(throttled=False) > 0

    def leave(self, call: Call, permit: object, error: BaseException | None, now: float) -> None:
        """Note how long the first call took, or has taken so far, and whether a further one won."""
        assert isinstance(permit, Race)
        if error is not None and not isinstance(error, Exception):
            # Without a lock: the garbage collector may close a call while this very lock is held.
            return
        latency = permit.latency(now)
        with lock_of(self):
            if self.latency is not None and latency is not None:
                self.latency.add(latency)
            if permit.winner > 0:
                self.won += 1
        budget = self.budget
        if error is None and budget is not None and not any(_budget_of(other) is budget for other in call.policies):
            budget.succeeded()

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """The delay in force (None: not hedging yet), the samples behind it, and the counts."""
        delay = self.delay()
        return {
            "kind": self.kind,
            "name": self.name,
            "delay": None if delay == _NEVER else delay,
            "samples": 0 if self.latency is None else self.latency.count,
            "started": self.started,
            "won": self.won,
            "suppressed": self.suppressed,
            "abandoned": self.abandoned,
            "budget_tokens": None if self.budget is None else self.budget.tokens,
        }

    def configuration(self) -> Mapping[str, object]:
        """The parameters."""
        config = self.config
        shown: dict[str, object] = {}
        if config.delay is not None:
            shown["delay"] = config.delay
        else:
            shown |= {"quantile": config.quantile, "minimum_samples": config.minimum_samples, "floor": config.floor}
        shown["max_extra"] = config.max_extra
        shown["budget"] = "none" if config.budget is None else "own" if config.budget is _OWN else "shared"
        return shown


class Race:
    """One call of a Hedge and those beside it: the permit. The first has number 0.

    `next_at`: when a further one may start, in monotonic seconds; infinity if none may. `extra`: how many were started.
    `winner`: the number of the one that answered; -1 while there is none.
    """

    __slots__ = ("_first", "delay", "extra", "next_at", "started", "winner")

    def __init__(self, started: float, delay: float) -> None:
        self.started: float = started
        self.delay: float = delay
        self.next_at: float = started + delay
        self.extra: int = 0
        self.winner: int = -1
        self._first: float | None = None

    def ended(self, number: int, error: BaseException | None, now: float) -> None:
        """One of the calls is over."""
        if error is None:
            self.winner = number
        if number == 0:
            self._first = now - self.started if error is None else _NEVER

    def latency(self, now: float) -> float | None:
        """What is known of the first call's latency: None if it failed, or was cut off before it was worth a hedge."""
        seconds = self._first
        if seconds is None:
            seconds = now - self.started
            return seconds if seconds >= self.delay else None
        return seconds if seconds < _NEVER else None


def _budget_of(policy: Policy) -> object:
    # A Retry of the same call that shares the budget puts in for the success already.
    return getattr(policy, "budget", None) if policy.kind == "retry" else None
