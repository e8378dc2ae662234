"""The crossing of a Hedge by an asynchronous call: the calls below run in tasks of their own (SPEC T3).

The outcome is decided as in `boundary`, for threads. Here the calls that lost are cancelled, and awaited before the outcome goes
on. Every task has the alarm of the deadline for itself, so the task that waits for them needs none: at the deadline each ends
as failed, and the last one's DeadlineExceededError is the outcome.
"""

from __future__ import annotations

from asyncio import FIRST_COMPLETED, CancelledError, get_running_loop, wait
from functools import partial

from yaoki.core.clock import clock
from yaoki.core.deadline import NEVER
from yaoki.core.pipeline.child import Child, outcome
from yaoki.core.policies.hedge import Hedge, Race

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from yaoki.core.pipeline.call import Call
    from yaoki.core.policies.policy import Step

    Drive: TypeAlias = Callable[
        [Call, Callable[..., object], tuple[object, ...], Mapping[str, object], Step], Awaitable[object]
    ]
    Below: TypeAlias = Callable[[Child], Awaitable[object]]

__all__ = ["crossing"]


def crossing(call: Call, fn: Callable[..., object], drive: Drive) -> Callable[..., object]:
    """The function that the driver `drive` calls in place of `fn`: it calls `fn` below the boundary, by the same driver."""
    return partial(_hedged, call, fn, drive)


async def _hedged(call: Call, fn: Callable[..., object], drive: Drive, /, *args: object, **kwargs: object) -> object:
    """Call in a task, and in further ones as the Hedge decides; answer with the first value."""
    hedge, race = call.policies[-1], call.permits[-1]
    assert isinstance(hedge, Hedge)
    assert isinstance(race, Race)
    tasks = _Tasks(call, lambda child: drive(child, fn, args, kwargs, 0.0))
    try:
        tasks.start(0)
        while True:
            run = await tasks.ended(race.next_at)
            if run is not None:
                race.ended(run.number, run.error, clock.now())
                if tasks.decides(run):
                    break
            elif hedge.another(call, race, clock.now()):
                tasks.start(race.extra)
    except GeneratorExit:
        # Closed without its event loop: nothing can be awaited.
        tasks.cancel()
        raise
    except BaseException:
        await tasks.leave_behind()
        raise
    await tasks.leave_behind()
    return outcome(run)


class _Run:
    """One child call in a task. Who takes the error sets it to None, since it leads back to this object by its traceback."""

    __slots__ = ("child", "error", "number", "value")

    def __init__(self, child: Child, number: int) -> None:
        self.child = child
        self.number = number
        self.value: object = None
        self.error: BaseException | None = None

    async def go(self, below: Below) -> None:
        """Run the call, and keep what comes out."""
        try:
            self.value = await below(self.child)
        except Exception as error:  # noqa: BLE001  # carried to the task that waits, and raised there
            self.error = error


class _Tasks:
    """The calls below one crossing that run in tasks, in the order of their start."""

    def __init__(self, call: Call, below: Below) -> None:
        self.call = call
        self.below = below
        self.running: dict[Task[None], _Run] = {}

    def start(self, number: int) -> None:
        """Start one more call."""
        run = _Run(Child(self.call), number)
        self.running[get_running_loop().create_task(run.go(self.below))] = run

    async def ended(self, until: float) -> _Run | None:
        """A call that ended, no longer among the running ones; None if none did until then, or perhaps a little before."""
        timeout = None if until == NEVER else max(0.0, until - clock.now())
        await wait(self.running, timeout=timeout, return_when=FIRST_COMPLETED)
        for task, run in self.running.items():
            if task.done():
                del self.running[task]
                if task.cancelled():
                    run.error = CancelledError()
                elif task.exception() is not None:
                    run.error = task.exception()
                return run
        return None

    def decides(self, run: _Run) -> bool:
        """Whether this call is the outcome: a value, what is no failure, or the failure of the last one that ran."""
        if isinstance(run.error, Exception) and self.running:
            run.error = None
            return False
        return True

    def cancel(self) -> None:
        """Cancel what still runs."""
        for task in self.running:
            try:
                task.cancel()
            except RuntimeError:
                # The event loop is closed, so the task will never go on.
                continue

    async def leave_behind(self) -> None:
        """The outcome is decided: cancel what still runs, and wait until it has ended, whoever wants this task cancelled."""
        self.cancel()
        interrupted = False
        while any(not task.done() for task in self.running):
            try:
                await wait(self.running)
            except CancelledError:
                interrupted = True
        for task, run in self.running.items():
            run.error = None
            if not task.cancelled():
                # Looked at, or asyncio reports it as never retrieved.
                task.exception()
        self.running.clear()
        if interrupted:
            raise CancelledError
