"""SPEC X2: a dependency that behaves as written."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from yaoki.core.clock import clock
from yaoki.testing import Script, UnscriptedCall, VirtualClock, run, takes


def test_x2_plays_its_outcomes_in_order() -> None:
    """SPEC X2: values are returned; exceptions are raised, as the very object or as a new one of the type."""
    error = ConnectionError("down")
    script = Script("first", error, TimeoutError, None)

    assert script.sync() == "first"
    with pytest.raises(ConnectionError) as raised:
        script.sync()
    assert raised.value is error
    with pytest.raises(TimeoutError):
        script.sync()
    assert script.sync() is None


def test_x2_plays_the_same_in_both_worlds() -> None:
    """SPEC X2: `asynchronous` is the same script as a coroutine function, `sync` and the script itself ordinary ones."""
    script = Script(1, 2, ConnectionError, 4)

    async def main() -> int:
        with pytest.raises(ConnectionError):
            await script.asynchronous()
        value: int = await script.asynchronous()
        return value

    assert (script(), script.sync()) == (1, 2)
    assert run(main()) == 4
    assert inspect.iscoroutinefunction(script.asynchronous)
    assert not inspect.iscoroutinefunction(script.sync)


def test_x2_remembers_its_calls() -> None:
    """SPEC X2: count, arguments and time of every call, also of failing ones."""
    script = Script("a", ConnectionError)

    with VirtualClock(start=3.0) as virtual:
        script.sync(1, key="k")
        virtual.advance(2.0)
        with pytest.raises(ConnectionError):
            script.sync()

    assert script.count == 2
    assert [(call.args, call.kwargs, call.at) for call in script.calls] == [((1,), {"key": "k"}, 3.0), ((), {}, 5.0)]
    assert repr(script.calls[0]) == "call(1, key='k') at 3 s"


def test_x2_then_is_played_for_ever() -> None:
    """SPEC X2: after the listed outcomes comes `then`, as often as asked."""
    script = Script(ConnectionError, then="up")

    with pytest.raises(ConnectionError):
        script.sync()

    assert [script.sync() for _ in range(3)] == ["up"] * 3


def test_x2_complains_when_called_too_often() -> None:
    """SPEC X2: the complaint says how many outcomes there are, which call this is, and with what arguments."""
    script = Script("only")
    script.sync()

    with pytest.raises(UnscriptedCall, match=r"has 1 outcome, and this is call number 2: call\('again'\)"):
        script.sync("again")


def test_x2_the_complaint_passes_every_except_exception() -> None:
    """SPEC X2: no retry and no fallback under test can swallow it."""
    assert not issubclass(UnscriptedCall, Exception)


def test_x2_asserts_that_it_was_played_to_the_end() -> None:
    """SPEC X2: outcomes that nobody asked for are named."""
    script = Script("a", "b", takes(1.0, TimeoutError()))
    script.sync()

    with pytest.raises(AssertionError, match=r"all 3 outcomes .* but 2 remain: 'b', takes\(1.0, TimeoutError\(\)\)"):
        script.assert_finished()

    script.sync()
    with VirtualClock(), pytest.raises(TimeoutError):
        script.sync()
    script.assert_finished()


def test_x2_a_call_may_take_time() -> None:
    """SPEC X2: time passes before the outcome; it is the dependency's time, so it is not among the caller's sleeps."""
    script = Script(takes(2.0, "slow"), takes(3.0, ConnectionError))

    with VirtualClock() as virtual:
        assert script.sync() == "slow"
        with pytest.raises(ConnectionError):
            run(script.asynchronous())

    assert (virtual.time, virtual.sleeps) == (5.0, [])


def test_x2_other_tasks_run_while_a_call_takes_time() -> None:
    """SPEC X2: an asynchronous script waits, it does not block, and can be cancelled."""
    script = Script(takes(10.0, "late"))

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await script.asynchronous()
        return clock.now()

    assert run(main()) == 1.0


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_x2_a_call_takes_no_negative_time(seconds: float) -> None:
    """SPEC X2: refused where it is written."""
    with pytest.raises(ValueError, match="0 seconds or more"):
        takes(seconds)


def test_x2_threads_share_a_script() -> None:
    """SPEC X2: every outcome is played once, whichever thread gets it."""
    script = Script(*range(400))
    played: list[int] = []
    threads = [threading.Thread(target=lambda: played.extend(script.sync() for _ in range(100))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(played) == list(range(400))
