"""The errors that Yaoki raises itself. Each names its kind in the table of `kinds.py` (SPEC F5, F6).

Refusals are cheap, since an open breaker may raise thousands a second: they keep their facts in `args`, and texts and times
are worked out when somebody asks.
"""

from __future__ import annotations

from yaoki.core.clock import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from typing import Any

    from yaoki.core.policies.breaker_states import Opened, Trials
    from yaoki.core.policies.policy import Policy

__all__ = [
    "BulkheadFullError",
    "CircuitOpenError",
    "ConfigurationError",
    "DeadlineExceededError",
    "OverloadedError",
    "RateLimitedError",
    "Rejected",
    "RetryExhaustedError",
    "ShuttingDownError",
    "YaokiError",
]


class YaokiError(Exception):
    """The base of all errors that Yaoki raises itself. `kind` is the name of its row in the table of kinds."""

    kind = "internal_error"


class ConfigurationError(YaokiError, ValueError):
    """A parameter is out of range, or policies are combined in a senseless way. The message names the parameter."""

    kind = "configuration"


class Rejected(YaokiError):
    """A policy refused the call before it started. The protected function was not called.

    `policy`: the policy that refused. `key`: the key of a keyed policy, or None. `retry_after`: seconds until a retry makes
    sense, counted from now; None where no time can be told.
    """

    kind = "rejected"
    args: tuple[Any, ...]

    @property
    def policy(self) -> Policy | str:
        """The policy that refused; after pickling, its name."""
        policy: Policy | str = self.args[0]
        return policy

    @property
    def key(self) -> Hashable:
        """The key whose state refused, or None outside keyed pipelines."""
        return getattr(self.args[0], "key", None)

    @property
    def retry_after(self) -> float | None:
        """Seconds from now until a retry makes sense, or None where no time can be told."""
        until: float = self.args[1]
        return max(0.0, until - clock.now()) if until < _NEVER else None

    @property
    def reason(self) -> str:
        """Why the call was refused, in half a sentence."""
        return "refused the call"

    def __str__(self) -> str:
        seconds = self.retry_after
        when = "" if seconds is None else f"; a retry makes sense in {seconds:.3g} s"
        return f"{_name_of(self.policy)} {self.reason}{when}"

    def __reduce__(self) -> tuple[object, ...]:
        facts = (type(self), _name_of(self.policy), self.key, self.retry_after, self.reason)
        return _rebuild_rejected, facts, self.__dict__ or None


class CircuitOpenError(Rejected):
    """The circuit is open, or half-open with all its trial calls taken (SPEC B5).

    `since`: the monotonic time when the circuit opened, in seconds; None after pickling.
    """

    kind = "circuit_open"

    @property
    def since(self) -> float | None:
        """When the circuit left CLOSED or was re-opened, in monotonic seconds."""
        opened: Opened | Trials | None = self.args[2] if len(self.args) > 2 else None
        return None if opened is None else opened.since

    @property
    def reason(self) -> str:
        """Why the circuit refuses, and since when."""
        if len(self.args) > 2:
            opened: Opened | Trials = self.args[2]
            return opened.reason(clock.now())
        given: str = getattr(self.policy, "reason_given", "is open")
        return given


class BulkheadFullError(Rejected):
    """All places are taken, and the queue is full or the wait was too long (SPEC T2)."""

    kind = "bulkhead_full"

    @property
    def reason(self) -> str:
        """Why the call was refused."""
        return "has no free place"


class RateLimitedError(Rejected):
    """The call would exceed the rate, and the wait for the next permit would be too long (SPEC T3)."""

    kind = "rate_limited"

    @property
    def reason(self) -> str:
        """Why the call was refused."""
        return "has given out its permits"


class OverloadedError(Rejected):
    """An adaptive limit, a throttle or a load shedder refused the call to protect the dependency (SPEC T2, T4)."""

    kind = "overload"

    @property
    def reason(self) -> str:
        """Why the call was refused."""
        return "sheds load"


class ShuttingDownError(Rejected):
    """The process is to end and takes no new work (SPEC H4). `policy` is "the process"; there is no time for a retry here."""

    kind = "shutting_down"

    @property
    def reason(self) -> str:
        """Why the work was refused."""
        return "is shutting down and takes no new work"


class DeadlineExceededError(YaokiError, TimeoutError):
    """The time of a Timeout, or the deadline of the request, has passed (SPEC T1). A `TimeoutError`.

    `policy`: the Timeout whose time it was, or None for a deadline that the caller brought along. `until`: the moment that
    passed, in monotonic seconds.
    """

    kind = "deadline_exceeded"

    def __init__(self, policy: Policy | str | None, until: float, detail: str = "") -> None:
        # One argument: with more, an OSError takes them for errno and file name.
        super().__init__(detail)
        self.policy = policy
        self.until = until
        self.detail = detail

    def __str__(self) -> str:
        what = "the caller's deadline has passed" if self.policy is None else f"{_name_of(self.policy)} has passed"
        return f"{what}: {self.detail}" if self.detail else what

    def __reduce__(self) -> tuple[object, ...]:
        name = None if self.policy is None else _name_of(self.policy)
        return type(self), (name, self.until, self.detail), self.__dict__ | {"policy": name}


class RetryExhaustedError(YaokiError):
    """All attempts failed; raised instead of the last exception only with `Retry(wrap=True)` (SPEC R5).

    `attempts`: every attempt's exception, in order. The last one is also the `__cause__`.
    """

    kind = "retry_exhausted"

    def __init__(self, message: str, attempts: Sequence[Exception]) -> None:
        super().__init__(message, tuple(attempts))
        self.attempts: tuple[Exception, ...] = tuple(attempts)

    def __str__(self) -> str:
        return str(self.args[0])


_NEVER = float("inf")


def _name_of(policy: Policy | str) -> str:
    return str(policy) if isinstance(policy, str) else policy.label


class _PickledPolicy(str):
    """What is left of a policy on the other side of a process boundary: its name, its key, and why it refused."""

    __slots__ = ("key", "reason_given")
    key: Hashable
    reason_given: str


def _rebuild_rejected(cls: type[Rejected], name: str, key: Hashable, retry_after: float | None, reason: str) -> Rejected:
    policy = _PickledPolicy(name)
    policy.key = key
    policy.reason_given = reason
    until = _NEVER if retry_after is None else clock.now() + retry_after
    return cls(policy, until)
