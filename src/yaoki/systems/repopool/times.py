"""Moments that outlive a process: UTC for people, and a monotonic reading for ages within one boot of one host.

Ages come from the monotonic clock where both readings are of the same boot, so that neither daylight saving nor a step of the wall
clock releases a slot early or never.
"""

from __future__ import annotations

from datetime import UTC, datetime

from yaoki.core.clock import clock

__all__ = ["age", "from_iso", "moment", "to_iso", "utc_now"]


def moment(wall: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(wall, UTC)


def utc_now() -> datetime:
    """The wall time, in UTC."""
    return moment(clock.wall())


def to_iso(time: datetime | None) -> str | None:
    """ISO 8601 in UTC; None stays None."""
    return None if time is None else time.astimezone(UTC).isoformat()


def from_iso(text: str | None) -> datetime | None:
    """What `to_iso` wrote. Raises ValueError for any other text."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def age(wall: float, monotonic: float, *, same_boot: bool) -> float:
    """Seconds since a moment, never below 0. `same_boot`: whether `monotonic` was read since the last boot of this host."""
    return max(0.0, clock.now() - monotonic if same_boot else clock.wall() - wall)
