"""asyncio and the queues. `asyncio.TimeoutError` is the built-in TimeoutError; a cancelled task is no fault (SPEC F3)."""

from __future__ import annotations

from yaoki.core.faults.templates import BROKEN_HERE, CALLERS_BUG, CONNECTION_LOST, LOST_STEP, NOT_NOW, PROTOCOL_BROKEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["RULES"]

RULES: Mapping[str, Answer] = {
    # The other side closed in the middle of a message.
    "asyncio.exceptions.IncompleteReadError": CONNECTION_LOST,
    # The other side sends longer lines than the stream's limit allows.
    "asyncio.exceptions.LimitOverrunError": PROTOCOL_BROKEN,
    "asyncio.exceptions.InvalidStateError": CALLERS_BUG,
    "asyncio.exceptions.SendfileNotAvailableError": CALLERS_BUG,
    "asyncio.exceptions.BrokenBarrierError": LOST_STEP,
    "asyncio.queues.QueueFull": NOT_NOW,
    "asyncio.queues.QueueEmpty": NOT_NOW,
    "asyncio.queues.QueueShutDown": BROKEN_HERE,
    "queue.Full": NOT_NOW,
    "queue.ShutDown": BROKEN_HERE,
    "_queue.Empty": NOT_NOW,
    "queue.Empty": NOT_NOW,
}
