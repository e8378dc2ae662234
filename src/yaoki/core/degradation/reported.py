"""The mode that a service reports: follows the modes of its answers with hysteresis, and measures its time (SPEC K2).

A worse mode is reported when answers of that mode, or worse ones, have kept coming for `worsen_after` seconds; it is left when
only better ones have come for `recover_after` seconds. The modes of answers are never held back: this is about the service.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.degradation.ladder import Ladder, Mode

__all__ = ["ReportedMode"]


class ReportedMode:
    """The reported mode of one service. `name` tells its ModeChanged events from those of others.

    `worsen_after`, `recover_after`: seconds; 0 follows at once. Raises ConfigurationError for a value out of its range.
    """

    __slots__ = ()

    def __init__(
        self, ladder: Ladder, *, worsen_after: float = 5.0, recover_after: float = 30.0, name: str | None = None
    ) -> None:
        raise NotImplementedError

    def observe(self, mode: Mode) -> Mode:
        """Hear the mode of one answer; returns the mode reported now. Raises ConfigurationError for a mode of another ladder."""
        raise NotImplementedError

    @property
    def current(self) -> Mode:
        """The mode reported now."""
        raise NotImplementedError

    def time_in(self) -> dict[str, float]:
        """Seconds spent in each reported mode so far, by name, in the order of the ladder."""
        raise NotImplementedError

    def snapshot(self) -> dict[str, object]:
        """The reported mode, since when, the seconds in each mode and the answers of each mode, JSON-ready."""
        raise NotImplementedError
