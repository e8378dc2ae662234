"""Threads for synchronous calls that their caller may stop waiting for (SPEC T1, T3).

A thread is started when none is idle, takes one call after the other, and ends after `IDLE` seconds without one. Threads are
daemons: one that hangs does not keep the interpreter from exiting. A call takes its caller's context variables and deadline
along. After a fork the child process starts with no thread, and none counts as abandoned.
"""

from __future__ import annotations

import threading
from contextvars import copy_context

from yaoki.core import deadline
from yaoki.core.deadline import cell
from yaoki.core.interpreter import after_fork, lock_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from yaoki.core.pipeline.child import ThreadChild
    from yaoki.core.policies.hedge import Hedge
    from yaoki.core.policies.timeout import Timeout

__all__ = ["IDLE", "Run"]

IDLE = 10.0
"""How many seconds an idle thread waits for the next call."""


class Run:
    """One child call in a worker thread, number `number` of its crossing: its function, and its result.

    `ended` is called once, in the worker, when `value` or `error` is there; never after `abandon` said True. Who takes the
    error sets it to None, since it leads back to this object by its traceback.
    """

    __slots__ = ("_below", "_claim", "_context", "_ended", "_owner", "child", "error", "number", "value")

    def __init__(
        self,
        child: ThreadChild,
        below: Callable[[ThreadChild], object],
        owner: Hedge | Timeout,
        number: int,
        ended: Callable[[Run], None],
    ) -> None:
        self.child: ThreadChild = child
        self.number: int = number
        self.value: object = None
        self.error: BaseException | None = None
        self._owner = owner
        self._below = below
        self._context = copy_context()
        self._claim: list[None] = [None]
        self._ended: Callable[[Run], None] | None = ended

    def start(self) -> None:
        """Hand the call to a thread. Raises RuntimeError if the system gives no thread."""
        _start(self)

    def __call__(self) -> None:
        """Run the call; what comes out belongs to whoever waits, or to nobody."""
        own = cell()
        own.call, own.deadline = self.child.above, self.child.deadline
        try:
            self.value = self._context.run(self._below, self.child)
        except BaseException as error:  # noqa: BLE001  # carried to the thread that waits, and raised there
            self.error = error
        finally:
            own.call, own.deadline = None, deadline.NEVER
        # What waits refers to this object, so this object must not refer to it once the call is over.
        ended, self._ended = self._ended, None
        if not self._take_claim():
            self.value = self.error = None
            _came_back(self, self._owner)
        elif ended is not None:
            ended(self)

    def abandon(self) -> bool:
        """Stop waiting for this call: True, and it counts as abandoned until it ends; False if its result is there."""
        _went_away(self, self._owner)
        if self._take_claim():
            return True
        _came_back(self, self._owner)
        return False

    def _take_claim(self) -> bool:
        try:
            self._claim.pop()
        except IndexError:
            return False
        return True


# What is abandoned

_abandoned: dict[Run, Hedge | Timeout] = {}


def _went_away(run: Run, owner: Hedge | Timeout) -> None:
    with lock_of(_abandoned):
        _abandoned[run] = owner
        owner.abandoned += 1


def _came_back(run: Run, owner: Hedge | Timeout) -> None:
    with lock_of(_abandoned):
        if _abandoned.pop(run, None) is not None:
            owner.abandoned -= 1


# The threads


class _Worker:
    """A thread and the call that it runs next."""

    __slots__ = ("_job", "_ready")

    def __init__(self) -> None:
        self._job: Run | None = None
        self._ready = threading.Lock()
        self._ready.acquire()

    def give(self, job: Run) -> None:
        """Run `job` next. Only for a worker that was taken from the idle ones, or is new."""
        self._job = job
        self._ready.release()

    def work(self) -> None:
        """Run what is given, until nothing was given for a while."""
        # In real time, whatever clock the calls go by: this wait decides nothing.
        while self._ready.acquire(timeout=IDLE) or not self._retire():
            job, self._job = self._job, None
            if job is not None:
                job()
            del job
            _idle.append(self)

    def _retire(self) -> bool:
        try:
            _idle.remove(self)
        except ValueError:
            # Somebody took it from the idle ones this very moment, and gives it a call.
            self._ready.acquire()
            return False
        return True


_idle: list[_Worker] = []


def _start(job: Run) -> None:
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
        threading.Thread(target=worker.work, name="yaoki-worker", daemon=True).start()
    worker.give(job)


def _forget_all() -> None:
    _idle.clear()
    for owner in _abandoned.values():
        owner.abandoned = 0
    _abandoned.clear()


after_fork(_forget_all)
