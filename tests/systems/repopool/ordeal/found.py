"""Where work is found again: everything that can be brought back from the quarantine and from slots that are kept out of use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.systems.repopool.disk.world import tenant
from tests.systems.repopool.ordeal.work import blob_id
from yaoki.systems.repopool import PoolManager, SlotState

__all__ = ["missing"]


def missing(manager: PoolManager, wanted: set[str], scratch: Path) -> set[str]:
    """Those of these contents and commits that nothing leads to any more."""
    layout = manager.quarantine("web").layout
    left = set(wanted)
    if layout.quarantine.exists():
        # Only what a reference leads to is kept; and it must not need the mirror.
        left -= set(tenant(layout.quarantine, "rev-list", "--objects", "--no-object-names", "--all").split())
    trees = [slot.slot_path for slot in manager.get_pool("web").slots if slot.state is SlotState.ERROR]
    for folder in (layout.set_aside, *trees):
        if left and folder.exists():
            left -= _files_in(folder)
            for objects in sorted(folder.rglob("objects")):
                left -= _stored_in(objects, left, scratch)
    return left


def _files_in(folder: Path) -> set[str]:
    return {
        blob_id((Path(place) / name).read_bytes())
        for place, _, names in os.walk(folder)
        for name in names
        if (Path(place) / name).is_file() and not (Path(place) / name).is_symlink()
    }


def _stored_in(objects: Path, wanted: set[str], scratch: Path) -> set[str]:
    """Those that a folder of objects has."""
    if not (objects / "pack").is_dir():
        return set()
    if not (scratch / "HEAD").exists():
        scratch.mkdir(exist_ok=True)
        tenant(scratch, "init", "--quiet", "--bare", ".")
    told = subprocess.run(
        ["git", f"--git-dir={scratch}", "cat-file", "--batch-check"],
        input="\n".join(sorted(wanted)),
        env={**os.environ, "GIT_OBJECT_DIRECTORY": str(objects)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {line.split()[0] for line in told.splitlines() if not line.endswith("missing")}
