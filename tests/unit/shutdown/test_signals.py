"""SPEC H4: who has the signals of the process, and what they do."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from yaoki import Shutdown
from yaoki.testing import VirtualClock

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Whatever a test does, the handlers of the test run come back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def owner(restored: None) -> Iterator[Shutdown]:
    """A Shutdown that has the signals, without a watchdog."""
    shutdown = Shutdown()
    assert shutdown.install_signals(watchdog=False)
    yield shutdown
    shutdown.remove_signals()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_requests_the_shutdown(owner: Shutdown, number: signal.Signals) -> None:
    """SPEC H4: SIGTERM and SIGINT alike, and the reason is its name."""
    signal.raise_signal(number)

    assert (owner.requested, owner.reason, owner.forced) == (True, number.name, False)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_forces(owner: Shutdown, number: signal.Signals, code: int) -> None:
    """SPEC H4: the exit code is that of the second."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(number)

    assert owner.forced
    assert owner.drain_threads() == code


def test_after_the_second_signal_the_former_handlers_are_back(owner: Shutdown) -> None:
    """SPEC H4: a third one is Python's own."""
    # A job that a shell starts in the background inherits SIGINT as ignored.
    owner.remove_signals()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    owner.install_signals(watchdog=False)

    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_former_handlers_come_back() -> None:
    """SPEC H4: a program that goes on has the handlers that it had."""
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    shutdown = Shutdown()
    shutdown.install_signals(watchdog=False)
    shutdown.remove_signals()
    shutdown.remove_signals()

    signal.raise_signal(signal.SIGTERM)

    assert heard == [signal.SIGTERM]
    assert not shutdown.requested


def test_outside_of_the_main_thread_no_handler_is_installed() -> None:
    """SPEC H4: a request works there all the same."""
    shutdown = Shutdown()
    before = signal.getsignal(signal.SIGTERM)
    installed: list[bool] = []
    thread = threading.Thread(target=lambda: installed.append(shutdown.install_signals()))
    thread.start()
    thread.join()

    assert installed == [False]
    assert signal.getsignal(signal.SIGTERM) is before
    shutdown.request("button")
    assert shutdown.drain_threads() == 0


def test_a_second_owner_is_refused(owner: Shutdown) -> None:
    """SPEC H4: the signals of a process end one thing; the message says to share it."""
    assert owner.install_signals()
    with pytest.raises(RuntimeError, match="the signals of this process belong to another Shutdown: share that one"):
        Shutdown().install_signals()


def test_after_the_end_another_one_may_have_the_signals(owner: Shutdown) -> None:
    """SPEC H4: a program may serve again; what was there first comes back in the end."""
    before = signal.getsignal(signal.SIGTERM)
    owner.drain_threads()
    other = Shutdown()

    assert other.install_signals(watchdog=False)
    signal.raise_signal(signal.SIGTERM)
    assert (other.requested, owner.reason) == (True, "drain")
    other.remove_signals()
    assert signal.getsignal(signal.SIGTERM) is not before


async def serve(shutdown: Shutdown) -> tuple[str, int]:
    asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGTERM)
    return await shutdown.wait(), await shutdown.drain()


@pytest.mark.virtual_time
async def test_a_signal_wakes_an_event_loop(owner: Shutdown, virtual_clock: VirtualClock) -> None:
    """SPEC H4: the coroutine that waits goes on."""
    assert await serve(owner) == ("SIGTERM", 0)


def test_a_signal_from_outside_wakes_an_idle_event_loop(owner: Shutdown) -> None:
    """SPEC H4: with a real loop that sleeps in the system, and a signal from another thread."""

    async def main() -> str:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return await owner.wait()

    assert asyncio.run(main()) == "SIGTERM"


def test_a_signal_wakes_a_blocked_main_thread(owner: Shutdown) -> None:
    """SPEC H4: the same without an event loop."""
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    assert owner.wait_threads() == "SIGINT"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_the_former_handlers_and_a_fresh_shutdown(owner: Shutdown) -> None:
    """SPEC H4: a worker process that inherits our handlers could not be ended by its parent."""
    worked = owner.work("request")
    with worked:
        owner.request("deploy")
        child = os.fork()
        if child == 0:
            fresh = (owner.requested, owner.left(), owner.exit_code) == (False, [], None)
            handler = signal.getsignal(signal.SIGTERM)
            os._exit(0 if fresh and handler is signal.SIG_DFL and owner.drain_threads() == 0 else 1)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert owner.reason == "deploy"
        assert len(owner.left()) == 1
