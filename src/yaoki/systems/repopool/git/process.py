"""Feeds and reads a git process that runs, and ends it.

What goes in and what comes out is handled at once, so that neither side waits for the other.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.repopool.errors import GitOperationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kill", "talk"]

_LARGEST_OUTPUT = 256 * 1024 * 1024
_STDERR_KEPT = 8192
_CHUNK = 65536


def talk(process: subprocess.Popen[bytes], stdin: Iterator[bytes], until: float) -> tuple[bytes, bytes, bool]:
    """Feed and read a process until it ends, or its time does: then it is killed. Returns what it has written, the last part of what it
    has complained, and whether it has ended in time. `until`: a time of `clock.now`. Raises GitOperationError if it writes without end.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    piece, read, said = memoryview(b""), bytearray(), bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        waiting.register(process.stderr, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            waiting.register(process.stdin, selectors.EVENT_WRITE)
        while waiting.get_map():
            seconds = until - clock.now()
            ready = waiting.select(min(seconds, 3600.0)) if seconds > 0 else []
            if not ready and until - clock.now() <= 0:
                kill(process)
                return bytes(read), bytes(said), False
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    assert process.stdin is not None
                    piece, more = _fed(key.fd, piece, stdin)
                    if not more:
                        waiting.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    waiting.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    read += chunk
                    if len(read) > _LARGEST_OUTPUT:
                        kill(process)
                        raise GitOperationError(f"git said more than {_LARGEST_OUTPUT} bytes")
                else:
                    said += chunk
                    del said[:-_STDERR_KEPT]
    if not _ended(process, until):
        kill(process)
        return bytes(read), bytes(said), False
    return bytes(read), bytes(said), True


def _fed(descriptor: int, piece: memoryview, rest: Iterator[bytes]) -> tuple[memoryview, bool]:
    """Write what is left of a piece, or the next ones joined. Returns what is left now, and whether there may be more to write."""
    if not piece:
        joined = bytearray()
        while len(joined) < _CHUNK and (following := next(rest, None)) is not None:
            joined += following
        if not joined:
            return piece, False
        piece = memoryview(bytes(joined))
    try:
        return piece[os.write(descriptor, piece[:_CHUNK]) :], True
    except BlockingIOError:
        return piece, True
    except BrokenPipeError:
        # It reads no more; what it says, and how it ends, tells why.
        return piece, False


def _ended(process: subprocess.Popen[bytes], until: float) -> bool:
    """Wait for the end of a process that says nothing more."""
    seconds = max(0.0, min(until - clock.now(), 3600.0))
    try:
        # `Popen.wait` with a time looks again and again, with pauses in between.
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        with selectors.DefaultSelector() as waiting:
            waiting.register(descriptor, selectors.EVENT_READ)
            if not waiting.select(seconds):
                return False
    finally:
        os.close(descriptor)
    process.wait()
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started, and wait for it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
