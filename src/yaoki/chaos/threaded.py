"""The fault proxy for synchronous code: on an event loop in a thread of its own, to be used from any thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from yaoki.chaos.faults import PASS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TypeVar

    from yaoki.chaos.faults import Fault
    from yaoki.chaos.proxy import Counters, FaultProxy

    T = TypeVar("T")

__all__ = ["ThreadedFaultProxy"]


class ThreadedFaultProxy:
    """A FaultProxy in a thread: `with FaultProxy.in_thread(host, port) as proxy`. What is set holds when the call returns."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def upstream(self) -> tuple[str, int]:
        """Host and port of the upstream."""
        return self._proxy.upstream

    @property
    def port(self) -> int:
        """The port it listens on. Raises RuntimeError while it does not run."""
        return self._proxy.port

    @property
    def fault(self) -> Fault:
        """The fault that is set."""
        return self._proxy.fault

    @property
    def rate(self) -> float:
        """The share of exchanges that it meets."""
        return self._proxy.rate

    @property
    def counters(self) -> Counters:
        """What it has done so far."""
        return self._in_loop(lambda: self._proxy.counters)

    def set(self, fault: Fault, rate: float = 1.0, seed: int | None = None) -> None:
        """From now on `fault` meets this share of the exchanges. Raises as FaultProxy.set does."""
        self._in_loop(lambda: self._proxy.set(fault, rate, seed))

    def heal(self) -> None:
        """Let everything through again."""
        self.set(PASS)

    def start(self) -> None:
        """Start the thread; the proxy listens when this returns. Raises as FaultProxy.start does."""
        if self._thread is not None:
            raise RuntimeError("the proxy is running already")
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="yaoki-fault-proxy", daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Close every socket and end the thread. Stopping what does not run is nothing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            assert self._loop is not None and self._stopping is not None  # noqa: PT018  # both are set before start returns
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()
            self._loop = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._main(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _main(self, started: Future[None]) -> None:
        self._stopping = asyncio.Event()
        async with self._proxy:
            self._loop = asyncio.get_running_loop()
            started.set_result(None)
            await self._stopping.wait()

    def _in_loop(self, action: Callable[[], T]) -> T:
        loop = self._loop
        if self._thread is None or loop is None:
            return action()
        done: Future[T] = Future()

        def act() -> None:
            try:
                done.set_result(action())
            except BaseException as error:  # noqa: BLE001  # the caller raises it
                done.set_exception(error)

        loop.call_soon_threadsafe(act)
        return done.result()
