"""A git that kills its own manager at one of its commands: for tests that find out what a death leaves behind."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from tests.systems.repopool.disk.world import World
from yaoki.systems.repopool.git.command import Git, GitResult
from yaoki.systems.repopool.mirror.joining import join


class KillingGit(Git):
    """The command number `at` (from 0) is the last one: the process dies before it, or right `after` it."""

    def __init__(self, at: int, *, after: bool, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.at = at
        self.after = after

    def holding(self, *descriptors: int) -> Git:
        return KillingGit(self.at, after=self.after, held=(*self._held, *descriptors), started=self._started)

    def run(self, *args: Any, **kwargs: Any) -> GitResult:
        last = self.commands == self.at
        if last and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = super().run(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def dies_at(world: World, work: str, at: int, *, after: bool) -> bool:
    """Do `work` in a forked process that dies at a command. Returns whether it died; False: there were fewer commands."""
    child = os.fork()
    if child == 0:
        try:
            mortal = World(world.folder, world.origin, git=KillingGit(at, after=after), policy=world.policy)
            WORKS[work](mortal)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001  # border: the end of a forked process
            print(f"{work} failed: {error!r}", file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGKILL}
    return os.waitstatus_to_exitcode(status) != 0


def dies_in_renames(world: World, work: str, at: int) -> bool:
    """The same, at the rename, link, removal or replacement of a file number `at`, as the system calls are counted."""
    child = os.fork()
    if child == 0:
        try:
            count = 0

            def watch(event: str, _: tuple[object, ...]) -> None:
                nonlocal count
                if event in {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}:
                    if count == at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    count += 1

            sys.addaudithook(watch)
            WORKS[work](World(world.folder, world.origin, policy=world.policy))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001  # border: the end of a forked process
            print(f"{work} failed: {error!r}", file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGKILL}
    return os.waitstatus_to_exitcode(status) != 0


WORKS: dict[str, Any] = {
    "create": lambda world: world.mirror.create(),
    "build": lambda world: world.slot().build(),
    "prepare": lambda world: world.slot().prepare(),
    "clean": lambda world: world.slot().clean(ticket="1", taken=True),
    "renew": lambda world: world.slot().renew(ticket="1", reason="damaged"),
    "join": lambda world: join(world.mirror, world.quarantine),
    "remove": lambda world: world.slot().remove(ticket="1"),
}
