"""The mirror of one remote on this disk, whose objects all slots borrow. (Skeleton.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yaoki.systems.repopool.git.command import Git
    from yaoki.systems.repopool.integrity import Damage
    from yaoki.systems.repopool.layout import RepositoryLayout
    from yaoki.systems.repopool.names import Address

__all__ = ["Base", "Fetched", "Mirror"]


@dataclass(frozen=True, slots=True)
class Base:
    """Where a tenant starts: the default branch (short name) and its commit in the mirror."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """How fresh the mirror is. `fetched`: this call has asked the remote. `staleness`: seconds since the remote last answered.

    `problem`: why the remote did not answer this time, or "".
    """

    fetched: bool
    staleness: float
    problem: str = ""


class Mirror:
    """The mirror in `layout.mirror`. Safe for threads and processes: who changes it holds a file lock, taken back from the dead.

    `ttl`: seconds for which a fetch is good enough.
    """

    def __init__(self, layout: RepositoryLayout, address: Address, git: Git, *, ttl: float = 300.0) -> None:
        self.layout = layout
        self.address = address
        self.git = git
        self.ttl = ttl

    @property
    def exists(self) -> bool:
        """Whether it has been created wholly."""
        raise NotImplementedError

    def create(self, *, timeout: float = 3600.0) -> Base:
        """Clone the remote, unless that is done already; atomic: after a kill the next call completes it.

        Raises GitOperationError, and LockTimeoutError if another process has not finished creating it in `timeout` seconds.
        """
        raise NotImplementedError

    def refresh(self, *, older_than: float | None = None, timeout: float = 300.0) -> Fetched:
        """Fetch if the last fetch is older than `older_than` (default `ttl`) seconds; one fetch at a time over all processes, with
        the core's retry and a breaker for the remote. Never raises because the remote is down: `problem` and `staleness` say so.
        """
        raise NotImplementedError

    def staleness(self) -> float | None:
        """Seconds since the remote last answered a fetch, or None if nobody knows. No process, no network."""
        raise NotImplementedError

    def base(self) -> Base:
        """The default branch and its commit, read from files. Raises GitOperationError (corrupt) if there is none."""
        raise NotImplementedError

    def check(self, *, tier: int = 0) -> list[Damage]:
        """What is damaged: tier 0 files, 1 base connected, 2 checksums of changed packs, 3 fsck."""
        raise NotImplementedError

    def rebuild(self, slots: Iterable[int] = (), *, timeout: float = 3600.0) -> str:
        """Make the mirror anew; the damaged one is set aside. From the remote; what slots borrow is carried over. If the remote
        is down: from the objects of the damaged mirror, the quarantine and `slots`. Returns where from: "remote" or "local".

        Raises GitOperationError if neither works; then the old mirror stands where it stood.
        """
        raise NotImplementedError

    def remote_answers(self, *, timeout: float = 30.0) -> str:
        """Ask the remote for its HEAD. Returns "" or the problem."""
        raise NotImplementedError
