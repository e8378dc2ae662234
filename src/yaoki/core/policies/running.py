"""How many calls run at this moment, counted against a limit that may differ from call to call.

The counter is the permit as well: after a fork the child counts in a new one, so a place that was taken before the fork is
given back to a counter that nobody asks any more.
"""

from __future__ import annotations

from yaoki.core.interpreter import GIL, lock_of

__all__ = ["Running"]


class Running:
    """The calls that run. `count`: how many now. `most`: how many at most since the user of this last set it back."""

    __slots__ = ("count", "most")

    def __init__(self) -> None:
        self.count: int = 0
        self.most: int = 0

    def enter(self, limit: float) -> bool:
        """Count a call in, if fewer than `limit` run; say whether it was."""
        if not GIL:
            with lock_of(self):
                return self._enter(limit)
        return self._enter(limit)

    def _enter(self, limit: float) -> bool:
        # With a GIL neither another thread nor an interrupt comes in between these lines: they call nothing.
        if self.count >= limit:
            return False
        self.count += 1
        if self.count > self.most:  # noqa: PLR1730  # max() would be a call
            self.most = self.count
        return True

    def leave(self) -> None:
        """Count a call out, however it ended."""
        if GIL:
            self.count -= 1
        else:
            with lock_of(self):
                self.count -= 1
