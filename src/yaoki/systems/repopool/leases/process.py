"""Which process: named so that neither a later process with the same number nor a reboot can be taken for it (SPEC W4).

| part | what it tells apart |
| --- | --- |
| host | machines that share a folder |
| boot | the time before a reboot |
| namespace | containers, each with process numbers of its own |
| pid, started | a later process that got the same number |
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.interpreter import after_fork

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProcessIdentity", "process_state", "this_process"]

PROC = Path("/proc")
_BOOT = re.compile(r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
_NAMESPACE = re.compile(r"(?:pid:\[[0-9]+\])?")
_STARTED = re.compile(r"[0-9]*")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, for all time. A part that the platform does not tell is ""; `started` is in the kernel's own ticks."""

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "host": self.host,
            "boot": self.boot,
            "namespace": self.namespace,
            "pid": self.pid,
            "started": self.started,
        }

    @staticmethod
    def from_dict(stored: Mapping[str, object]) -> ProcessIdentity | None:
        """What `to_dict` wrote; None if it is anything else."""
        pid = stored.get("pid")
        if not isinstance(pid, int) or isinstance(pid, bool):
            return None
        texts = [stored.get(name) for name in ("host", "boot", "namespace", "started")]
        host, boot, namespace, started = (text if isinstance(text, str) else "" for text in texts)
        return ProcessIdentity(host, boot, namespace, pid, started)

    @staticmethod
    def from_parts(host: object, boot: object, namespace: object, pid: object, started: object) -> ProcessIdentity | None:
        """What was stored part by part; None if a part can be none: nonsense proves no process to have ended."""
        if not isinstance(pid, int) or not isinstance(host, str):
            return None
        if not isinstance(boot, str) or not isinstance(namespace, str) or not isinstance(started, str):
            return None
        if not (_BOOT.fullmatch(boot) and _NAMESPACE.fullmatch(namespace) and _STARTED.fullmatch(started)):
            return None
        return ProcessIdentity(host, boot, namespace, pid, started)


_mine: ProcessIdentity | None = None


def this_process() -> ProcessIdentity:
    """This very process; a forked child is another one."""
    global _mine
    if _mine is None:
        state = process_state(os.getpid())
        _mine = ProcessIdentity(_host(), _boot(), _namespace(), os.getpid(), state[1] if state is not None else "")
    return _mine


def process_state(pid: int) -> tuple[str, str] | None:
    """The state letter and the start of a process of this host; None if there is no such process, or no /proc.

    Raises OSError if it may not be read.
    """
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, parentheses too.
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[0].decode("ascii"), fields[19].decode("ascii")


def _host() -> str:
    import socket

    return socket.gethostname()


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str((PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _forget() -> None:
    global _mine
    _mine = None


after_fork(_forget)
