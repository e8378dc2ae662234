"""Fetching off the way of whoever wants a slot: in the background, when a mirror is older than `fetch_ttl` (SPEC W1, W3).

What fetches have brought is joined there as well, when it has become many packs.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yaoki.core.daemon import DaemonRun
from yaoki.core.fork import renew_after_fork
from yaoki.systems.repopool.errors import PoolManagerError
from yaoki.systems.repopool.mirror.joining import join

if TYPE_CHECKING:
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.quarantine.quarantine import Quarantine

__all__ = ["BackgroundFetches"]

_log = logging.getLogger("yaoki.repopool")


class BackgroundFetches:
    """The fetches of one manager, each in a daemon thread; at most one for a mirror. A forked child has none.

    A process that ends meanwhile loses nothing: the next one fetches again.
    """

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start anew, in a forked child."""
        self._runs: dict[str, DaemonRun] = {}

    def begin(self, mirror: Mirror, quarantine: Quarantine) -> None:
        """Begin to fetch, and to join packs if they have become many, unless the remote was asked within the mirror's `ttl`.

        Does not wait, and raises nothing.
        """
        running = self._runs.get(mirror.address.text)
        # Two threads that come at once are told apart by the lock of the mirror.
        if (running is None or running.done) and mirror.is_due():
            run = DaemonRun(lambda: _fetch(mirror, quarantine), lambda: None)
            self._runs[mirror.address.text] = run
            run.start("yaoki-pool-fetch")


def _fetch(mirror: Mirror, quarantine: Quarantine) -> None:
    try:
        done = mirror.refresh()
    except (PoolManagerError, OSError) as error:
        _log.warning("%s could not be fetched: %s", mirror.address.shown, error)
        return
    if done.problem:
        _log.warning(
            "%s could not be fetched, its mirror is %.0f s old: %s", mirror.address.shown, done.staleness, done.problem
        )
    try:
        joined = join(mirror, quarantine)
    except (PoolManagerError, OSError) as error:
        _log.warning("the packs of the mirror of %s were not joined: %s", mirror.address.shown, error)
        return
    if joined:
        _log.info("%d packs of the mirror of %s were joined", joined, mirror.address.shown)
