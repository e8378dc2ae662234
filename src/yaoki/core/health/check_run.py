"""One run of a health check: started, cut at its timeout, judged (SPEC H2).

A coroutine runs in a task of the event loop, or in an event loop of a thread; a function runs in a daemon thread. A run that is
cut is cancelled if it is a coroutine, and left behind if it is a function. While it has not ended, the check has failed and is
not started again: so no check leaves more than one run behind.
"""

from __future__ import annotations

from yaoki.core.clock import clock
from yaoki.core.daemon import DaemonRun
from yaoki.core.faults.classifier import classify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future, Task
    from collections.abc import Callable
    from typing import Any

    from yaoki.core.faults.record import Fault
    from yaoki.core.health.checks import HealthCheck
    from yaoki.core.parking import OnLoop, OnThread

__all__ = ["Finding", "Runs"]

_LONGEST_DETAIL = 200


class Finding:
    """What one run came to. `took`: its seconds."""

    __slots__ = ("detail", "fault", "ok", "took")

    def __init__(self, ok: bool, detail: str | None, fault: Fault | None, took: float) -> None:
        self.ok: bool = ok
        self.detail: str | None = detail
        self.fault: Fault | None = fault
        self.took: float = took


class Runs:
    """The runs of one check, one after the other."""

    __slots__ = ("_behind", "check")

    def __init__(self, check: HealthCheck) -> None:
        self.check: HealthCheck = check
        self._behind: Callable[[], bool] | None = None
        """Whether the run that was left behind is over."""

    def forget(self) -> None:
        """What was left behind is gone: this is another process."""
        self._behind = None

    def in_thread(self, parking: OnThread) -> Finding:
        """Run the check, blocking this thread until it is done or cut."""
        started = clock.now()
        if self._hangs():
            return self._still_hanging()
        run = DaemonRun(self.check.check, parking.wake)
        try:
            run.start(f"yaoki-check-{self.check.name}")
        except RuntimeError as error:
            return _failed(error, 0.0)
        until = started + self.check.timeout
        while not run.done and clock.now() < until:
            parking.park(until)
        took = clock.now() - started
        if not run.done:
            run.cancel()
            self._behind = lambda: run.done
            return self._cut(took)
        return judge(run.value, took) if run.error is None else _failed(run.error, took)

    async def on_loop(self, parking: OnLoop) -> Finding:
        """Run the check from the event loop."""
        from asyncio import get_running_loop
        from contextvars import Context

        started = clock.now()
        if self._hangs():
            return self._still_hanging()
        # Neither the deadline nor anything else of whoever started the checks.
        call = _Call(self.check)
        task = get_running_loop().create_task(call(), name=f"yaoki-check-{self.check.name}", context=Context())
        task.add_done_callback(parking.look)
        until = started + self.check.timeout
        try:
            while not task.done() and clock.now() < until:
                await parking.park(until)
        finally:
            if not task.done():
                task.cancel()
                task.add_done_callback(_retrieve)
                self._behind = lambda: task.done() and call.is_over()
        took = clock.now() - started
        if not task.done():
            return self._cut(took)
        return _of_task(task, took)

    def _hangs(self) -> bool:
        if self._behind is not None and self._behind():
            self._behind = None
        return self._behind is not None

    def _cut(self, took: float) -> Finding:
        return _failed(TimeoutError(f"no answer within {self.check.timeout:g} s"), took)

    def _still_hanging(self) -> Finding:
        return _failed(TimeoutError("the run before has not ended yet"), 0.0)


class _Call:
    """The call of a check as a coroutine: a coroutine function on the loop, any other function in a thread."""

    __slots__ = ("_run", "check")

    def __init__(self, check: HealthCheck) -> None:
        self.check = check
        self._run: DaemonRun | None = None

    def is_over(self) -> bool:
        """Whether the thread has ended, if there is one."""
        return self._run is None or self._run.done

    async def __call__(self) -> object:
        from asyncio import get_running_loop
        from inspect import iscoroutinefunction

        check: Callable[[], object] = self.check.check
        value: Any
        if iscoroutinefunction(check) or iscoroutinefunction(getattr(check, "__call__", None)):  # noqa: B004  # an object's method
            value = check()
        else:
            loop = get_running_loop()
            ended: Future[None] = loop.create_future()

            def end() -> None:
                if not ended.done():
                    ended.set_result(None)

            def wake() -> None:
                try:
                    loop.call_soon_threadsafe(end)
                except RuntimeError:
                    # The loop is closed: nobody waits on it any more.
                    return

            run = self._run = DaemonRun(check, wake, awaited=False)
            run.start(f"yaoki-check-{self.check.name}")
            await ended
            if run.error is not None:
                raise run.error
            value = run.value
        return await value if hasattr(value, "__await__") else value


def _of_task(task: Task[object], took: float) -> Finding:
    if task.cancelled():
        return Finding(False, "was cancelled", None, took)
    error = task.exception()
    return judge(task.result(), took) if error is None else _failed(error, took)


def _retrieve(task: Task[object]) -> None:
    # Nobody waits for it any more, and nobody shall be told that nobody asked for its exception.
    if not task.cancelled():
        task.exception()


def judge(value: object, took: float) -> Finding:
    """What a check that returned `value` has said."""
    if value is None or value is True:
        return Finding(True, None, None, took)
    if isinstance(value, str):
        return Finding(True, one_line(value) or None, None, took)
    if value is False:
        return Finding(False, "the check said no", None, took)
    return Finding(False, one_line(f"the check returned {value!r}, which is neither None, a bool nor a text"), None, took)


def _failed(error: BaseException, took: float) -> Finding:
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # border: somebody's __str__
        text = ""
    # What is no Exception, such as SystemExit in a thread, has no classification.
    fault = classify(error) if isinstance(error, Exception) else None
    return Finding(False, one_line(f"{kind}: {text}" if text else kind), fault, took)


def one_line(text: str) -> str:
    """The text as a probe may show it: one printable line, not long, without the credentials of an address."""
    text = " ".join(text[: 4 * _LONGEST_DETAIL].split())
    text = "".join(each if each.isprintable() else "?" for each in text)
    if "@" in text:
        import re

        text = re.sub(r"//[^/@\s]*@", "//…@", text)
    return text if len(text) <= _LONGEST_DETAIL else f"{text[: _LONGEST_DETAIL - 1]}…"
