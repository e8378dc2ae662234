"""What a system brings along to be recovered: who detects, what repairs, where things are kept, who is told (SPEC H3)."""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import duration, whole
from yaoki.core.policies.backoff import Backoff, exponential
from yaoki.core.recovery.anomaly import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from yaoki.core.recovery.anomaly import Detector
    from yaoki.core.recovery.ladder import Quarantine, RepairLadder
    from yaoki.core.recovery.report import Isolation

    Hook: TypeAlias = "Callable[[Isolation], object]"

__all__ = ["System"]


class System:
    """The parts of a RecoveryLoop. Raises ConfigurationError for parts that do not fit together."""

    __slots__ = ("_ladders", "backoff", "detectors", "hook_timeout", "isolate", "max_retries", "name", "quarantine", "release")

    def __init__(
        self,
        name: str,
        detectors: Iterable[Detector],
        ladders: Iterable[RepairLadder],
        *,
        quarantine: Quarantine | None,
        isolate: Hook | None,
        release: Hook | None,
        max_retries: int,
        backoff: Backoff | None,
        hook_timeout: float,
    ) -> None:
        self.name: str = word("name", name)
        self.detectors: tuple[Detector, ...] = tuple(detectors)
        names = [detector.name for detector in self.detectors]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"detectors must have names of their own, not {', '.join(names)}")
        self.quarantine: Quarantine | None = quarantine
        self.isolate: Hook | None = isolate
        self.release: Hook | None = release
        self.max_retries: int = whole("max_retries", max_retries, least=0)
        # 5 minutes, half an hour, 3 hours.
        self.backoff: Backoff = (
            exponential(300.0, multiplier=6.0, cap=6 * 3600.0, jitter="none") if backoff is None else backoff
        )
        self.hook_timeout: float = duration("hook_timeout", hook_timeout)
        self._ladders: dict[str, RepairLadder] = {}
        for ladder in ladders:
            self._add(ladder)

    def _add(self, ladder: RepairLadder) -> None:
        for kind in ladder.kinds:
            if kind in self._ladders:
                raise ConfigurationError(f"ladders: {kind} has two of them")
            self._ladders[kind] = ladder
        for repair in ladder.repairs:
            if repair.destructive and not callable(getattr(self.quarantine, "keep", None)):
                raise ConfigurationError(
                    f"quarantine must be given: {repair.name} is destructive, and what it replaces has to be kept first"
                )

    def ladder_of(self, kind: str) -> RepairLadder | None:
        """What repairs this kind of anomaly, or None."""
        return self._ladders.get(kind)
