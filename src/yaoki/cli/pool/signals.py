"""SIGTERM, SIGINT and SIGHUP while a command has a slot: noted, so that the slot is given back in peace."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

__all__ = ["Signals"]

_NOTED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """A block in which the signals are ours. `asked`: the latest one, or None.

    Until `only_note` is set, a signal ends the command at once with 128 + its number.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.only_note = False

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._hear) for number in _NOTED}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        if not self.only_note:
            raise typer.Exit(128 + number)
