"""concurrent.futures, threading, multiprocessing (SPEC F3).

`concurrent.futures.CancelledError` is an `Exception`, unlike asyncio's: the work was called off before it ran.
"""

from __future__ import annotations

from yaoki.core.faults.templates import BROKEN_HERE, CALLED_OFF, CALLERS_BUG, LOST_STEP, TIMED_OUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["RULES"]

RULES: Mapping[str, Answer] = {
    "concurrent.futures._base.CancelledError": CALLED_OFF,
    "concurrent.futures._base.InvalidStateError": CALLERS_BUG,
    # A worker died. The same executor refuses every further call; a new one has to be made.
    "concurrent.futures._base.BrokenExecutor": BROKEN_HERE,
    "threading.BrokenBarrierError": LOST_STEP,
    "multiprocessing.context.TimeoutError": TIMED_OUT,
    "multiprocessing.context.AuthenticationError": CALLERS_BUG,
    "multiprocessing.context.BufferTooShort": CALLERS_BUG,
}
