"""Breaking a part on purpose, inside its adapter, so that timeouts, retries, breakers and modes react to a real fault (SPEC O5).

| fault | what the part does |
| --- | --- |
| hang | never answers; answers again when healed |
| fail | refuses the connection |
| slow | answers, late but within the time of one attempt |
"""

from __future__ import annotations

import asyncio
import errno
from typing import Literal, get_args

__all__ = ["FAULTS", "FaultName", "Switch"]

FaultName = Literal["hang", "fail", "slow"]

FAULTS: tuple[FaultName, ...] = get_args(FaultName)


class Switch:
    """The switch of one part. `slow` delays by `delay` seconds. For one event loop."""

    __slots__ = ("_changed", "_fault", "delay", "part")

    def __init__(self, part: str, *, delay: float) -> None:
        self.part = part
        self.delay = delay
        self._fault: FaultName | None = None
        self._changed = asyncio.Event()

    @property
    def fault(self) -> FaultName | None:
        """What is wrong with the part, or None."""
        return self._fault

    def set(self, fault: FaultName | None) -> None:
        """Break the part, or heal it with None. Calls that hang or wait go on at once."""
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    async def act(self) -> None:
        """Stand in front of every call of the part: pass, wait, or raise ConnectionRefusedError."""
        while self._fault is not None:
            if self._fault == "fail":
                raise ConnectionRefusedError(errno.ECONNREFUSED, f"{self.part} was broken by hand")
            if self._fault == "hang":
                await self._changed.wait()
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), self.delay)
            except TimeoutError:
                return
