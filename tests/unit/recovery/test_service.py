"""SPEC H3, W5: on a schedule, as a service, in threads and on event loops; stopped at once."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.recovery.workbench import Workbench
from yaoki import ConfigurationError, deadline
from yaoki.core.recovery import (
    CORRUPTED,
    Anomaly,
    Attempt,
    Daily,
    Detector,
    Every,
    RecoveryLoop,
    Repair,
    RepairLadder,
    Result,
)
from yaoki.testing import Recorded, VirtualClock

HOUR = 3600.0


def wall(*when: int, zone: str = "UTC") -> float:
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc,arg-type]  # year, month, day, hour, minute


# --- schedules ------------------------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time
def test_every_is_from_start_to_start(virtual_clock: VirtualClock) -> None:
    """SPEC H3: an interval, jitter either way; one that took too long is not made up for."""
    every = Every(100.0, jitter=0.1)

    assert every.first(5.0) == 5.0
    virtual_clock.fix_random(0.0, 0.5)
    assert every.after(1000.0, 1003.0) == 1090.0
    assert every.after(1000.0, 1003.0) == 1100.0
    assert every.after(1000.0, 5000.0) == 5000.0


@pytest.mark.virtual_time
def test_daily_is_a_time_of_day() -> None:
    """SPEC W5: recovers at 02:00."""
    daily = Daily("02:00", zone=UTC)

    assert daily.first(wall(2026, 1, 5, 1, 59)) == wall(2026, 1, 5, 2, 0)
    assert daily.first(wall(2026, 1, 5, 2, 0)) == wall(2026, 1, 6, 2, 0)
    assert daily.after(wall(2026, 1, 5, 2, 0), wall(2026, 1, 5, 2, 7)) == wall(2026, 1, 6, 2, 0)


@pytest.mark.virtual_time
def test_daily_goes_with_the_clocks_of_the_place() -> None:
    """SPEC W5: 02:00 does not exist on one day of the year, and exists twice on another: one run on each."""
    daily = Daily("02:30", zone=ZoneInfo("Europe/Berlin"))
    moment = wall(2026, 3, 28, 0, 0, zone="Europe/Berlin")
    runs = []
    for _ in range(4):
        moment = daily.after(moment, moment)
        runs.append(datetime.fromtimestamp(moment, ZoneInfo("Europe/Berlin")).day)

    assert runs == [28, 29, 30, 31]
    autumn = wall(2026, 10, 25, 0, 0, zone="Europe/Berlin")
    first = daily.after(autumn, autumn)
    assert daily.after(first, first) - first >= 24 * HOUR


@pytest.mark.virtual_time
def test_daily_may_be_late_by_chance(virtual_clock: VirtualClock) -> None:
    """SPEC H3: jitter, so that a fleet does not recover in step."""
    virtual_clock.fix_random(0.5)
    daily = Daily("02:00", jitter=600.0, zone=UTC)

    first = daily.first(wall(2026, 1, 5, 0, 0))

    assert first == wall(2026, 1, 5, 2, 5)
    assert daily.after(first, first) == wall(2026, 1, 6, 2, 5)


@pytest.mark.parametrize("time", ["2", "24:00", "02:60", "2:5", "noon", "-1:00"])
def test_what_is_no_time_of_day_is_refused(time: str) -> None:
    """A wrong value is refused with the parameter's name."""
    with pytest.raises(ConfigurationError, match="time"):
        Daily(time)


# --- in threads -----------------------------------------------------------------------------------------------------------------


@pytest.mark.virtual_time(grace=0.2, wall_start=wall(2026, 1, 5, 0, 30))
def test_a_service_looks_every_hour_and_recovers_at_two(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC W5: watch checks every hour, recovers at 02:00."""
    bench = Workbench("mend", mends="mend")
    bench.break_("a")
    loop = bench.loop()
    story: list[tuple[str, float]] = []

    def look() -> list[Anomaly]:
        if virtual_clock.time > 2.6 * HOUR:
            loop.stop()
        return []

    loop = bench.loop(Detector("clock", look))
    bench.actions["mend"] = lambda attempt: bench.broken.clear()

    from yaoki.core import events

    end = events.subscribe(
        lambda event: (
            story.append(("check" if event.dry_run else event.strategy, virtual_clock.time / HOUR))
            if isinstance(event, events.RecoveryStarted)
            else None
        )
    )
    loop.run_threads(Daily("02:00", zone=UTC), check=Every(HOUR, jitter=0.0))
    end()

    assert story == [("check", 0.0), ("check", 1.0), ("conservative", 1.5), ("check", 2.0), ("check", 3.0)]
    assert loop.last_report is not None
    assert loop.last_report.count(Result.REPAIRED) == 1
    assert loop.last_check is not None


@pytest.mark.virtual_time(grace=0.2)
def test_a_wall_clock_that_is_set_back_does_not_stop_a_service(virtual_clock: VirtualClock) -> None:
    """SPEC H3: a year back is no year of waiting."""
    bench = Workbench()
    times: list[float] = []

    def look() -> list[Anomaly]:
        times.append(virtual_clock.time)
        if len(times) == 1:
            virtual_clock.jump_wall(-365 * 86400.0)
        else:
            loop.stop()
        return []

    loop = bench.loop(Detector("clock", look))
    loop.run_threads(Every(600.0, jitter=0.0))

    assert times[1] <= 600.0


def test_a_service_in_a_thread_stops_at_once() -> None:
    """SPEC H3: stops at once when asked, in a wait and in a step."""
    bench = Workbench("mend")
    gate, reached = threading.Event(), threading.Event()

    def hang() -> list[Anomaly]:
        reached.set()
        gate.wait(30.0)
        return []

    loop = bench.loop(Detector("slow", hang))
    loop.start_threads(Every(HOUR))
    with pytest.raises(RuntimeError, match="runs already"):
        loop.start_threads(Every(HOUR))
    assert reached.wait(10.0)

    loop.stop()

    service = next((each for each in threading.enumerate() if each.name == "yaoki-recovery-bench"), None)
    if service is not None:
        service.join(5.0)
        assert not service.is_alive()
    gate.set()
    assert loop.last_report is not None
    assert loop.last_report.stopped


@pytest.mark.virtual_time(grace=0.2, wall_start=wall(2026, 1, 5, 0, 30))
def test_a_service_continues_what_was_left_over_before_its_first_time(tmp_path: object) -> None:
    """SPEC H3: continued at the next start, although the schedule says 02:00."""
    bench = Workbench("mend")
    bench.break_("a")
    bench.break_("b")
    journal = f"{tmp_path}/recovery.db"
    first = bench.loop(journal=journal)

    gate = threading.Event()

    def interrupt(attempt: Attempt) -> bool:
        first.stop()
        gate.wait(20.0)
        return False

    bench.actions["mend"] = interrupt
    first.run_once_threads()
    gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("yaoki-recovery"):
            thread.join(10.0)

    second = bench.loop(journal=journal)

    def mend(attempt: Attempt) -> bool:
        del bench.broken[attempt.subject]
        second.stop()
        return True

    bench.actions["mend"] = mend
    second.run_threads(Daily("02:00", zone=UTC))

    assert len(bench.broken) == 1
    assert second.last_report is not None
    assert second.last_report.continued == 1


@pytest.mark.virtual_time(grace=0.2)
def test_a_service_that_is_refused_tries_again(tmp_path: object, virtual_clock: VirtualClock) -> None:
    """SPEC H3: while another one recovers it says so, and its turn comes."""
    from yaoki.core.recovery.journal import Journal

    other = Journal(f"{tmp_path}/recovery.db")
    with other.held([]):
        pass
    bench = Workbench()
    errors: list[list[str]] = []

    def look() -> list[Anomaly]:
        loop.stop()
        return []

    loop = bench.loop(Detector("clock", look), journal=f"{tmp_path}/recovery.db")

    class Soon(Every):
        def after(self, due: float, now: float) -> float:
            assert loop.last_report is not None
            errors.append(loop.last_report.errors)
            other.let_go()
            return super().after(due, now)

    loop.run_threads(Soon(10.0))

    assert "RecoveryBusyError" in errors[0][0]
    assert loop.last_report is not None
    assert loop.last_report.errors == []


# --- on an event loop -----------------------------------------------------------------------------------------------------------


class Asynchronous:
    """A system of coroutine functions that must all run on one event loop."""

    def __init__(self) -> None:
        self.broken = {"a"}
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.budget = 0.0

    async def find(self) -> list[Anomaly]:
        self.loops.add(asyncio.get_running_loop())
        return [Anomaly(CORRUPTED, subject) for subject in self.broken]

    async def mend(self, attempt: Attempt) -> None:
        self.loops.add(asyncio.get_running_loop())
        self.budget = deadline.remaining()
        self.broken.discard(attempt.subject)

    async def verify(self, anomaly: Anomaly) -> bool:
        self.loops.add(asyncio.get_running_loop())
        return anomaly.subject not in self.broken

    def loop(self) -> RecoveryLoop:
        ladder = RepairLadder(CORRUPTED, Repair("mend", self.mend, timeout=50.0), verify=self.verify)
        return RecoveryLoop("async", [Detector("find", self.find)], [ladder])


@pytest.mark.asyncio
async def test_coroutine_functions_run_on_the_loop_that_asks() -> None:
    """SPEC H3: usable from asyncio: clients that belong to the loop may be used."""
    system = Asynchronous()

    report = await system.loop().run_once()

    assert report.count(Result.REPAIRED) == 1
    assert system.loops == {asyncio.get_running_loop()}
    assert 0.0 < system.budget <= 50.0


def test_coroutine_functions_run_without_a_loop_too() -> None:
    """SPEC H3: the same system in a threaded program."""
    assert Asynchronous().loop().run_once_threads().count(Result.REPAIRED) == 1


@pytest.mark.virtual_time(grace=0.2, patience=0.3)
async def test_a_coroutine_that_hangs_is_cancelled() -> None:
    """SPEC H3: a deadline for each step."""
    system = Asynchronous()
    cancelled: list[bool] = []

    async def hang(attempt: Attempt) -> None:
        try:
            await asyncio.sleep(1000.0)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    ladder = RepairLadder(CORRUPTED, Repair("mend", hang, timeout=5.0), verify=system.verify)
    loop = RecoveryLoop("async", [Detector("find", system.find)], [ladder])

    report = await loop.run_once()
    await asyncio.sleep(0.1)

    assert report.count(Result.ISOLATED) == 1
    assert "5 s" in report.errors[0]
    assert cancelled == [True]


@pytest.mark.virtual_time(grace=0.2, patience=0.3)
async def test_a_service_on_an_event_loop(virtual_clock: VirtualClock) -> None:
    """SPEC H3: as a service on asyncio, until stop."""
    system = Asynchronous()
    loop = system.loop()
    task = loop.start(Every(10.0, jitter=0.0))
    await asyncio.sleep(15.0)
    runs = len(loop.runs())
    with pytest.raises(RuntimeError, match="runs already"):
        await loop.run(Every(1.0))

    loop.stop()
    await task

    assert runs == 2
    assert virtual_clock.time == 15.0
    assert system.broken == set()


@pytest.mark.asyncio
async def test_a_cancelled_recovery_is_continued() -> None:
    """SPEC H3: cancellation leaves the step, and the next recovery goes on with it."""
    system = Asynchronous()
    reached = asyncio.Event()
    hanging = True

    async def mend(attempt: Attempt) -> None:
        reached.set()
        if hanging:
            await asyncio.Event().wait()
        system.broken.clear()

    ladder = RepairLadder(CORRUPTED, Repair("mend", mend), verify=system.verify)
    loop = RecoveryLoop("async", [Detector("find", system.find)], [ladder])
    task = asyncio.create_task(loop.run_once())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hanging = False
    report = None
    for _ in range(200):
        if not any(each.name.startswith("yaoki-recovery") for each in threading.enumerate()):
            report = await loop.run_once()
            break
        await asyncio.to_thread(threading.Event().wait, 0.02)

    assert report is not None
    assert report.continued == 1
    assert report.count(Result.REPAIRED) == 1
