"""SPEC H4: the same way down in a program of threads, without an event loop."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from yaoki import Shutdown, ShuttingDownError
from yaoki.core.clock import clock
from yaoki.testing import VirtualClock


@pytest.fixture
def background(virtual_clock: VirtualClock) -> Callable[..., threading.Thread]:
    """Start a function in a daemon thread."""

    def start(do: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=do, args=arguments, daemon=True)
        thread.start()
        return thread

    return start


def busy(shutdown: Shutdown, name: str, seconds: float, admitted: threading.Event) -> None:
    with shutdown.work(name):
        admitted.set()
        clock.sleep(seconds)


def later(seconds: float, do: Callable[..., object], *arguments: object) -> None:
    clock.sleep(seconds)
    do(*arguments)


def test_work_of_threads_is_drained(virtual_clock: VirtualClock, background: Callable[..., threading.Thread]) -> None:
    """SPEC H4: exit code 0 when the last thread is done."""
    shutdown, admitted = Shutdown(), threading.Event()
    worker = background(busy, shutdown, "job", 12.0, admitted)
    admitted.wait()

    assert shutdown.drain_threads() == 0
    assert virtual_clock.time == 12.0
    worker.join()


def test_a_thread_that_takes_too_long_is_named_and_left(
    virtual_clock: VirtualClock, background: Callable[..., threading.Thread], caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC H4: a thread cannot be cancelled; exit code 3 at 30 s, without a wait for it to unwind."""
    shutdown, admitted = Shutdown(), threading.Event()
    background(busy, shutdown, "job", 300.0, admitted)
    admitted.wait()

    assert shutdown.drain_threads() == 3
    assert virtual_clock.time == 30.0
    assert "left: job (1, oldest 30.0 s)" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


def test_a_request_of_another_thread_ends_the_wait(
    virtual_clock: VirtualClock, background: Callable[..., threading.Thread]
) -> None:
    """SPEC H4: outside of the main thread a request works."""
    shutdown = Shutdown()
    background(later, 3.0, shutdown.request, "console")

    assert shutdown.wait_threads() == "console"
    assert virtual_clock.time == 3.0
    assert shutdown.wait_threads() == "console"


def test_a_second_signal_forces_threads_too(virtual_clock: VirtualClock, background: Callable[..., threading.Thread]) -> None:
    """SPEC H4: 143, at once."""
    shutdown, admitted = Shutdown(), threading.Event()
    background(busy, shutdown, "job", 300.0, admitted)
    admitted.wait()
    shutdown.signal(15)
    background(later, 2.0, shutdown.signal, 15)

    assert shutdown.drain_threads() == 143
    assert virtual_clock.time == 2.0


def test_steps_run_in_threads_and_are_left_when_they_hang(
    virtual_clock: VirtualClock, background: Callable[..., threading.Thread], caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC H4: a step that hangs is named, the others still run, and the exit code is 3."""
    shutdown = Shutdown(drain_timeout=4.0, close_timeout=2.0)
    done: list[str] = []

    async def coroutine() -> None:
        done.append("coroutine")

    shutdown.add_step("hangs", lambda: clock.sleep(100.0))
    shutdown.add_step("listener", lambda: done.append("listener"))
    shutdown.add_step("coroutine", coroutine, after=True)

    assert shutdown.drain_threads() == 3
    assert virtual_clock.time == 4.0
    assert "the step hangs of the shutdown took too long and was left" in caplog.text
    assert "coroutine" in done


def test_two_threads_that_drain_are_one(virtual_clock: VirtualClock, background: Callable[..., threading.Thread]) -> None:
    """SPEC H4: both hear the same code, and each step is done once."""
    shutdown, admitted = Shutdown(), threading.Event()
    codes: list[int] = []
    steps: list[str] = []
    shutdown.add_step("once", lambda: steps.append("done"))
    background(busy, shutdown, "job", 5.0, admitted)
    admitted.wait()
    other = background(lambda: codes.append(shutdown.drain_threads()))
    codes.append(shutdown.drain_threads())
    other.join()

    assert (codes, steps) == ([0, 0], ["done"])


def test_no_work_slips_in_between_the_refusal_and_the_end() -> None:
    """SPEC H4: at full speed, nothing is admitted after the drain has seen nothing in flight."""
    for _ in range(30):
        shutdown = Shutdown()
        after_the_end: list[int | None] = []
        started = threading.Barrier(5)

        def visit(
            shutdown: Shutdown = shutdown, seen: list[int | None] = after_the_end, go: threading.Barrier = started
        ) -> None:
            go.wait()
            while True:
                try:
                    with shutdown.work("visit"):
                        if shutdown.exit_code is not None:
                            seen.append(shutdown.exit_code)
                except ShuttingDownError:
                    return

        threads = [threading.Thread(target=visit) for _ in range(4)]
        for thread in threads:
            thread.start()
        started.wait()
        assert shutdown.drain_threads() == 0
        for thread in threads:
            thread.join()

        assert after_the_end == []
        assert shutdown.left() == []


def test_a_program_of_threads_does_not_load_asyncio() -> None:
    """SPEC H4: who has no event loop pays for none."""
    program = """
import sys
from yaoki import Shutdown
shutdown = Shutdown()
with shutdown.work("job"):
    pass
shutdown.add_step("step", lambda: None)
assert shutdown.drain_threads() == 0
print("asyncio" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
