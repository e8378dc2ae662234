"""What a forked child does not inherit: places that other threads hold, and the queues they stand in.

Only the forking thread lives on in the child. Places taken by the others would never come back there, and a queue headed by
one of them would never move. So a policy that counts or queues running calls starts anew in every child. A call that the
forking thread itself was in the middle of holds a permit of the former state, and giving that back changes nothing.
"""

from __future__ import annotations

# The weak set as `threading` imports it: `weakref` would cost its own import.
from _weakrefset import WeakSet

from yaoki.core.interpreter import after_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Renewable(Protocol):
        """Something with state that must not outlive a fork."""

        def renew(self) -> None:
            """Start anew: nobody runs, nobody waits."""


__all__ = ["renew_after_fork"]

_renewable: WeakSet[Renewable] = WeakSet()


def renew_after_fork(owner: Renewable) -> None:
    """Call `owner.renew()` in every child process right after fork, for as long as `owner` lives."""
    _renewable.add(owner)


def _renew_all() -> None:
    for owner in list(_renewable):
        owner.renew()


after_fork(_renew_all)
