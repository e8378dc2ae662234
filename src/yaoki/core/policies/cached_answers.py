"""Answers that are kept for each key, bounded in number, and who makes one at this moment (SPEC K1).

`claim` says what a caller is to do about a key, `end` what came of it. Whether callers wait as threads or as tasks is not known
here, and no function of the caller runs under the lock.
"""

from __future__ import annotations

from collections import OrderedDict

from yaoki.core.clock import clock
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["NOTHING", "Answers", "Kept", "Making"]

NOTHING = object()
"""Stands for an answer that is not there; None is one."""


class Making:
    """One caller makes an answer: `by` whom, and for whoever waits what came of it: a `value`, an `error`, or neither."""

    __slots__ = ("by", "error", "over", "value", "wakes")

    def __init__(self, by: object) -> None:
        self.by: object = by
        self.over: bool = False
        self.value: object = NOTHING
        self.error: Exception | None = None
        self.wakes: list[Callable[[], None]] = []


class Kept:
    """The answer for one key, good until a moment, and who makes it anew."""

    __slots__ = ("dropped", "key", "making", "until", "value")

    def __init__(self, key: Hashable) -> None:
        self.key: Hashable = key
        self.value: object = NOTHING
        self.until: float = 0.0
        self.making: Making | None = None
        self.dropped: bool = False


class Answers:
    """At most `most` answers, each good for `ttl` seconds; the one not used for longest is dropped first."""

    __slots__ = ("__weakref__", "_by_key", "_recent", "hits", "made", "most", "ttl")

    def __init__(self, ttl: float, most: int) -> None:
        self.ttl: float = ttl
        self.most: int = most
        self.hits: int = 0
        """How many callers got an answer that was there."""
        self.made: int = 0
        # Found by key without the lock, since comparing keys runs the caller's code; everything else is done under it.
        self._by_key: dict[Hashable, Kept] = {}
        self._recent: OrderedDict[Kept, None] = OrderedDict()
        renew_after_fork(self)

    def __len__(self) -> int:
        return len(self._recent)

    def renew(self) -> None:
        """Forget who makes an answer: what a forked child does. The answers stay."""
        for kept in self._by_key.values():
            kept.making = None

    def clear(self) -> None:
        """Forget all answers."""
        with lock_of(self):
            dropped = list(self._recent)
            for kept in dropped:
                self._drop_locked(kept)
        self._remove(dropped)

    def claim(self, key: Hashable, mine: Making) -> tuple[Kept, Making | None]:
        """The answer, and None if it will do; or `mine`, if the caller is to make it; or another's, to wait for."""
        while True:
            kept = self._by_key.get(key)
            if kept is None:
                kept = self._by_key.setdefault(key, Kept(key))
            now = clock.now()
            with lock_of(self):
                gone = kept.dropped
                dropped = [kept]
                making = None
                if not gone:
                    making = self._claim_locked(kept, mine, now)
                    dropped = self._evict_locked()
            self._remove(dropped)
            if not gone:
                return kept, making

    def _claim_locked(self, kept: Kept, mine: Making, now: float) -> Making | None:
        self._recent[kept] = None
        self._recent.move_to_end(kept)
        if kept.value is not NOTHING and (now < kept.until or kept.making is not None):
            self.hits += 1
            return None
        if kept.making is None:
            kept.making = mine
        return kept.making

    def _evict_locked(self) -> list[Kept]:
        dropped: list[Kept] = []
        while len(self._recent) > self.most:
            oldest = next((kept for kept in self._recent if kept.making is None), None)
            if oldest is None:
                # More are being made at this moment than may be kept; a later caller evicts.
                break
            self._drop_locked(oldest)
            dropped.append(oldest)
        return dropped

    def _drop_locked(self, kept: Kept) -> None:
        kept.dropped = True
        self._recent.pop(kept, None)

    def _remove(self, dropped: list[Kept]) -> None:
        for kept in dropped:
            if self._by_key.get(kept.key) is kept:
                self._by_key.pop(kept.key, None)

    def end(self, kept: Kept, making: Making, value: object = NOTHING, error: Exception | None = None) -> None:
        """The answer was made, or that failed, or was given up (neither): tell those who wait."""
        now = clock.now()
        with lock_of(self):
            making.over = True
            if value is not NOTHING:
                self.made += 1
                kept.value = making.value = value
                kept.until = now + self.ttl
            else:
                making.error = error
            if kept.making is making:
                kept.making = None
            wakes, making.wakes = making.wakes, []
        for wake in wakes:
            wake()

    def join(self, making: Making, wake: Callable[[], None]) -> bool:
        """Have `wake` called, from any thread, when the making is over; False if it is already."""
        with lock_of(self):
            if not making.over:
                making.wakes.append(wake)
            return not making.over

    def part(self, making: Making, wake: Callable[[], None]) -> None:
        """Wait no longer."""
        with lock_of(self):
            if wake in making.wakes:
                making.wakes.remove(wake)
