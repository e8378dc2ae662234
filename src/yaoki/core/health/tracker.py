"""The health of each key of a pipeline: what its policies count, and what only the events tell (SPEC H1).

The state, the totals and the streaks are the circuit breaker's own, read when somebody asks. The last failure, with its time
and its classification, comes from the failure events. A key whose state the pipeline has dropped is forgotten here too.
"""

from __future__ import annotations

from _weakref import ref

from yaoki.core import events
from yaoki.core.clock import clock
from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.health.failure_duration import duration_of
from yaoki.core.interpreter import lock_of
from yaoki.core.pipeline.keyed import Keyed
from yaoki.core.pipeline.pipeline import Pipeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from yaoki.core.faults.record import Fault
    from yaoki.core.policies.policy import Policy

__all__ = ["HealthTracker"]


class HealthTracker:
    """Reads the health of a named pipeline, or of every key of a named keyed pipeline.

    `read` gives one record, `read_all` all, `reset` starts one key anew; records are taken at one moment and JSON-ready.
    It listens until `close`, or until nobody refers to it.

    Raises ConfigurationError for a pipeline without a name: the events could not be told from those of others.
    """

    __slots__ = ("__weakref__", "_last", "_unsubscribe", "source")

    def __init__(self, source: Pipeline | Keyed) -> None:
        if not isinstance(source, (Pipeline, Keyed)):
            raise ConfigurationError(f"source must be a Pipeline or a keyed pipeline, not {source!r}")
        if source.name is None:
            raise ConfigurationError("a HealthTracker needs a pipeline with a name: Pipeline(..., name='search')")
        self.source: Pipeline | Keyed = source
        self._last: dict[Hashable, _LastFailure] = {}
        self._unsubscribe = _listen(self)

    def read(self, key: Hashable = None) -> dict[str, object] | None:
        """The health of one key, or of the pipeline if it has no keys; None for a key that is not known.

        Times named `..._at` are wall-clock seconds since 1970.
        """
        policies = self._policies(key)
        return None if policies is None else self._record(key, policies)

    def read_all(self) -> dict[Hashable, dict[str, object]]:
        """The health of every key that is known; of the pipeline itself under the key None if it has no keys."""
        keys: list[Hashable] = list(self.source) if isinstance(self.source, Keyed) else [None]
        records = {key: self.read(key) for key in keys}
        return {key: record for key, record in records.items() if record is not None}

    def reset(self, key: Hashable = None) -> bool:
        """Close the circuit of one key, count anew and forget its last failure. False for a key that is not known."""
        policies = self._policies(key)
        if policies is None:
            return False
        self._last.pop(key, None)
        for policy in policies:
            reset = getattr(policy, "reset", None)
            if reset is not None:
                reset()
        return True

    def close(self) -> None:
        """Stop listening. What was heard can still be read."""
        self._unsubscribe()

    def _policies(self, key: Hashable) -> tuple[Policy, ...] | None:
        if isinstance(self.source, Keyed):
            state = self.source.get(key)
            return None if state is None else state.policies
        return self.source.policies if key is None else None

    def _record(self, key: Hashable, policies: tuple[Policy, ...]) -> dict[str, object]:
        breaker = next((policy for policy in policies if policy.kind == "circuit_breaker"), None)
        known = {} if breaker is None else breaker.snapshot(clock.now())
        last = self._last.get(key)
        duration = duration_of(policies)
        return {
            "pipeline": self.source.name,
            "key": key if key is None or isinstance(key, (str, int)) else repr(key),
            "circuit_state": known.get("state"),
            "consecutive_failures": known.get("consecutive_failures"),
            "consecutive_successes": known.get("consecutive_successes"),
            "total_successes": known.get("successes"),
            "total_failures": known.get("failures"),
            "total_ignored": known.get("ignored"),
            "total_rejected": known.get("rejected"),
            "failure_duration": None if duration is None else duration.value,
            "opened_at": _opened_at(known),
            "retry_after": known.get("retry_after"),
            "last_failure_at": None if last is None else last.at,
            "last_failure": None if last is None else last.fault.to_dict(),
            "retry_attempt": 0 if last is None else last.attempt,
        }

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.CallFailed) and event.pipeline == self.source.name:
            with lock_of(self):
                self._last[event.key] = _LastFailure(clock.wall(), event.fault, event.attempt)
                self._forget_locked()

    def _forget_locked(self) -> None:
        kept = self.source
        if isinstance(kept, Keyed) and len(self._last) > 2 * max(len(kept), 64):
            self._last = {key: last for key, last in self._last.items() if key in kept}


class _LastFailure:
    __slots__ = ("at", "attempt", "fault")

    def __init__(self, at: float, fault: Fault, attempt: int) -> None:
        self.at = at
        self.fault = fault
        self.attempt = attempt


def _opened_at(known: dict[str, object]) -> object:
    if known.get("state") in (None, "closed"):
        return None
    transitions = known["transitions"]
    assert isinstance(transitions, list)
    return next((each["at"] for each in reversed(transitions) if each["state"] == "open"), None)


def _listen(tracker: HealthTracker) -> Callable[[], None]:
    # Weakly: a tracker that nobody refers to any more must not be kept alive by what it listens to.
    heard = ref(tracker)

    def listener(event: events.Event) -> None:
        alive = heard()
        if alive is None:
            unsubscribe()
        else:
            alive._hear(event)

    unsubscribe = events.subscribe(listener)
    return unsubscribe
