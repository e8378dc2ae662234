"""The health check of the pools: healthy means that nothing is wrong, and the check only looks (SPEC W5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["PoolHealth", "problems_found"]


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """What a look at all pools has found. As a boolean, whether nothing was. `counts`: the numbers by kind of anomaly."""

    problems: int
    counts: dict[str, int]
    language: str = "en"

    @staticmethod
    def of(anomalies: Mapping[str, Collection[object]], language: str = "en") -> PoolHealth:
        """The health that `detect_anomalies` tells."""
        counts = {kind: len(found) for kind, found in anomalies.items()}
        return PoolHealth(sum(counts.values()), counts, language)

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def __bool__(self) -> bool:
        return self.healthy

    def __str__(self) -> str:
        return problems_found(self.problems, self.language)


def problems_found(number: int, language: str = "en") -> str:
    """The sentence that says so, in English ("en") or Japanese ("ja")."""
    if language == "ja":
        return f"{number}件の問題を検出"
    return f"{number} problem{'' if number == 1 else 's'} found"
