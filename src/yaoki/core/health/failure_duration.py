"""How long a dependency has been failing, and how much of it: a blip, a crash, or only some keys (SPEC F4).

| duration | what the circuits say |
| --- | --- |
| none | closed, and the latest call succeeded, or there was none |
| transient | the latest call failed, or the circuit is open or half-open |
| long_term | a circuit has re-opened `reopened` times in a row, without closing in between |
| partial | of the keys of a keyed pipeline, some fail while others succeed |

A circuit that a person has isolated or holds closed says nothing about the dependency, and counts as none.
"""

from __future__ import annotations

from enum import Enum

from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import whole
from yaoki.core.pipeline.keyed import Keyed
from yaoki.core.pipeline.pipeline import Pipeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yaoki.core.policies.policy import Policy

__all__ = ["REOPENED", "FailureDuration", "duration_of", "judge"]

REOPENED = 3
"""How many times in a row a circuit re-opens until the failure is called long-term."""


class FailureDuration(Enum):
    """What kind of failure a dependency is in."""

    NONE = "none"
    """Nothing fails now."""
    TRANSIENT = "transient"
    """A blip so far: it may be over at the next call."""
    LONG_TERM = "long_term"
    """A crash: trial calls have failed again and again."""
    PARTIAL = "partial"
    """Some keys fail while others succeed: one peer, one tenant, one type of query."""


def judge(source: Pipeline | Keyed, *, reopened: int = REOPENED) -> FailureDuration:
    """The failure that a dependency is in, read from the circuit breakers of its pipeline.

    Of a keyed pipeline all keys that are kept are looked at; one that was never called says nothing. If they all fail, the
    longest failure counts. `reopened`: how many times in a row a circuit must have re-opened to be called long-term.

    Raises ConfigurationError for a pipeline without a circuit breaker, and for a value out of its range.
    """
    whole("reopened", reopened)
    if isinstance(source, Pipeline):
        return _judge_pipeline(source, reopened)
    if isinstance(source, Keyed):
        _judge_pipeline(source.prototype, reopened)
        return _judge_keys(source, reopened)
    raise ConfigurationError(f"source must be a Pipeline or a keyed pipeline, not {source!r}")


def _judge_pipeline(source: Pipeline, reopened: int) -> FailureDuration:
    duration = duration_of(source.policies, reopened)
    if duration is None:
        raise ConfigurationError(f"the duration of a failure is read from a circuit breaker, and {source!r} has none")
    return duration


def _judge_keys(source: Keyed, reopened: int) -> FailureDuration:
    worst, well = FailureDuration.NONE, False
    for state in list(source.values()):
        duration = duration_of(state.policies, reopened)
        if duration is FailureDuration.NONE:
            well = well or _has_succeeded(state.policies)
        elif duration is not None and worst is not FailureDuration.LONG_TERM:
            worst = duration
    return FailureDuration.PARTIAL if well and worst is not FailureDuration.NONE else worst


def duration_of(policies: Iterable[Policy], reopened: int = REOPENED) -> FailureDuration | None:
    """The failure that one pipeline, or one key of it, is in; None without a circuit breaker."""
    found: FailureDuration | None = None
    for circuit in _circuits(policies):
        duration = _of_circuit(circuit, reopened)
        if found in (None, FailureDuration.NONE) or duration is FailureDuration.LONG_TERM:
            found = duration
    return found


def _of_circuit(circuit: Mapping[str, object], reopened: int) -> FailureDuration:
    if circuit["forced"]:
        return FailureDuration.NONE
    opened = circuit["opened_in_a_row"]
    assert isinstance(opened, int)
    if circuit["state"] != "closed":
        # The first opening of a row is no re-opening.
        return FailureDuration.LONG_TERM if opened > reopened else FailureDuration.TRANSIENT
    return FailureDuration.TRANSIENT if circuit["consecutive_failures"] else FailureDuration.NONE


def _has_succeeded(policies: Iterable[Policy]) -> bool:
    return any(circuit["successes"] and not circuit["forced"] for circuit in _circuits(policies))


def _circuits(policies: Iterable[Policy]) -> list[dict[str, object]]:
    now = clock.now()
    return [policy.snapshot(now) for policy in policies if policy.kind == "circuit_breaker"]
