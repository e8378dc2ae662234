"""`yaoki pool run` at a terminal: a real pseudo terminal, whose keys reach the command and nobody else (SPEC W5)."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.systems.repopool.cli.running import Commands, until

pytestmark = pytest.mark.pool

FREE = {"slot1": "available", "slot2": "available"}
CTRL_C, CTRL_Z = b"\x03", b"\x1a"

# As a login shell has it: a session of its own, whose terminal this is.
LEADER = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """A pseudo terminal in which `yaoki pool run web -- sh -c SCRIPT` runs. `shown`: what has appeared on it so far."""

    def __init__(self, pool: Commands) -> None:
        self._pool = pool
        self._keys, self._screen = pty.openpty()
        self.process: subprocess.Popen[bytes] | None = None
        self.shown = ""

    def run(self, script: str) -> None:
        """Start it, and wait until the command has the terminal."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("YAOKI_", "STATE_DIRECTORY"))}
        arguments = ["-W", "error", "-m", "yaoki", "pool", "run", "web", "--", "sh", "-c", script]
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, *arguments],
            cwd=self._pool.home,
            env={**kept, **self._pool._settings()},
            stdin=self._screen,
            stdout=self._screen,
            stderr=self._screen,
            start_new_session=True,
        )
        until(lambda: self.foreground() not in (0, self.pid))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def foreground(self) -> int:
        """The process group that the keys reach; 0 if there is none."""
        return os.tcgetpgrp(self._keys)

    def type(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    def shows(self, text: str) -> bool:
        """Whether the text has appeared."""
        while select.select([self._keys], [], [], 0)[0]:
            try:
                self.shown += os.read(self._keys, 4096).decode()
            except OSError:
                # Nobody has the other end open any more.
                break
        return text in self.shown

    def code(self) -> int:
        """The exit code of `yaoki pool run`."""
        end = time.monotonic() + 40.0
        assert self.process is not None
        while self.process.poll() is None:
            assert time.monotonic() < end, self.shown
            # A full terminal would stop who writes to it.
            self.shows("")
            time.sleep(0.02)
        return self.process.returncode

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._screen)
        os.close(self._keys)


@pytest.fixture
def terminal(pool: Commands) -> Iterator[Terminal]:
    terminal = Terminal(pool)
    yield terminal
    terminal.close()


def stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123  # no file of the disk
        return file.read().rpartition(")")[2].split()[0] == "T"


def test_the_command_has_the_terminal_and_hears_what_is_typed(pool: Commands, terminal: Terminal) -> None:
    """SPEC W5: its exit code is passed on, and the slot is given back."""
    terminal.run('test -t 0 && test -t 1 && test -t 2 && echo "a terminal"; read line; echo "heard $line"; exit 7')
    terminal.type(b"a word\n")

    assert terminal.code() == 7
    assert terminal.shows("heard a word")
    assert terminal.shows("a terminal")
    assert pool.states() == FREE


def test_ctrl_c_reaches_the_command_alone(pool: Commands, terminal: Terminal) -> None:
    """SPEC W5: it ends as it likes, with an exit code of its own; its work is kept, and the slot is given back."""
    terminal.run("trap 'echo asked; exit 5' INT; echo mine > work.txt; echo ready; while :; do sleep 0.1; done")
    until(lambda: terminal.shows("ready"))
    terminal.type(CTRL_C)

    assert terminal.code() == 5
    assert terminal.shows("asked")
    assert terminal.shows("yaoki pool quarantine restore web")
    assert pool.states() == FREE


def test_a_command_that_ctrl_c_has_ended(pool: Commands, terminal: Terminal) -> None:
    """SPEC W5: 130, as a shell tells it."""
    terminal.run("echo ready; exec sleep 60")
    until(lambda: terminal.shows("ready"))
    terminal.type(CTRL_C)

    assert terminal.code() == 128 + signal.SIGINT
    assert pool.states() == FREE


def test_ctrl_z_stops_both_and_the_command_goes_on_with_the_terminal(pool: Commands, terminal: Terminal) -> None:
    """SPEC W5: the shell gets its prompt back, and `fg` goes on where it was; the slot stays taken meanwhile."""
    terminal.run('echo ready; read line; echo "heard $line"; exit 3')
    command = terminal.foreground()
    until(lambda: terminal.shows("ready"))
    terminal.type(CTRL_Z)
    until(lambda: stopped(command) and stopped(terminal.pid))
    assert sorted(pool.states().values()) == ["allocated", "available"]
    assert terminal.foreground() == terminal.pid

    os.kill(terminal.pid, signal.SIGCONT)
    until(lambda: terminal.foreground() == command)
    terminal.type(b"a word\n")

    assert terminal.code() == 3
    assert terminal.shows("heard a word")
    assert pool.states() == FREE
