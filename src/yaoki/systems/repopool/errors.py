"""What can go wrong in the repo pool, each with its way out in the message (SPEC F5, F6, W1 to W5)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from yaoki.core.faults.category import Category, Origin
from yaoki.core.faults.errors import ConfigurationError, YaokiError
from yaoki.core.faults.kinds import by_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.core.faults.record import Fault

__all__ = [
    "CleanupError",
    "ConfigValidationError",
    "Failure",
    "GitOperationError",
    "LockTimeoutError",
    "NoAvailableSlotError",
    "PoolManagerError",
    "PoolNotFoundError",
    "SlotAllocationError",
    "SlotNotFoundError",
    "StaleLeaseError",
]


class PoolManagerError(YaokiError):
    """The base of all errors of the pool.

    `repo_name`, `slot_id`: what it is about, or None. `way_out`: what the user can do, or "".
    """

    kind = "pool_error"

    def __init__(self, problem: str, *, repo_name: str | None = None, slot_id: str | None = None, way_out: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.repo_name = repo_name
        self.slot_id = slot_id
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.problem}; {self.way_out}" if self.way_out else self.problem


class PoolNotFoundError(PoolManagerError):
    """There is no pool of this name."""

    kind = "pool_not_found"


class SlotNotFoundError(PoolManagerError):
    """There is no slot of this id."""

    kind = "slot_not_found"


class NoAvailableSlotError(PoolManagerError):
    """Every slot of the pool is taken, or none became free in the time that the caller would wait. Never wrapped."""

    kind = "no_available_slot"


class SlotAllocationError(PoolManagerError):
    """A slot was free, but could not be made ready."""

    kind = "slot_allocation_failed"


class CleanupError(PoolManagerError):
    """What a tenant left could not be put away, so the slot is not offered again."""

    kind = "cleanup_failed"


class LockTimeoutError(PoolManagerError, TimeoutError):
    """Somebody else held a lock for longer than the caller would wait."""

    kind = "lock_timeout"


class StaleLeaseError(PoolManagerError):
    """The caller's lease on the slot has ended: the slot was released, or taken from him. Nothing was changed."""

    kind = "stale_lease"


class ConfigValidationError(PoolManagerError, ConfigurationError):
    """A value of the configuration, a name or an address is out of range. `field`: its path, such as "pools.web.num_slots"."""

    kind = "config_invalid"

    def __init__(
        self,
        problem: str,
        *,
        field: str = "",
        repo_name: str | None = None,
        slot_id: str | None = None,
        way_out: str = "",
    ) -> None:
        super().__init__(problem, repo_name=repo_name, slot_id=slot_id, way_out=way_out)
        self.field = field


class Failure(Enum):
    """Why git failed, as far as its words and its exit tell."""

    TRANSIENT = "transient"
    """The way to the remote, a lock that somebody holds, or the time: a repetition makes sense."""
    PERMANENT = "permanent"
    """The same command will fail again."""
    CORRUPT = "corrupt"
    """A repository on this disk is damaged."""
    NO_SPACE = "no_space"
    """The disk, its inodes or its quota is used up."""
    AUTH = "auth"
    """The remote wants other credentials."""

    @property
    def environmental(self) -> bool:
        """Whether it says nothing about the repository: the disk is full, or another process or the time was in the way."""
        return self in (Failure.TRANSIENT, Failure.NO_SPACE)


class GitOperationError(PoolManagerError):
    """A git command failed.

    `command`: its words, without credentials. `exit_code`: None if it did not end by itself in its time. `stderr`: the last part
    of what it said. `failure`: why. The `fault` is retried if it is transient, and counts against the remote's breaker only if it
    is transient: damage, a full disk or a refused password say nothing about whether the remote answers.
    """

    kind = "git_operation_failed"

    def __init__(
        self,
        problem: str,
        *,
        failure: Failure = Failure.PERMANENT,
        command: Sequence[str] = (),
        exit_code: int | None = None,
        stderr: str = "",
        repo_name: str | None = None,
        slot_id: str | None = None,
        way_out: str = "",
    ) -> None:
        super().__init__(problem, repo_name=repo_name, slot_id=slot_id, way_out=way_out)
        self.failure = failure
        self.command: tuple[str, ...] = tuple(command)
        self.exit_code = exit_code
        self.stderr = stderr

    @property
    def fault(self) -> Fault:
        """Its record: RECOVERABLE if transient, else FATAL (SPEC F2)."""
        kind = by_name[self.kind]
        context = {"failure": self.failure.value}
        if self.failure is Failure.TRANSIENT:
            return kind.fault(context=context)
        permanent = kind.fault(when="permanent", context=context)
        if self.failure is Failure.CORRUPT:
            return permanent.replace(category=Category.DATA, origin=Origin.LOCAL)
        if self.failure is Failure.NO_SPACE:
            return permanent.replace(category=Category.CAPACITY, origin=Origin.LOCAL)
        return permanent.replace(origin=Origin.CALLER)
