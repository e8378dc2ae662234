"""The deadline of the request: nests (the tighter wins), travels in a header, and is read by every Timeout and Retry (SPEC T1).

A deadline is a moment in monotonic seconds; infinity means none. Synchronous code keeps it in a cell of its thread, since a
synchronous call cannot interleave with another on its thread; tasks keep it in a context variable, which `asyncio.to_thread`
carries into threads. Who reads takes the earlier of the two.

    with deadline.within(2.0):
        answer = search(question)                  # every pipeline below has at most 2 seconds
    client.get(url, headers=deadline.headers())    # and so has the service behind
"""

from __future__ import annotations

from _thread import _local
from contextvars import ContextVar

from yaoki.core.clock import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from yaoki.core.pipeline.call import Call

__all__ = ["HEADER", "NEVER", "current", "from_headers", "headers", "remaining", "shielded", "within"]

NEVER = float("inf")

HEADER = "X-Request-Timeout-Ms"
"""The header that carries the milliseconds left. A moment would not do: clocks of two hosts differ."""


class Cell:
    """What a thread's running synchronous calls publish: the deadline, and the innermost call below the healthy path."""

    __slots__ = ("call", "deadline")

    def __init__(self) -> None:
        self.deadline: float = NEVER
        self.call: Call | None = None


# What `threading.local` is; that module would be a twentieth of what importing a pipeline costs.
cells: _local = _local()
"""Where each thread keeps its cell, as `own`. Not a subclass that makes it: reading a plain one is a quarter faster."""


def cell() -> Cell:
    """The cell of this thread."""
    try:
        own: Cell = cells.own
    except AttributeError:
        own = cells.own = Cell()
    return own


context: ContextVar[float] = ContextVar("yaoki_deadline", default=NEVER)

running: ContextVar[Call | None] = ContextVar("yaoki_call", default=None)
"""What a task's running asynchronous calls publish: the innermost call below the healthy path."""


def current() -> float:
    """The deadline in force here, in monotonic seconds; infinity if there is none."""
    mine, inherited = cell().deadline, context.get()
    return mine if mine < inherited else inherited  # noqa: FURB136  # `min` would be a call


def remaining() -> float:
    """Seconds left until the deadline in force here: 0.0 if it has passed, infinity if there is none."""
    return max(0.0, current() - clock.now())


class within:  # noqa: N801  # reads as a statement: `with within(2.0):`
    """A block that has at most `seconds`; an earlier deadline that is already in force stays. For `with` in both worlds.

    Nothing is interrupted: pipelines with a Timeout refuse to start past the deadline and cut their waits, and an
    asynchronous Timeout cancels what runs. `seconds` may be infinite, and is 0 if negative. Raises ValueError for NaN.
    """

    __slots__ = ("_seconds", "_tokens")

    def __init__(self, seconds: float) -> None:
        if seconds != seconds:
            raise ValueError("seconds must be a number, not NaN")
        self._seconds = max(0.0, seconds)
        # One for each time that it was entered: blocks of one object may nest.
        self._tokens: list[Token[float]] = []

    def __enter__(self) -> within:
        # The context variable alone: it serves synchronous code too, and unlike the cell it is right in interleaved tasks.
        self._tokens.append(context.set(min(context.get(), clock.now() + self._seconds)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            context.reset(self._tokens.pop())
        except ValueError:
            # The garbage collector closes an abandoned generator in another context than its own, where nothing was set.
            return


class shielded:  # noqa: N801  # reads as a statement: `with shielded(60.0):`
    """A block of synchronous code that no deadline around it reaches; it has `seconds` of its own, which may be infinite.

    For what must be done although the request is over: giving back what it took. Raises ValueError for NaN.
    """

    __slots__ = ("_block", "_set_aside")

    def __init__(self, seconds: float) -> None:
        self._block = within(seconds)
        self._set_aside: list[tuple[float, Token[float]]] = []

    def __enter__(self) -> shielded:
        own = cell()
        self._set_aside.append((own.deadline, context.set(NEVER)))
        own.deadline = NEVER
        self._block.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._block.__exit__(kind, error, traceback)
        mine, token = self._set_aside.pop()
        cell().deadline = mine
        context.reset(token)


def headers() -> dict[str, str]:
    """The header for an outgoing request: the milliseconds left, rounded down; empty if there is no deadline."""
    left = remaining()
    return {} if left == NEVER else {HEADER: str(int(left * 1000.0))}


def from_headers(headers: Mapping[str, str]) -> within:
    """The block for an incoming request with these headers; without the header, or with a malformed one, it sets no deadline.

    The name is compared without regard to case.
    """
    wanted = HEADER.lower()
    for name, value in headers.items():
        if name.lower() == wanted:
            return within(_seconds(value))
    return within(NEVER)


def _seconds(text: str) -> float:
    digits = text.strip()
    # A longer number would be more than a hundred years, and costs time to read.
    return int(digits) / 1000.0 if digits.isascii() and digits.isdigit() and len(digits) <= 12 else NEVER
