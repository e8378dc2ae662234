"""An agent among many, for the test with processes that die: it allocates, works, releases, and may be killed at any moment.

`python agent.py WORKSPACES NUMBER LOG`, until its standard input is closed. Every line of the log is one fact, written in one call.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import uuid
from pathlib import Path

from yaoki.systems.repopool import PoolConfig, PoolManager, Slot
from yaoki.systems.repopool.errors import NoAvailableSlotError, StaleLeaseError


class Agent:
    """Works until it is told to end."""

    def __init__(self, workspaces: str, number: str, log: str) -> None:
        self.number = int(number)
        self.chance = random.Random(f"{number} {os.getpid()}")
        self.manager = PoolManager(PoolConfig(workspaces))
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(self, event: str, **facts: object) -> None:
        line = json.dumps({"event": event, "agent": self.number, "pid": os.getpid(), **facts})
        os.write(self.log, f"{line}\n".encode())

    def once(self) -> None:
        durable = self.chance.random() < 0.1
        try:
            slot = self.manager.allocate_slot(
                "web",
                timeout=self.chance.choice([None, 30.0, 30.0, 30.0]),
                durable=durable,
                ttl=0.3 if durable else None,
            )
        except NoAvailableSlotError:
            return
        self.say("got", slot=slot.slot_id, fence=slot.fence, clean=self.is_clean(slot.slot_path))
        if self.chance.random() < 0.5:
            # He has only read.
            self.give_back(slot)
            return
        token = uuid.uuid4().hex
        file = slot.slot_path / f"token-{token}.txt"
        file.write_text(token)
        # Work that is on no disk yet is nobody's to keep.
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        self.say("wrote", token=token, slot=slot.slot_id)
        time.sleep(self.chance.uniform(0.0, 0.05))
        if self.chance.random() < 0.05:
            self.say("abandons", slot=slot.slot_id)
            os.kill(os.getpid(), 9)
        if durable and self.chance.random() < 0.5:
            # The lease ends by its time.
            self.say("walks away", slot=slot.slot_id)
            return
        if self.chance.random() < 0.05:
            # Long enough to be forced out.
            time.sleep(0.5)
        self.give_back(slot, file)

    def give_back(self, slot: Slot, *files: Path) -> None:
        intact = all(file.exists() and file.name == f"token-{file.read_text()}.txt" for file in files)
        alone = len(list(slot.slot_path.glob("token-*"))) == len(files)
        try:
            if self.chance.random() < 0.5:
                slot.release()
            else:
                self.manager.release_slot(slot.slot_id, fence=slot.fence)
        except StaleLeaseError:
            self.say("refused", slot=slot.slot_id, fence=slot.fence)
            return
        self.say("released", slot=slot.slot_id, fence=slot.fence, intact=intact, alone=alone)
        if self.chance.random() < 0.2:
            self.late(slot)

    def late(self, slot: Slot) -> None:
        """A second release must change nothing, whoever has the slot by now."""
        try:
            slot.release()
        except StaleLeaseError:
            self.say("late")
        else:
            self.say("released twice", slot=slot.slot_id)

    @staticmethod
    def is_clean(folder: Path) -> bool:
        return not list(folder.glob("token-*")) and (folder / "file0.txt").read_text() == "line 0\n"


if __name__ == "__main__":
    agent = Agent(*sys.argv[1:])
    os.set_blocking(0, False)
    while True:
        try:
            if sys.stdin.buffer.raw.read(1) == b"":  # type: ignore[attr-defined]
                break
        except BlockingIOError:
            pass
        agent.once()
    agent.say("ends")
