"""What a build of the index reports while it runs (SPEC G1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Listener", "Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is. `stage`: what it does, in words; `share`: how much of the whole build is done, from 0 to 1."""

    stage: str
    share: float


# What it raises ends the build; then nothing of the build is left behind.
Listener = Callable[[Progress], None]
