"""A tenant as a process of its own, and the ways in which a tenancy ends."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from tests.systems.repopool.ordeal.work import DEEDS, Left, mess_up
from yaoki.systems.repopool import PoolManager
from yaoki.systems.repopool.errors import StaleLeaseError

__all__ = ["ENDS", "SECONDS", "End", "Tenancy", "dies_somewhere"]

SECONDS = 120.0


class Tenancy:
    """A forked process that has allocated a slot and worked in it; it does what it is told next, and dies with its parent's pipe."""

    def __init__(self, manager: PoolManager, seed: int) -> None:
        self.manager = manager
        self.ours, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.ours.close()
            _live(manager, seed, theirs)
        theirs.close()
        self.slot_id, self.fence, self.left = self.answer()

    def answer(self) -> tuple[str, int, Left]:
        assert self.ours.poll(SECONDS), "the tenant says nothing"
        found: tuple[str, int, Left] = self.ours.recv()
        return found

    def told(self, word: str) -> str:
        """Tell it to do something; returns what came of it."""
        self.ours.send(word)
        assert self.ours.poll(SECONDS), f"the tenant does not {word}"
        return str(self.ours.recv())

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)
        self.gone()

    def gone(self) -> int:
        """Wait for its end."""
        self.ours.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _live(manager: PoolManager, seed: int, said: Connection) -> None:
    """The tenant's side. Never returns."""
    try:
        chance = random.Random(seed)
        slot = manager.allocate_slot("web", timeout=SECONDS)
        left = mess_up(slot.slot_path, chance, chance.choices(DEEDS, k=chance.randrange(1, 6)))
        said.send((slot.slot_id, slot.fence, left))
        ways: dict[str, Callable[[], object]] = {
            "release": slot.release,
            "release later": lambda: manager.wait_for_release(manager.release_slot_background(slot.slot_id) or "", SECONDS),
            "release uncleaned": lambda: manager.release_slot(slot.slot_id, cleanup=False),
            "heartbeat": lambda: manager.heartbeat(slot.slot_id, slot.fence),
        }
        while True:
            word = said.recv()
            if word == "die in release":
                dies_somewhere(chance.randrange(60))
                word = "release"
            try:
                ways[word]()
                said.send("done")
            except StaleLeaseError:
                said.send("refused")
    except EOFError:
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  # border: the end of a forked process
        print(f"tenant {seed} failed: {error!r}", file=sys.stderr)
        os._exit(1)


def dies_somewhere(at: int) -> None:
    """From now on this process ends itself at its change number `at` of the disk, or start of a process."""
    count = 0

    def watch(event: str, _: tuple[object, ...]) -> None:
        nonlocal count
        if event in {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "subprocess.Popen", "shutil.rmtree"}:
            count += 1
            if count > at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


@dataclass(frozen=True)
class End:
    """`act`: ends the tenancy. `taken`: the slot was taken from its holder, so that ignored files are kept too."""

    name: str
    act: Callable[[Tenancy], None]
    taken: bool = True

    def __str__(self) -> str:
        return self.name


def _told(word: str) -> Callable[[Tenancy], None]:
    def act(tenancy: Tenancy) -> None:
        # Refused if what is said of him was damaged, so that nobody knows any more who he is.
        assert tenancy.told(word) in {"done", "refused"}
        assert tenancy.told("release") == "refused"
        assert tenancy.gone() == 0

    return act


def _dies(tenancy: Tenancy) -> None:
    tenancy.kill()


def _dies_in_release(tenancy: Tenancy) -> None:
    tenancy.ours.send("die in release")
    tenancy.gone()


def _forced(tenancy: Tenancy) -> None:
    tenancy.manager.release_slot(tenancy.slot_id, force=True)
    _late(tenancy)


def _forced_by_recovery(tenancy: Tenancy) -> None:
    tenancy.manager.auto_recover(max_allocation_hours=0, force_release_long_allocated=True)
    _late(tenancy)


def _removed(tenancy: Tenancy) -> None:
    tenancy.manager.remove_slot(tenancy.slot_id, force=True)
    tenancy.manager.add_slot("web")
    tenancy.kill()


def _isolated(tenancy: Tenancy) -> None:
    tenancy.manager.isolate_slot(tenancy.slot_id)
    tenancy.kill()
    tenancy.manager.auto_recover()
    assert tenancy.manager.recover_slot(tenancy.slot_id, force=True)


def _late(tenancy: Tenancy) -> None:
    """He still lives: his late calls change nothing."""
    assert tenancy.told("heartbeat") == "refused"
    assert tenancy.told("release") == "refused"
    assert tenancy.gone() == 0


def _recovered_by_the_dying(tenancy: Tenancy) -> None:
    """Its owner is dead, and so is, in the middle of his work, who takes it back: twice; after three times a slot would be isolated."""
    tenancy.kill()
    chance = random.Random(tenancy.fence)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            dies_somewhere(chance.randrange(40))
            tenancy.manager.auto_recover()
            os._exit(0)
        os.waitpid(child, 0)


ENDS = [
    End("released", _told("release"), taken=False),
    End("released in the background", _told("release later"), taken=False),
    End("released uncleaned", _told("release uncleaned")),
    End("killed", _dies),
    End("killed in release", _dies_in_release, taken=False),
    End("forced", _forced),
    End("forced by recovery", _forced_by_recovery),
    End("removed", _removed),
    End("isolated", _isolated),
    End("recovered by the dying", _recovered_by_the_dying),
]
"""How a tenancy may end."""
