"""The metrics of a keyed pipeline: a bounded number of keys have series of their own, the others are summed (SPEC O1, X5).

Which keys have their own is decided by who comes first, and stays so while a key is kept, so that series do not come and go. The
sums never go down: what a key had counted when it was dropped is remembered. How many keys are in which state is told for all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from yaoki.observe.policy_metrics import ADDING, CIRCUIT_STATES, series_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from typing import TypeAlias

    from yaoki.core.pipeline.keyed import Keyed, KeyState
    from yaoki.core.policies.policy import Policy
    from yaoki.observe.policy_metrics import Labels, Row

    Place: TypeAlias = tuple[str, Row, Labels]

__all__ = ["KeyedMetrics", "named_policies"]


def named_policies(policies: tuple[Policy, ...]) -> Iterator[tuple[str, Policy]]:
    """The policies of a pipeline, each with a name that no other there has: its own, or its kind."""
    taken: Counter[str] = Counter()
    for policy in policies:
        name = getattr(policy, "name", None) or policy.kind
        taken[name] += 1
        yield (name if taken[name] == 1 else f"{name}_{taken[name]}"), policy


class KeyedMetrics:
    """Reads one keyed pipeline. `max_keys`: how many keys have series of their own. One reader at a time."""

    def __init__(self, keyed: Keyed, max_keys: int) -> None:
        self.keyed = keyed
        self.max_keys = max_keys
        self._names = [name for name, _ in named_policies(keyed.prototype.policies)]
        self._shown: dict[Hashable, None] = {}
        self._seen: dict[Hashable, dict[Place, float]] = {}
        self._gone: dict[Place, float] = {}

    def shown(self) -> Iterator[tuple[Hashable, list[tuple[str, Policy]]]]:
        """The keys with series of their own, and their policies by name."""
        kept = list(self.keyed)
        present = set(kept)
        self._shown = {key: None for key in self._shown if key in present}
        for key in kept:
            if len(self._shown) >= self.max_keys:
                break
            self._shown.setdefault(key)
        for key in self._shown:
            state = self.keyed.get(key)
            if state is not None:
                yield key, self._own(state)

    def _own(self, state: KeyState) -> list[tuple[str, Policy]]:
        # What all keys share is shown with the pipeline itself.
        places = zip(self._names, state.policies, self.keyed.prototype.policies, strict=True)
        return [(name, policy) for name, policy, shared in places if policy is not shared]

    def others(self, now: float) -> dict[Place, float]:
        """The sums over the keys that have no series of their own."""
        sums: dict[Place, float] = {}
        seen: dict[Hashable, dict[Place, float]] = {}
        for key in list(self.keyed):
            state = self.keyed.get(key)
            if key in self._shown or state is None:
                continue
            seen[key] = counted = self._counted(state, now, sums)
            before = self._seen.pop(key, {})
            if any(value > counted.get(place, 0.0) for place, value in before.items()):
                # Dropped and made again meanwhile.
                _add(self._gone, before)
        for counted in self._seen.values():
            _add(self._gone, counted)
        self._seen = seen
        _add(sums, self._gone)
        return sums

    def _counted(self, state: KeyState, now: float, sums: dict[Place, float]) -> dict[Place, float]:
        counted: dict[Place, float] = {}
        for name, policy in self._own(state):
            rows = ADDING.get(policy.kind)
            if not rows:
                continue
            for row, labels, value in series_of(policy.snapshot(now), rows):
                place = (name, row, labels)
                sums[place] = sums.get(place, 0.0) + value
                if row.counter:
                    counted[place] = value
        return counted

    def states(self) -> Iterator[tuple[str, dict[str, int]]]:
        """For each circuit breaker by name: how many keys are in which state."""
        for number, (name, policy) in enumerate(named_policies(self.keyed.prototype.policies)):
            if policy.kind == "circuit_breaker":
                counts: dict[str, int] = {}
                counts |= dict.fromkeys(CIRCUIT_STATES, 0)
                for state in list(self.keyed.values()):
                    counts[str(state.policies[number].state)] += 1  # type: ignore[attr-defined]  # a CircuitBreaker
                yield name, counts


def _add(sums: dict[Place, float], more: Mapping[Place, float]) -> None:
    for place, value in more.items():
        sums[place] = sums.get(place, 0.0) + value
