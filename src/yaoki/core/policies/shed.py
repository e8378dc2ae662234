"""The load shedder: as load nears the limit it refuses calls, auxiliary ones first and core ones last (SPEC T4).

Each priority has a share of the limit up to which its calls are let in: `shed_from` for AUXILIARY, the whole limit for CORE, evenly
spaced between. Load is one number and the shares grow with the priority, so whenever a call is refused, every call of a
lower priority is refused at that load too; there is no state in which a core call is refused and an auxiliary one is not.
"""

from __future__ import annotations

from yaoki.core.faults.errors import ConfigurationError, OverloadedError
from yaoki.core.fork import renew_after_fork
from yaoki.core.interpreter import lock_of
from yaoki.core.parameters import share, whole
from yaoki.core.policies.policy import Policy
from yaoki.core.policies.priority import Priority, current_priority
from yaoki.core.policies.running import Running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Permit

__all__ = ["LoadShedder"]

_NEVER = float("inf")


class LoadShedder(Policy):
    """Refuses calls with OverloadedError: those of the lowest priority from the share `shed_from` of the limit on, core calls at it.

    `limit`: how many calls may run at once. Or `load`, a function that says how loaded the process is, 1.0 being the most
    it bears: the length of a queue, the lag of an event loop, `adaptive_limit.load`. One of the two must be given.

    `priority`: a function that says the Priority of the call that is being made; unless it is given, the block
    `with priority(...)` around the call does, and it is NORMAL outside of such blocks. What these functions raise goes to the caller.

    Raises ConfigurationError for a parameter out of range.
    """

    __slots__ = ("__weakref__", "_lets_in", "_load", "_priority", "key", "limit", "name", "refused", "running", "shed_from")

    kind = "load_shedder"

    running: Running

    def __init__(
        self,
        limit: int | None = None,
        *,
        load: Callable[[], float] | None = None,
        shed_from: float = 0.5,
        priority: Callable[[], Priority] | None = None,
        name: str | None = None,
    ) -> None:
        if (limit is None) == (load is None):
            raise ConfigurationError("a LoadShedder goes either by limit, a number of calls, or by load, a function")
        for parameter, function in (("load", load), ("priority", priority)):
            if function is not None and not callable(function):
                raise ConfigurationError(f"{parameter} must be a function without parameters, not {function!r}")
        self.limit: int | None = None if limit is None else whole("limit", limit)
        self.shed_from: float = share("shed_from", shed_from)
        self._load = load
        self._priority = current_priority if priority is None else priority
        self._lets_in = {rank: self._let_in(rank) for rank in Priority}
        self.name: str | None = name
        self.key: Hashable = None
        self.refused: dict[Priority, int] = dict.fromkeys(Priority, 0)
        self.renew()
        renew_after_fork(self)

    def _let_in(self, rank: Priority) -> float:
        steps = Priority.CORE - Priority.AUXILIARY
        part = (self.shed_from * (Priority.CORE - rank) + (rank - Priority.AUXILIARY)) / steps
        # An idle service lets in everybody.
        return part if self.limit is None else max(1, round(self.limit * part))

    def renew(self) -> None:
        """Start anew with nobody running: what a forked child does."""
        self.running = Running()

    def fresh(self, key: Hashable) -> LoadShedder:
        """A shedder that counts by itself, for one key."""
        shedder = LoadShedder(self.limit, load=self._load, shed_from=self.shed_from, priority=self._priority, name=self.name)
        shedder.key = key
        return shedder

    # The rule

    def enter(self, call: Call, now: float) -> Permit:
        """Count the call in, or refuse it with OverloadedError."""
        rank = self._priority()
        most = self._lets_in.get(rank)
        if most is None:
            raise ConfigurationError(f"priority must give a Priority, not {rank!r}")
        running = self.running
        if self._load is not None:
            most = _NEVER if self._load() < most else 0
        if running.enter(most):
            return running
        with lock_of(self):
            self.refused[rank] += 1
        return OverloadedError(self, _NEVER)

    def leave(self, call: Call, permit: Permit, error: BaseException | None, now: float) -> None:
        """Count the call out, whatever came out."""
        permit.leave()  # type: ignore[attr-defined]  # the Running that `enter` returned

    # Reading

    def snapshot(self, now: float) -> dict[str, object]:
        """How many calls run, and how many of each priority were refused."""
        return {
            "kind": self.kind,
            "name": self.name,
            "in_use": self.running.count,
            "rejected": {rank.name.lower(): count for rank, count in self.refused.items()},
        }

    def evictable(self, now: float) -> bool:
        """Whether nobody runs."""
        return not self.running.count

    def configuration(self) -> Mapping[str, object]:
        """The parameters."""
        shown: dict[str, object] = {"shed_from": self.shed_from}
        if self.limit is not None:
            shown["limit"] = self.limit
        else:
            shown["load"] = getattr(self._load, "__qualname__", None) or repr(self._load)
        return shown
