"""The retry budget: how many retries a dependency bears, as a share of the calls that succeed (SPEC R4).

A bucket of `capacity` tokens, full at first. A retry takes `retry_cost` (after a refusal for want of capacity,
`throttled_cost`); a call that succeeds at once puts back 1, one that succeeds after retries puts back what its last retry
took. So a blip is retried freely, and in an outage retries all but stop. It is asked before the wait, never after it.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.interpreter import GIL, lock_of
from yaoki.core.parameters import whole

__all__ = ["Budget"]


class Budget:
    """Tokens for retries. One budget may serve many pipelines that share a dependency; threads and loops may share it.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("__weakref__", "_tokens", "capacity", "ok", "refused", "retry_cost", "throttled_cost")

    def __init__(self, capacity: int = 500, *, retry_cost: int = 14, throttled_cost: int = 5) -> None:
        self.capacity: int = whole("capacity", capacity)
        self.retry_cost: int = whole("retry_cost", retry_cost)
        self.throttled_cost: int = whole("throttled_cost", throttled_cost)
        if max(retry_cost, throttled_cost) > capacity:
            raise ConfigurationError("retry_cost and throttled_cost must be at most capacity, or no retry is ever allowed")
        self._tokens = capacity
        self.refused: int = 0
        self.ok: int = 0
        """First-try successes not yet put back; a healthy call increments it, and the next withdrawal puts them back."""

    def take(self, *, throttled: bool) -> int:
        """Take the tokens for one retry and return how many, or 0 if there are not enough."""
        cost = self.throttled_cost if throttled else self.retry_cost
        if GIL:
            return self._take(cost)
        with lock_of(self):
            return self._take(cost)

    def refund(self, tokens: int) -> None:
        """Put back what the last retry of a call took, since the call succeeded."""
        if GIL:
            self._put_back(tokens)
        else:
            with lock_of(self):
                self._put_back(tokens)

    def succeeded(self) -> None:
        """Count a call that succeeded at once, where a bare increment is not safe."""
        with lock_of(self):
            self.ok += 1

    @property
    def tokens(self) -> int:
        """Tokens left."""
        self.refund(0)
        return self._tokens

    # With a GIL neither another thread nor an interrupt comes in between the lines of these two: they call nothing.

    def _take(self, cost: int) -> int:
        tokens = self._tokens + self.ok
        self.ok = 0
        if tokens > self.capacity:  # noqa: PLR1730  # `min` would be a call
            tokens = self.capacity
        taken = cost if tokens >= cost else 0
        if not taken:
            self.refused += 1
        self._tokens = tokens - taken
        return taken

    def _put_back(self, tokens: int) -> None:
        tokens += self._tokens + self.ok
        self.ok = 0
        self._tokens = tokens if tokens < self.capacity else self.capacity  # noqa: FURB136  # `min` would be a call
