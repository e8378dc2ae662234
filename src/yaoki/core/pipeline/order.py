"""Which orders of policies make sense: a senseless one is refused, a doubtful one warned about, each with the reason.

The order that fits most services, outermost first:
Fallback > Timeout (the whole call) > LoadShedder > Retry > CircuitBreaker > RateLimiter > Bulkhead > Timeout (one attempt) > Hedge.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaoki.core.policies.policy import Policy

__all__ = ["PolicyOrderWarning", "check_order"]


class PolicyOrderWarning(UserWarning):
    """Policies stand in an order, or have parameters, that rarely do what is meant. The message says why."""


def check_order(policies: Sequence[Policy]) -> None:
    """Refuse or warn about an order of policies.

    Raises ConfigurationError for an order that cannot work; warns with PolicyOrderWarning about one that rarely does.
    """
    if not policies:
        raise ConfigurationError("a Pipeline needs at least one policy")
    kinds = [policy.kind for policy in policies]
    if kinds.count("retry") > 1:
        raise ConfigurationError(
            "a Pipeline has one Retry at most, since attempts are counted once for each call; nest two pipelines instead"
        )
    if len({id(policy) for policy in policies}) < len(policies):
        raise ConfigurationError("the same policy stands twice in the Pipeline: it would count each call twice")
    _check_timeouts(policies)
    doubts = list(_doubts(policies, kinds))
    if doubts:
        import warnings

        for doubt in doubts:
            warnings.warn(doubt, PolicyOrderWarning, stacklevel=3)


def _seconds(policy: Policy) -> float:
    seconds = getattr(policy, "seconds", None)
    return float("inf") if seconds is None else float(seconds)


def _check_timeouts(policies: Sequence[Policy]) -> None:
    tightest = float("inf")
    for policy in policies:
        if policy.kind != "timeout":
            continue
        seconds = _seconds(policy)
        if tightest <= seconds < float("inf"):
            raise ConfigurationError(
                f"{policy.label} never passes inside a Timeout of {tightest:g} s: an inner Timeout must be the shorter one"
            )
        tightest = min(tightest, seconds)


_OUTSIDE_RETRY = {
    "circuit_breaker": "it judges whole calls, not attempts, and the Retry goes on hammering while it is still closed",
    "bulkhead": "a call keeps its place while it waits for its next attempt",
    "adaptive_limit": "a call counts as running while it waits for its next attempt, and that wait is taken for its latency",
    "rate_limiter": "further attempts are not counted against the rate",
    "throttle": "further attempts are not throttled",
    "hedge": "every hedged call retries by itself, so the calls multiply",
}

_INSIDE = {
    "fallback": {
        "retry": "the Retry never sees a failure that the Fallback answered",
        "circuit_breaker": "the CircuitBreaker never sees a failure that the Fallback answered",
    },
    "circuit_breaker": {"hedge": "the CircuitBreaker cannot tell a hedged call that lost from one that was cancelled"},
}


def _doubts(policies: Sequence[Policy], kinds: Sequence[str]) -> Iterator[str]:
    if "retry" in kinds:
        retry = kinds.index("retry")
        for policy in policies[:retry]:
            if policy.kind in _OUTSIDE_RETRY:
                yield _says(policy, "outside", policies[retry], _OUTSIDE_RETRY[policy.kind])
        yield from _waits(policies, retry)
    for index, policy in enumerate(policies):
        for outer in policies[:index]:
            reason = _INSIDE.get(policy.kind, {}).get(outer.kind)
            if reason is not None:
                yield _says(policy, "inside", outer, reason)
    yield from _windows(policies)


def _waits(policies: Sequence[Policy], retry: int) -> Iterator[str]:
    config = policies[retry].config  # type: ignore[attr-defined]  # a Retry
    total = min((_seconds(policy) for policy in policies[:retry] if policy.kind == "timeout"), default=float("inf"))
    if total < float("inf") and config.max_attempts <= 100:
        waits = sum(config.backoff.longest(attempt) for attempt in range(1, int(config.max_attempts)))
        if waits > total:
            yield (
                f"the waits of {config.max_attempts} attempts may add up to {waits:g} s, longer than the Timeout of {total:g} s "
                "around them: the last attempts may never start"
            )


def _windows(policies: Sequence[Policy]) -> Iterator[str]:
    for index, policy in enumerate(policies):
        if policy.kind != "circuit_breaker":
            continue
        length = getattr(policy.config.window, "length", None)  # type: ignore[attr-defined]  # a CircuitBreaker
        if length is None or policy.config.failure_rate is None:  # type: ignore[attr-defined]  # a CircuitBreaker
            continue
        attempt = min((_seconds(inner) for inner in policies[index + 1 :] if inner.kind == "timeout"), default=0.0)
        if attempt < float("inf") and length < 2 * attempt:
            yield (
                f"the CircuitBreaker counts the last {length:g} s and a call may take {attempt:g} s: "
                "a window shorter than two calls sees hardly any"
            )


def _says(policy: Policy, where: str, other: Policy, reason: str) -> str:
    return f"{type(policy).__name__} stands {where} {type(other).__name__}: {reason}"
