"""SPEC H2: checks in the background, on an event loop and by threads: periods, timeouts, one beside the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.unit.health.playing import on_loop, play, until_parked
from yaoki import CheckResult, ConfigurationError, HealthCheck, HealthChecks, deadline, events
from yaoki.core.clock import clock
from yaoki.testing import Recorded, VirtualClock, run

BOTH = pytest.mark.parametrize("way", ["loop", "threads"])


class Asked:
    """A check that notes when it was asked."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def __call__(self) -> None:
        self.moments.append(clock.now())


@BOTH
def test_a_check_runs_at_once_and_then_every_period(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: 10 seconds by default, with jitter around it."""
    virtual_clock.fix_random(0.5)
    asked = Asked()

    play(way, HealthChecks(HealthCheck("db", asked)), 35.0, virtual_clock)

    assert asked.moments == [0.0, 10.0, 20.0, 30.0]


@BOTH
@pytest.mark.parametrize(("chance", "second"), [(0.0, 9.0), (0.5, 10.0), (0.9999999, 11.0)])
def test_the_period_varies_by_the_jitter(way: str, chance: float, second: float, virtual_clock: VirtualClock) -> None:
    """SPEC H2: a tenth either way by default, so that many instances do not ask at once."""
    virtual_clock.fix_random(chance)
    asked = Asked()

    play(way, HealthChecks(HealthCheck("db", asked)), 12.0, virtual_clock)

    assert asked.moments == pytest.approx([0.0, second], abs=1e-5)


@BOTH
def test_each_check_has_its_own_period(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: per check."""
    virtual_clock.fix_random(0.5)
    often, seldom = Asked(), Asked()

    play(way, HealthChecks(HealthCheck("a", often, period=2.0), HealthCheck("b", seldom, period=60.0)), 5.0, virtual_clock)

    assert (often.moments, seldom.moments) == ([0.0, 2.0, 4.0], [0.0])


@BOTH
def test_a_hanging_function_is_cut_and_never_started_twice(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: it has failed at its timeout; while its thread hangs no second one is left behind."""
    virtual_clock.fix_random(0.5)
    begun: list[float] = []

    def hangs() -> None:
        begun.append(clock.now())
        clock.sleep(24.0)

    checks = HealthChecks(HealthCheck("db", hangs))

    play(way, checks, 15.0, virtual_clock)
    first = checks.results()["db"]
    assert begun == [0.0]
    assert (first.ok, first.detail) == (False, "TimeoutError: the run before has not ended yet")

    play(way, checks, 14.0, virtual_clock)
    assert begun == [0.0, 25.0]


@BOTH
def test_the_cut_comes_at_the_timeout(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: 1 second by default; the failure is classified as a timeout."""
    checks = HealthChecks(HealthCheck("db", lambda: clock.sleep(25.0)))

    play(way, checks, 5.0, virtual_clock)
    result = checks.results()["db"]

    assert (result.ok, result.detail, result.took) == (False, "TimeoutError: no answer within 1 s", 1.0)
    assert result.at == virtual_clock.wall() - 4.0
    assert result.fault is not None
    assert result.fault.category.value == "timeout"


@BOTH
def test_one_slow_check_delays_no_other(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: the others keep their times."""
    virtual_clock.fix_random(0.5)
    asked = Asked()
    slow = HealthCheck("slow", lambda: clock.sleep(4.9), timeout=5.0, period=5.0)

    play(way, HealthChecks(slow, HealthCheck("quick", asked, period=2.0)), 7.0, virtual_clock)

    assert asked.moments == [0.0, 2.0, 4.0, 6.0]


def test_a_hanging_coroutine_is_cancelled(virtual_clock: VirtualClock) -> None:
    """SPEC H2: on an event loop nothing is left behind."""
    virtual_clock.fix_random(0.5)
    story: list[tuple[float, str]] = []

    async def hangs() -> None:
        story.append((clock.now(), "begun"))
        try:
            await asyncio.sleep(1000.0)
        finally:
            story.append((clock.now(), "cancelled"))

    checks = HealthChecks(HealthCheck("db", hangs, timeout=2.0))

    play("loop", checks, 15.0, virtual_clock)

    assert story == [(0.0, "begun"), (2.0, "cancelled"), (10.0, "begun"), (12.0, "cancelled")]
    assert checks.results()["db"].detail == "TimeoutError: no answer within 2 s"


def test_a_coroutine_that_swallows_its_cancellation_is_not_started_twice(virtual_clock: VirtualClock) -> None:
    """SPEC H2: it is left behind, once."""
    virtual_clock.fix_random(0.5)
    begun: list[float] = []

    async def stubborn() -> None:
        begun.append(clock.now())
        until = clock.now() + 25.0
        while clock.now() < until:
            try:
                await asyncio.sleep(until - clock.now())
            except asyncio.CancelledError:
                continue

    checks = HealthChecks(HealthCheck("db", stubborn))

    play("loop", checks, 35.0, virtual_clock)

    assert begun == [0.0, 30.0]


def test_a_hanging_coroutine_is_cancelled_without_an_event_loop_too() -> None:
    """SPEC H2: in a program of threads a coroutine runs in a loop of its own, in real time."""
    ended = threading.Event()

    async def hangs() -> None:
        try:
            await asyncio.sleep(1000.0)
        finally:
            ended.set()

    checks = HealthChecks(HealthCheck("db", hangs, timeout=0.05))

    assert checks.run_once_threads()["db"].ok is False
    assert ended.wait(5.0)


@pytest.mark.parametrize("way", ["loop", "threads"])
def test_every_kind_of_callable_can_be_a_check(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: functions, coroutine functions, methods, objects, and functions that return a coroutine."""

    class Client:
        async def ping(self) -> bool:
            return True

        async def __call__(self) -> str:
            return "called"

    client = Client()
    checks = HealthChecks(
        HealthCheck("function", lambda: None),
        HealthCheck("method", client.ping),
        HealthCheck("object", client),
        HealthCheck("lambda", lambda: client.ping()),  # noqa: PLW0108  # the way it is often written
    )

    results = run(checks.run_once()) if way == "loop" else checks.run_once_threads()

    assert {name: (result.ok, result.detail) for name, result in results.items()} == {
        "function": (True, None),
        "method": (True, None),
        "object": (True, "called"),
        "lambda": (True, None),
    }


@pytest.mark.virtual_time
async def test_functions_do_not_block_the_event_loop() -> None:
    """SPEC H2: they run in threads; coroutine functions run on the loop itself."""
    places: dict[str, object] = {}

    def function() -> None:
        places["function"] = threading.current_thread()

    async def coroutine() -> None:
        places["coroutine"] = threading.current_thread()

    await HealthChecks(HealthCheck("f", function), HealthCheck("c", coroutine)).run_once()

    assert places["coroutine"] is threading.current_thread()
    assert places["function"] is not threading.current_thread()
    assert isinstance(places["function"], threading.Thread)
    assert places["function"].daemon


@pytest.mark.virtual_time
async def test_the_deadline_of_whoever_starts_the_checks_is_not_theirs() -> None:
    """SPEC H2, T1: a program that starts within a deadline checks its dependencies for ever."""
    seen: list[float] = []

    async def check() -> None:
        seen.append(deadline.remaining())

    with deadline.within(5.0):
        await HealthChecks(HealthCheck("db", check), HealthCheck("f", lambda: seen.append(deadline.remaining()))).run_once()

    assert seen == [float("inf"), float("inf")]


@BOTH
def test_a_startup_check_is_not_repeated_once_it_was_ok(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: a check of the group startup alone has done its work."""
    virtual_clock.fix_random(0.5)
    asked: list[float] = []

    def index() -> bool:
        asked.append(clock.now())
        return clock.now() >= 10.0

    play(way, HealthChecks(HealthCheck("index", index, groups=["startup"])), 45.0, virtual_clock)

    assert asked == [0.0, 10.0]


@pytest.mark.virtual_time
async def test_a_check_added_while_the_others_run_runs_too() -> None:
    """SPEC H2: from now on, and once."""
    checks = HealthChecks(HealthCheck("a", lambda: None))
    task = checks.start()
    await asyncio.sleep(3.0)
    asked = Asked()
    checks.add(HealthCheck("b", asked, period=60.0))
    await asyncio.sleep(3.0)
    checks.stop()
    await task

    assert asked.moments == [3.0]
    assert list(checks.results()) == ["a", "b"]


def test_a_check_added_while_threads_run_runs_too(virtual_clock: VirtualClock) -> None:
    """SPEC H2: the same by threads."""
    checks = HealthChecks(HealthCheck("a", lambda: None))
    checks.start_threads()
    until_parked(virtual_clock, 1)
    asked = Asked()
    checks.add(HealthCheck("b", asked, period=60.0))
    until_parked(virtual_clock, 2)
    checks.stop()

    assert asked.moments == [0.0]


@BOTH
def test_stopped_checks_keep_their_results_and_can_be_started_again(way: str, virtual_clock: VirtualClock) -> None:
    """SPEC H2: stop ends the runs, not the knowledge."""
    asked = Asked()
    checks = HealthChecks(HealthCheck("db", asked))
    play(way, checks, 1.0, virtual_clock)
    virtual_clock.advance(100.0)

    assert checks.results()["db"].ok is True
    assert len(asked.moments) == 1
    play(way, checks, 1.0, virtual_clock)
    assert len(asked.moments) == 2


@pytest.mark.virtual_time
async def test_checks_run_once_at_a_time() -> None:
    """SPEC H2: a second start is a mistake, in either world; stopping twice is none."""
    checks = HealthChecks(HealthCheck("db", lambda: None))
    task = checks.start()

    with pytest.raises(RuntimeError, match="these checks run already"):
        checks.start()
    with pytest.raises(RuntimeError, match="these checks run already"):
        checks.start_threads()
    with pytest.raises(RuntimeError, match="these checks run already"):
        await checks.run()
    checks.stop()
    checks.stop()
    await task


@pytest.mark.virtual_time
async def test_cancelling_the_task_ends_the_checks() -> None:
    """SPEC H2: `run` is an ordinary coroutine; what runs meanwhile is cancelled with it."""
    cancelled: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            cancelled.append("check")
            raise

    checks = HealthChecks(HealthCheck("db", slow))
    task = asyncio.create_task(checks.run())
    await asyncio.sleep(0.2)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.0)
    assert cancelled == ["check"]
    checks.start()
    checks.stop()


def test_checks_can_be_stopped_from_another_thread() -> None:
    """SPEC H2: with a real loop and a real thread."""
    checks = HealthChecks(HealthCheck("db", lambda: None))

    async def main() -> None:
        threading.Timer(0.05, checks.stop).start()
        await checks.run()

    asyncio.run(main())

    assert checks.results()["db"].ok is True


def test_checks_of_a_loop_that_is_gone_can_be_started_again() -> None:
    """SPEC H2: a loop closed with the task pending leaves nothing that runs."""
    checks = HealthChecks()
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Task[None]:
        return checks.start()

    task = loop.run_until_complete(begin())
    loop.call_soon(task.cancel)
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()

    checks.start_threads()
    checks.stop()


@BOTH
def test_a_change_of_verdict_is_told_once(way: str, virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC H2, O3: a failure, and the recovery; a check that was always ok tells nothing."""
    virtual_clock.fix_random(0.5)

    def down_for_a_while() -> bool:
        return not 10.0 <= clock.now() < 30.0

    play(way, HealthChecks(HealthCheck("db", down_for_a_while), HealthCheck("ok", lambda: None)), 45.0, virtual_clock)

    assert [(event.check, event.previous, event.ok, event.detail) for event in yaoki_events.of(events.CheckChanged)] == [
        ("db", True, False, "the check said no"),
        ("db", False, True, None),
    ]


def test_a_first_failure_is_told(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC H2, O3: before its first run a check counts as ok."""

    def refused() -> None:
        raise ConnectionRefusedError(111, "refused")

    HealthChecks(HealthCheck("db", refused)).run_once_threads()

    (event,) = yaoki_events.of(events.CheckChanged)
    assert (event.previous, event.ok) == (None, False)
    assert event.to_dict()["fault"]["error_type"] == "ConnectionRefusedError"  # type: ignore[index]  # a dictionary


def test_a_check_never_starts_a_thread_pool_of_the_loop() -> None:
    """SPEC H2: a hanging check does not keep `asyncio.run` from ending."""
    held = threading.Event()

    async def main() -> dict[str, CheckResult]:
        return await HealthChecks(HealthCheck("db", held.wait, timeout=0.05)).run_once()

    results = asyncio.run(main())

    # Were it in the pool, this line would not be reached.
    assert not held.is_set()
    held.set()
    assert results["db"].ok is False


def test_a_name_is_taken_once() -> None:
    """SPEC H2: results are by name."""
    checks = HealthChecks(HealthCheck("db", lambda: None))

    with pytest.raises(ConfigurationError, match="name must be one that no other check has, and 'db' is taken"):
        checks.add(HealthCheck("db", lambda: None))
    with pytest.raises(ConfigurationError, match="check must be a HealthCheck"):
        checks.add("db")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HealthCheck("", print), "name must be 1 to 100 printable characters without spaces"),
        (lambda: HealthCheck("a b", print), "name must be"),
        (lambda: HealthCheck("a\nb", print), "name must be"),
        (lambda: HealthCheck("x" * 101, print), "name must be"),
        (lambda: HealthCheck("shutdown", print), "name must be another one than ping, shutdown, started"),
        (lambda: HealthCheck("db", None), "check must be callable without arguments"),
        (lambda: HealthCheck("db", print, period=0.0), "period must be above 0 seconds"),
        (lambda: HealthCheck("db", print, timeout=-1.0), "timeout must be above 0 seconds"),
        (lambda: HealthCheck("db", print, jitter=1.5), "jitter must be from 0 and at most 1"),
        (lambda: HealthCheck("db", print, groups=()), "groups must be one or more of live, ready, startup"),
        (lambda: HealthCheck("db", print, groups=["redy"]), "groups must be one or more of live, ready, startup"),
        (lambda: HealthCheck("db", print, groups=["live", "ready"]), "a check in 'live' looks at the process alone"),
    ],
)
def test_a_wrong_value_is_refused(make: Callable[[], HealthCheck], message: str) -> None:
    """SPEC H2: the message names the parameter."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_a_check_shows_itself(virtual_clock: VirtualClock) -> None:
    """SPEC O4: for logs and consoles."""
    checks = HealthChecks(HealthCheck("db", lambda: False, groups="ready"))

    assert repr(checks) == "<HealthChecks: 1, failed: none>"
    assert repr(checks.results()["db"]) == "<CheckResult db: not checked yet>"
    checks.run_once_threads()
    assert repr(checks) == "<HealthChecks: 1, failed: db>"
    assert repr(checks.results()["db"]) == "<CheckResult db: failed, the check said no>"
    assert repr(HealthCheck("db", print)) == "<HealthCheck db: ready, every 10 s>"


@pytest.mark.virtual_time
async def test_checks_need_a_running_loop_to_be_started_on_one() -> None:
    """SPEC H2: `on_loop` is how the other tests play them, and it ends."""
    await on_loop(HealthChecks(), 1.0)

    def start_elsewhere() -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            HealthChecks().start()

    await asyncio.to_thread(start_elsewhere)
