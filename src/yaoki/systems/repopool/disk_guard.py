"""The disk guard: a slot is added only if the disk holds it (SPEC W1).

It asks for what one more slot needs and a share of that on top, no fixed amount; and it is never asked about slots that exist.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.models import SlotState

if TYPE_CHECKING:
    from yaoki.systems.repopool.mirror.mirror import Mirror
    from yaoki.systems.repopool.models import Pool
    from yaoki.systems.repopool.resources import Resources

__all__ = ["DiskGuard"]

_BLOCK = 4096


class DiskGuard:
    """Guards the disk that the workspaces are on."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def free(self) -> int:
        """Bytes that are free for us."""
        return shutil.disk_usage(self._resources.config.workspaces_dir).free

    def needed(self, pool: Pool) -> int:
        """Bytes that one more slot of the pool takes."""
        for slot in pool.slots:
            if slot.state is SlotState.AVAILABLE:
                return self._resources.workspace(slot).disk_usage()
        return self._by_its_files(self._resources.mirror(pool.repo_name, pool.repo_url))

    def check(self, pool: Pool) -> None:
        """Raises GitOperationError (no space) if there is no room for one more slot."""
        needed = int(self.needed(pool) * (1.0 + self._resources.config.disk_reserve))
        free = self.free()
        if free < needed:
            raise GitOperationError(
                f"one more slot of {pool.repo_name} needs {needed / 1e6:.1f} MB, and "
                f"{self._resources.config.workspaces_dir} has {free / 1e6:.1f} MB free",
                failure=Failure.NO_SPACE,
                repo_name=pool.repo_name,
                way_out="free some disk space, remove_slot() another one, or drop what is in quarantine",
            )

    def _by_its_files(self, mirror: Mirror) -> int:
        """The size of the files of the base commit, each in whole blocks of the disk."""
        listed = self._resources.git.run(mirror.layout.mirror, ["ls-tree", "-r", "--long", "-z", mirror.base().commit])
        sizes = [line.split(maxsplit=4)[3] for line in listed.stdout.split(b"\0") if line]
        return sum(-(-int(size) // _BLOCK) * _BLOCK for size in sizes if size.isdigit())
