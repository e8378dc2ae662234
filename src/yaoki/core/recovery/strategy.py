"""How far a recovery may go (SPEC H3).

| | long-allocated | corrupted | orphaned locks | for |
| --- | --- | --- | --- | --- |
| CONSERVATIVE, the default | reported from 48 h | recovered | cleaned | production |
| AGGRESSIVE | released by force from 24 h | recovered | cleaned | development, after a crash |
| MAINTENANCE | not looked at | recovered | cleaned | maintenance beside running work |

Anomalies of any other kind are repaired by all three.
"""

from __future__ import annotations

from enum import Enum

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration
from yaoki.core.recovery.anomaly import CORRUPTED, LONG_ALLOCATED, ORPHANED_LOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from yaoki.core.recovery.anomaly import Anomaly

__all__ = ["AGGRESSIVE", "CONSERVATIVE", "MAINTENANCE", "Decision", "Strategy"]


class Decision(Enum):
    """What a strategy does about an anomaly."""

    REPAIR = "repair"
    REPORT = "report"
    LEAVE = "leave"


class Strategy:
    """What is repaired, what is reported, what is not looked at. Immutable.

    `long_allocated_after`: seconds from which an allocation is an anomaly; None: allocations are not looked at.
    `force_release`: whether such an allocation is released although its holder may live; repairs that are marked `forced` run
    only then. The other two say whether corrupted subjects and orphaned locks are repaired; if not, they are reported.

    Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ("clean_orphaned_locks", "force_release", "long_allocated_after", "name", "recover_corrupted")

    name: str
    long_allocated_after: float | None
    force_release: bool
    recover_corrupted: bool
    clean_orphaned_locks: bool

    def __init__(
        self,
        name: str,
        *,
        long_allocated_after: float | None,
        force_release: bool = False,
        recover_corrupted: bool = True,
        clean_orphaned_locks: bool = True,
    ) -> None:
        after = None if long_allocated_after is None else duration("long_allocated_after", long_allocated_after, zero=True)
        put = object.__setattr__
        put(self, "name", name)
        put(self, "long_allocated_after", after)
        put(self, "force_release", bool(force_release))
        put(self, "recover_corrupted", bool(recover_corrupted))
        put(self, "clean_orphaned_locks", bool(clean_orphaned_locks))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Strategy is immutable: {name} cannot be set; use replace()")

    def decide(self, anomaly: Anomaly) -> Decision:
        """What is done about `anomaly`. A long-allocated one without `age` is old enough."""
        if anomaly.kind == LONG_ALLOCATED:
            if self.long_allocated_after is None:
                return Decision.LEAVE
            if anomaly.age is not None and anomaly.age < self.long_allocated_after:
                return Decision.LEAVE
            return Decision.REPAIR if self.force_release else Decision.REPORT
        wanted = {CORRUPTED: self.recover_corrupted, ORPHANED_LOCK: self.clean_orphaned_locks}
        return Decision.REPAIR if wanted.get(anomaly.kind, True) else Decision.REPORT

    def replace(self, **changes: Any) -> Strategy:
        """A copy with some fields changed. Raises TypeError for a name that is no field."""
        return Strategy(**{**{name: getattr(self, name) for name in Strategy.__slots__}, **changes})

    def __repr__(self) -> str:
        return f"<Strategy {self.name}>"


_HOUR = 3600.0

CONSERVATIVE = Strategy("conservative", long_allocated_after=48 * _HOUR)
AGGRESSIVE = Strategy("aggressive", long_allocated_after=24 * _HOUR, force_release=True)
MAINTENANCE = Strategy("maintenance", long_allocated_after=None)

_BY_NAME = {strategy.name: strategy for strategy in (CONSERVATIVE, AGGRESSIVE, MAINTENANCE)}


def strategy_of(given: Strategy | str) -> Strategy:
    """The strategy, or the one of the three with this name. Raises ConfigurationError for another name."""
    if isinstance(given, Strategy):
        return given
    known = _BY_NAME.get(given)
    if known is None:
        raise ConfigurationError(f"strategy must be a Strategy, or one of {', '.join(_BY_NAME)}, not {given!r}")
    return known
