"""Whether the owner of a lease lives: dead, live, or unknown, and unknown counts as alive (SPEC W3, W4).

Dead is who is proven to be gone, and only while no process works in the slot: a working directory or an open file there is a veto,
since the children of an agent outlive it. What cannot be read about an owner makes it unknown. Processes of other users, whose
folders nobody but they may look at, are no veto: there are some on every machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.leases.process import PROC, process_state, this_process

if TYPE_CHECKING:
    from pathlib import Path

    from yaoki.systems.repopool.leases.process import ProcessIdentity
    from yaoki.systems.repopool.models import Lease

__all__ = ["Finding", "Liveness", "lease_liveness", "occupants", "process_liveness"]


class Liveness(Enum):
    """What is known about an owner."""

    DEAD = "dead"
    LIVE = "live"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict, and why, in half a sentence."""

    verdict: Liveness
    reason: str

    @property
    def dead(self) -> bool:
        """Whether the owner is proven to be gone."""
        return self.verdict is Liveness.DEAD


def process_liveness(process: ProcessIdentity) -> Finding:
    """Whether the process lives."""
    mine = this_process()
    if process == mine:
        return Finding(Liveness.LIVE, "it is this very process")
    if process.host != mine.host:
        return Finding(Liveness.UNKNOWN, f"it runs on another host, {process.host}")
    if process.boot != mine.boot:
        if process.boot and mine.boot:
            return Finding(Liveness.DEAD, "the host was started anew since")
        return Finding(Liveness.UNKNOWN, "whether the host was started anew since cannot be told")
    if process.namespace != mine.namespace:
        return Finding(Liveness.UNKNOWN, "it runs in another container")
    if not (PROC / "self/stat").exists():
        return _portable(process)
    try:
        state = process_state(process.pid)
    except (OSError, ValueError, IndexError) as error:
        return Finding(Liveness.UNKNOWN, f"process {process.pid} cannot be looked at: {error}")
    if state is None:
        return Finding(Liveness.DEAD, f"process {process.pid} has ended")
    if state[0] in "ZXx":
        return Finding(Liveness.DEAD, f"process {process.pid} has ended, and nobody has collected it yet")
    if not process.started:
        return Finding(Liveness.UNKNOWN, f"there is a process {process.pid}, perhaps another one")
    if state[1] != process.started:
        return Finding(Liveness.DEAD, f"process {process.pid} has ended; another one has its number")
    return Finding(Liveness.LIVE, f"process {process.pid} runs")


def lease_liveness(lease: Lease, slot_path: Path) -> Finding:
    """Whether the owner of a lease lives, or somebody who works in the slot for it.

    A durable lease has no process: it lives until its time has passed.
    """
    if lease.durable:
        if lease.until is None:
            return Finding(Liveness.LIVE, "the lease is durable, without an end")
        if clock.wall() < lease.until:
            return Finding(Liveness.LIVE, f"the lease is durable, for another {lease.until - clock.wall():.0f} s")
        finding = Finding(Liveness.DEAD, "the time of the durable lease has passed")
    elif lease.process is None:
        return Finding(Liveness.UNKNOWN, "the lease names no process")
    else:
        finding = process_liveness(lease.process)
    if not finding.dead:
        return finding
    there = occupants(slot_path)
    if there:
        return Finding(Liveness.UNKNOWN, f"{finding.reason}, but process {there[0]} works in the slot")
    return finding


def occupants(folder: Path) -> list[int]:
    """The processes whose working directory, root or an open file is in the folder; empty where the platform does not tell."""
    if not PROC.is_dir():
        return []
    place = os.path.realpath(folder)
    numbers = (int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit())
    return sorted(number for number in numbers if _is_in(number, place))


def _is_in(pid: int, place: str) -> bool:
    base = PROC / str(pid)
    links = [str(base / "cwd"), str(base / "root")]
    try:
        links += [entry.path for entry in os.scandir(base / "fd")]
    except OSError:
        # Ended meanwhile, or not ours to look at.
        pass
    return any(_leads_into(link, place) for link in links)


def _leads_into(link: str, place: str) -> bool:
    try:
        target = os.readlink(link)  # noqa: PTH115  # a machine has thousands of open files
    except OSError:
        return False
    return target == place or target.startswith(f"{place}/")


def _portable(process: ProcessIdentity) -> Finding:
    """Without /proc only the end of a process can be proven: its number is free."""
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return Finding(Liveness.DEAD, f"process {process.pid} has ended")
    except OSError:
        return Finding(Liveness.UNKNOWN, f"there is a process {process.pid} of another user")
    return Finding(Liveness.UNKNOWN, f"there is a process {process.pid}, perhaps another one")
