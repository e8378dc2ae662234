"""Retry: whether a failed call is tried again, and when (SPEC R1 to R6).

A failed attempt is followed by another unless one of these says no, asked in this order:

1. what failed: `give_up_on`; `retry_on`, or else the classifier (below FATAL); never a refusal by a policy of ours unless
   `retry_on` names it; never the caller's own deadline; never what a Retry further in has given up already, nor what was
   raised `from` that
2. `max_attempts`, and `max_elapsed`
3. the deadline: no wait ends after it
4. a circuit breaker further in that will still be open: the caller gets the real error, not a refusal
5. the budget

Anything that is not an `Exception` (cancellation, KeyboardInterrupt) is never retried, whatever a predicate says.
"""

from __future__ import annotations

from yaoki.core import events
from yaoki.core.faults.category import Category, Recoverability
from yaoki.core.faults.errors import ConfigurationError, Rejected, RetryExhaustedError, YaokiError
from yaoki.core.interpreter import GIL
from yaoki.core.parameters import condition, condition_text, duration, matches, whole
from yaoki.core.policies.backoff import Backoff, exponential
from yaoki.core.policies.budget import Budget
from yaoki.core.policies.policy import Answer, Fragment, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from yaoki.core.faults.record import Fault
    from yaoki.core.parameters import Condition
    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

__all__ = ["UNLIMITED", "Retry"]

UNLIMITED = float("inf")
"""The explicit word for a Retry that never stops by itself: `Retry(max_attempts=UNLIMITED)`."""

# Reading a member of an enumeration from its class costs as much as all the rest of a comparison (up to Python 3.11).
_CAPACITY = Category.CAPACITY

_OWN = Budget()
"""Stands for "a budget of its own" as a default; never used as a budget."""


class RetryConfig:
    """The validated parameters of a Retry, shared by all keys of a keyed pipeline."""

    __slots__ = (
        "backoff",
        "budget",
        "give_up_on",
        "max_attempts",
        "max_elapsed",
        "name",
        "per_recoverability",
        "retry_after_cap",
        "retry_if_result",
        "retry_on",
        "wrap",
    )

    max_attempts: float
    backoff: Backoff
    retry_on: Condition | None
    give_up_on: Condition
    retry_if_result: Callable[[object], object] | None
    budget: Budget | None
    per_recoverability: Mapping[Recoverability, RetryConfig]
    max_elapsed: float
    retry_after_cap: float
    wrap: bool
    name: str | None


class Retry(Policy):
    """Calls again what failed in a way that may heal.

    `max_attempts` counts every try, the first included. `backoff` says the waits. `retry_on` and `give_up_on` take an exception
    type, a tuple of types or a predicate. `retry_if_result` is a predicate of the value; when the attempts are used up the last
    value is returned. `budget` bounds retries to a share of what succeeds: each Retry has its own unless one is given; None
    switches it off. `per_recoverability` maps Recoverability to another Retry, whose `max_attempts` and `backoff` hold for that
    class. `max_elapsed`: no attempt starts later than that many seconds after the first.

    A Retry-After of the server is a floor of the wait, up to `retry_after_cap` seconds; if it does not fit the deadline, the
    call is given up at once. On giving up, the last exception is raised itself, with a note that says attempts and time; with
    `wrap=True` a RetryExhaustedError that carries every attempt's exception.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("budget", "config", "key")

    kind = "retry"

    config: RetryConfig
    budget: Budget | None
    """The budget in use, or None while it is full (no retry was needed yet) or switched off."""

    def __init__(
        self,
        max_attempts: float = 3,
        backoff: Backoff | None = None,
        *,
        retry_on: Condition | None = None,
        give_up_on: Condition = (),
        retry_if_result: Callable[[object], object] | None = None,
        budget: Budget | None = _OWN,
        per_recoverability: Mapping[Recoverability, Retry] | None = None,
        max_elapsed: float = UNLIMITED,
        retry_after_cap: float = 60.0,
        wrap: bool = False,
        name: str | None = None,
    ) -> None:
        config = RetryConfig()
        if max_attempts is None:
            raise ConfigurationError("max_attempts must be a whole number; for no limit say max_attempts=UNLIMITED")
        config.max_attempts = UNLIMITED if max_attempts == UNLIMITED else whole("max_attempts", max_attempts)
        backoff = exponential(0.1, cap=10.0) if backoff is None else backoff
        if not isinstance(backoff, Backoff):
            raise ConfigurationError(f"backoff must come from constant, linear or exponential, not {backoff!r}")
        config.backoff = backoff
        config.retry_on = None if retry_on is None else condition("retry_on", retry_on)
        config.give_up_on = condition("give_up_on", give_up_on)
        if retry_if_result is not None and not callable(retry_if_result):
            raise ConfigurationError(f"retry_if_result must be a predicate of the value, not {retry_if_result!r}")
        config.retry_if_result = retry_if_result
        if budget is not None and not isinstance(budget, Budget):
            raise ConfigurationError(f"budget must be a Budget, or None to switch it off, not {budget!r}")
        config.budget = budget
        config.per_recoverability = _by_class(per_recoverability)
        config.max_elapsed = duration("max_elapsed", max_elapsed, infinite=True)
        config.retry_after_cap = duration("retry_after_cap", retry_after_cap, zero=True, infinite=True)
        config.wrap = bool(wrap)
        config.name = name
        self.config = config
        self.key: Hashable = None
        self.budget = None if budget is _OWN else budget

    def fresh(self, key: Hashable) -> Retry:
        """The same rules for one key; with a budget of its own unless one was given."""
        retry = Retry.__new__(Retry)
        retry.config = self.config
        retry.key = key
        retry.budget = None if self.config.budget is _OWN else self.config.budget
        return retry

    @property
    def name(self) -> str | None:
        """The name given at construction."""
        return self.config.name

    @property
    def block_obstacle(self) -> str | None:  # type: ignore[override]  # depends on the parameters
        """A block has no value to look at."""
        return None if self.config.retry_if_result is None else "a block has no value that retry_if_result could look at"

    # The rule

    def leave(self, call: Call, permit: object, error: BaseException | None, now: float) -> Step:
        """Decide whether the call is tried again, and after how many seconds."""
        if error is None:
            return self._returned(call, now)
        if not isinstance(error, Exception) or call.committed:
            call.errors = None
            return None
        heals = self._may_heal(call, error)
        if self.config.wrap:
            call.errors = [*(call.errors or ()), error]
        if heals:
            return self._again(call, error, now)
        return self._give_up(call, error, "not_retryable", now) if call.attempt > 1 else None

    def _returned(self, call: Call, now: float) -> Step:
        predicate = self.config.retry_if_result
        if predicate is not None and not call.committed and predicate(call.value):
            return self._again(call, None, now)
        if call.attempt == 1:
            budget = self.budget
            if budget is not None:
                if GIL:
                    budget.ok += 1
                else:
                    budget.succeeded()
        else:
            if self.budget is not None:
                self.budget.refund(call.last_cost)
            # They lead back to this call by their tracebacks.
            call.errors = None
        return None

    def _may_heal(self, call: Call, error: Exception) -> bool:
        config = self.config
        ours = isinstance(error, YaokiError)
        if ours and call.is_callers_deadline(error):
            return False
        # A failure without notes, cause and members, which nearly every one is, is spared the search.
        may_be_given_up = (
            ours
            or error.__cause__ is not None
            or getattr(error, "__notes__", None) is not None
            or isinstance(error, BaseExceptionGroup)
        )
        if may_be_given_up and _given_up_further_in(error, config, call):
            return False
        if config.give_up_on and matches(config.give_up_on, error):
            return False
        if config.retry_on is not None:
            return matches(config.retry_on, error)
        return not (ours and isinstance(error, Rejected)) and call.fault(error).recoverability.is_retryable

    def _again(self, call: Call, error: Exception | None, now: float) -> Step:
        config = rules = self.config
        fault = None
        if error is not None and (config.retry_on is None or config.per_recoverability or _may_ask_to_wait(error)):
            fault = call.fault(error)
            if config.per_recoverability:
                rules = config.per_recoverability.get(fault.recoverability, config)
        attempt = call.attempt
        if attempt >= rules.max_attempts:
            return self._give_up(call, error, "attempts", now)
        delay = rules.backoff.always
        if delay is None:
            delay = rules.backoff.delay(attempt, call.last_delay)
        ready = now + delay
        if fault is not None and fault.retry_after is not None:
            delay = max(delay, min(fault.retry_after, config.retry_after_cap))
            ready = max(ready, now + fault.retry_after)
        if config.max_elapsed != UNLIMITED and ready > call.since + config.max_elapsed:
            return self._give_up(call, error, "elapsed", now)
        if ready >= call.deadline:
            return self._give_up(call, error, "deadline", now)
        is_innermost = call.policies[-1] is self
        if not is_innermost and call.shut_until(self, now) > now + delay:
            return self._give_up(call, error, "circuit_open", now)
        if config.budget is not None and not self._take(call, fault):
            return self._give_up(call, error, "budget", now)
        if events.listeners:
            events.emit(
                events.RetryScheduled(
                    pipeline=call.name,
                    key=call.key,
                    attempt=attempt,
                    max_attempts=rules.max_attempts,
                    delay=delay,
                    fault=None if error is None else call.fault(error),
                )
            )
        call.attempt = attempt + 1
        call.last_delay = delay
        if call.delays is not None:
            call.delays.append(delay)
        return delay

    def _take(self, call: Call, fault: Fault | None) -> bool:
        budget = self.budget
        if budget is None:
            budget = self.budget = Budget()
        cost = call.last_cost = budget.take(throttled=fault is not None and fault.category is _CAPACITY)
        return cost > 0

    def _give_up(self, call: Call, error: Exception | None, reason: str, now: float) -> Step:
        if error is None:
            return None
        elapsed = now - call.since
        if events.listeners:
            events.emit(
                events.RetryGivenUp(
                    pipeline=call.name,
                    key=call.key,
                    attempts=call.attempt,
                    elapsed=elapsed,
                    reason=reason,
                    fault=call.fault(error),
                )
            )
        text = _note_text(call, reason, elapsed)
        if self.config.wrap:
            errors, call.errors = call.errors or [error], None
            return Answer(compute=_raising(text, errors))
        if call.attempt > 1 or reason != "attempts":
            # What this Retry does not repeat, another may.
            writer = None if reason == "not_retryable" else self.config
            _write_note(error, GivenUp(text, writer, _code_of(call.target)))
        return None

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """The tokens left in the budget, and how many retries it refused."""
        budget = self.budget
        if budget is None:
            return {"kind": self.kind, "name": self.name, "budget_tokens": None, "budget_refused": 0}
        return {"kind": self.kind, "name": self.name, "budget_tokens": budget.tokens, "budget_refused": budget.refused}

    def configuration(self) -> Mapping[str, object]:
        """The parameters that are set."""
        config = self.config
        shown: dict[str, object] = {"max_attempts": config.max_attempts, "backoff": repr(config.backoff)}
        if config.retry_on is not None:
            shown["retry_on"] = condition_text(config.retry_on)
        if config.give_up_on:
            shown["give_up_on"] = condition_text(config.give_up_on)
        if config.retry_if_result is not None:
            shown["retry_if_result"] = getattr(config.retry_if_result, "__qualname__", repr(config.retry_if_result))
        shown["budget"] = "none" if config.budget is None else "own" if config.budget is _OWN else "shared"
        if config.per_recoverability:
            shown["per_recoverability"] = sorted(each.name.lower() for each in config.per_recoverability)
        if config.max_elapsed != UNLIMITED:
            shown["max_elapsed"] = config.max_elapsed
        if config.wrap:
            shown["wrap"] = True
        return shown

    def healthy(self) -> Fragment | None:
        """A first-try success costs one load, and one increment once the budget has been used."""
        if self.config.retry_if_result is not None:
            return None
        success = () if self.config.budget is None else ("_y_b{n} = {p}.budget", "if _y_b{n} is not None: _y_b{n}.ok += 1")
        return Fragment(success=success, seconds=self.config.max_elapsed != UNLIMITED)


class GivenUp(str):
    """The note on an exception that a Retry gave up, and who wrote it, for which function: others leave the exception alone.

    Its own note for the same function is an old one: the program has raised the same exception object again.
    """

    __slots__ = ("code", "writer")
    writer: RetryConfig | None
    code: object

    def __new__(cls, text: str, writer: RetryConfig | None, code: object) -> GivenUp:
        """A note with its writer, None if others may repeat what failed, and the code of the function that was called."""
        note = super().__new__(cls, text)
        note.writer = writer
        note.code = code
        return note

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


_REASONS = {
    "attempts": "",
    "elapsed": ": max_elapsed is used up",
    "deadline": ": the next attempt would start after the deadline",
    "circuit_open": ": the circuit has opened",
    "budget": ": the retry budget is exhausted",
    "not_retryable": ": the last failure is not one that a repetition heals",
}


def _note_text(call: Call, reason: str, elapsed: float) -> str:
    attempts = "1 attempt" if call.attempt == 1 else f"{call.attempt} attempts"
    since = "" if call.started else ", counted from the first failure"
    return f"gave up after {attempts} in {round(elapsed, 3):g} s{since}{_REASONS[reason]}"


def _given_up_further_in(error: BaseException, writer: RetryConfig, call: Call, deepest: int = 8) -> bool:
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        for note in notes:
            if not isinstance(note, GivenUp) or note.writer is None:
                continue
            if note.writer is not writer or note.code is not _code_of(call.target):
                return True
    if isinstance(error, RetryExhaustedError):
        return True
    origins = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    if error.__cause__ is not None:
        origins = (*origins, error.__cause__)
    return bool(origins and deepest) and any(_given_up_further_in(each, writer, call, deepest - 1) for each in origins)


def _code_of(target: Callable[..., object] | None) -> object:
    # Code, since bound methods and closures are made anew again and again.
    code = getattr(target, "__code__", None)
    if code is None:
        code = getattr(getattr(target, "func", None), "__code__", None)
    return type(target) if code is None else code


def _write_note(error: Exception, note: GivenUp) -> None:
    # A program may raise the same object again and again: one note, not one for each time.
    try:
        notes = [each for each in getattr(error, "__notes__", ()) if not isinstance(each, GivenUp)]
        error.__notes__ = [*notes, note]
    except (AttributeError, TypeError):
        # An exception that takes no notes, such as a frozen dataclass: it is raised as it is.
        return


def _may_ask_to_wait(error: Exception) -> bool:
    # The classifier need not be asked about the language's own exceptions: none has headers with a Retry-After.
    return type(error).__module__ != "builtins" or getattr(error, "retry_after", None) is not None


def _raising(text: str, errors: list[Exception]) -> Callable[..., object]:
    def give_up(*args: object, **kwargs: object) -> object:
        raise RetryExhaustedError(text, errors) from errors[-1]

    return give_up


def _by_class(given: Mapping[Recoverability, Retry] | None) -> Mapping[Recoverability, RetryConfig]:
    rules: dict[Recoverability, RetryConfig] = {}
    for recoverability, retry in () if given is None else given.items():
        if not all((isinstance(recoverability, Recoverability), isinstance(retry, Retry))):
            raise ConfigurationError("per_recoverability must map Recoverability to Retry")
        rules[recoverability] = retry.config
    return rules
