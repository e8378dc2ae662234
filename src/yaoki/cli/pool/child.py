"""One command in a process group of its own: watched, passed signals on, and ended with everything that it has started.

At a terminal the group is in the foreground, so that Ctrl-C, Ctrl-Z and what is typed reach the command and nobody else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from yaoki.core.clock import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from yaoki.cli.pool.signals import Signals

__all__ = ["Child"]

_LOOK = 0.1
_LOOK_OUT = 2.0


class Child:
    """A command in the folder. `signals`: what ends it early; `grace`: seconds between SIGTERM and SIGKILL for what does not end.

    Raises OSError if it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], signals: Signals, *, grace: float = 10.0
    ) -> None:
        self._signals = signals
        self._grace = grace
        self._process = subprocess.Popen(command, cwd=folder, env=dict(environment), process_group=0)
        self._terminal = _controlling_terminal()
        if self._terminal is not None:
            self._to_foreground(self._process.pid)

    def wait(self, timeout: float | None = None, look: Callable[[], object] = bool) -> int | None:
        """Wait for its end, then end what it has left behind. Its exit code, 128 + N for signal N; None if the time was over.

        `look` is called every two seconds.
        """
        until = None if timeout is None else clock.now() + timeout
        next_look = clock.now() + _LOOK_OUT
        try:
            while not self._ended():
                if self._signals.asked is not None:
                    self._end_group()
                    return 128 + self._signals.asked
                if until is not None and clock.now() >= until:
                    self._end_group()
                    return None
                self._follow_stop()
                if clock.now() >= next_look:
                    next_look = clock.now() + _LOOK_OUT
                    look()
            self._end_group()
        finally:
            if self._terminal is not None:
                self._to_foreground(os.getpgrp())
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    def _ended(self) -> bool:
        try:
            self._process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            return False
        return True

    # --- the group

    def _end_group(self) -> None:
        """SIGTERM to all of the group, and SIGKILL to what is left of it after the grace."""
        if not self._send(signal.SIGTERM):
            self._process.wait()
            return
        # What was stopped hears nothing before it goes on.
        self._send(signal.SIGCONT)
        until = clock.now() + self._grace
        while clock.now() < until:
            self._process.poll()
            if not self._send(0):
                return
            clock.sleep(0.02)
        self._send(signal.SIGKILL)
        self._process.wait()

    def _send(self, number: int) -> bool:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            # Somebody in it runs as another user: he cannot be ended by us.
            return False
        return True

    # --- the terminal

    def _to_foreground(self, group: int) -> None:
        assert self._terminal is not None
        former = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(self._terminal, group)
        except OSError:
            # The terminal is gone.
            self._terminal = None
        finally:
            signal.signal(signal.SIGTTOU, former)
        if group == self._process.pid:
            # It may have read before it was in the foreground.
            self._send(signal.SIGCONT)

    def _follow_stop(self) -> None:
        """Ctrl-Z has stopped the command: so do we, until the shell lets us go on."""
        if self._terminal is None:
            return
        flags = os.WSTOPPED | os.WNOHANG
        try:
            if os.waitid(os.P_PID, self._process.pid, flags) is None:
                return
        except ChildProcessError:
            return
        self._to_foreground(os.getpgrp())
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._terminal is not None:
            self._to_foreground(self._process.pid)


def _controlling_terminal() -> int | None:
    """The terminal that we are in the foreground of, or None."""
    try:
        terminal = sys.stdin.fileno()
        return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):
        return None
