"""SPEC T2: threads and event loops share one bulkhead, for real."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from yaoki.core.faults.errors import BulkheadFullError, DeadlineExceededError, OverloadedError
from yaoki.core.pipeline.pipeline import Pipeline
from yaoki.core.policies.adaptive_limit import AdaptiveLimit
from yaoki.core.policies.bulkhead import Bulkhead
from yaoki.core.policies.latency import LatencyHistogram
from yaoki.core.policies.shed import LoadShedder
from yaoki.core.policies.timeout import Timeout


@pytest.fixture
def _hurried() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Inside:
    """Counts who is inside, and how many there ever were at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.ever = 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.ever += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.now -= 1


def run_all(workers: list[threading.Thread]) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(15)
    assert not any(worker.is_alive() for worker in workers), "somebody waits for ever"


@pytest.mark.usefixtures("_hurried", "either_path")
@pytest.mark.parametrize("gil", [True, False], ids=["lock-free", "locked"])
def test_t2_threads_and_loops_take_turns(gil: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC T2: of 3 threads and 2 event loops at most 3 calls run at once, all come through, and all places are free."""
    monkeypatch.setattr("yaoki.core.policies.bulkhead.GIL", gil)
    bulkhead = Bulkhead(3, max_queue=1000)
    pipeline = Pipeline(bulkhead)
    inside = Inside()

    @pipeline
    def in_thread(number: int) -> None:
        with inside:
            if number % 7 == 0:
                raise ValueError(number)

    @pipeline
    async def in_task(number: int) -> None:
        with inside:
            await asyncio.sleep(0)
            if number % 7 == 0:
                raise ValueError(number)

    def thread() -> None:
        for number in range(300):
            try:
                in_thread(number)
            except ValueError:
                continue

    async def tasks() -> None:
        for _ in range(6):
            await asyncio.gather(*(in_task(number) for number in range(50)), return_exceptions=True)

    run_all(
        [threading.Thread(target=thread) for _ in range(3)]
        + [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    )

    assert inside.ever == 3 * 300 + 2 * 300
    assert inside.most == 3
    assert (len(bulkhead.free), len(bulkhead.waiters)) == (3, 0)


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("gil", [True, False], ids=["lock-free", "locked"])
def test_t2_counters_lose_nothing(gil: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC T2, T4, O1: threads that come and go leave nobody counted as running, and every call counted once."""
    for module in ("running", "latency"):
        monkeypatch.setattr(f"yaoki.core.policies.{module}.GIL", gil)
    histogram, limit, shedder = LatencyHistogram(), AdaptiveLimit(initial=2), LoadShedder(3)
    pipeline = Pipeline(histogram, shedder, limit)
    inside = Inside()
    refused = []

    def brief() -> None:
        with inside:
            pass

    def thread() -> None:
        for _ in range(500):
            try:
                pipeline.call(brief)
            except OverloadedError:
                refused.append(None)

    run_all([threading.Thread(target=thread) for _ in range(4)])

    assert (limit.running.count, shedder.running.count) == (0, 0)
    assert inside.ever + len(refused) == 4 * 500
    assert sum(histogram.counts) == inside.ever


@pytest.mark.usefixtures("_hurried")
def test_t2_nothing_is_lost_when_waits_end_in_every_way() -> None:
    """SPEC T2: with waits that time out, deadlines that pass and tasks that are cancelled, places and line are whole."""
    bulkhead = Bulkhead(2, max_queue=20, max_wait=0.003)
    patient = Pipeline(bulkhead)
    hurried = Pipeline(Timeout(0.002), bulkhead)
    inside = Inside()

    def brief() -> None:
        with inside:
            pass

    async def work() -> None:
        with inside:
            await asyncio.sleep(0.0005)

    def thread() -> None:
        for _ in range(150):
            try:
                patient.call(brief)
            except BulkheadFullError:
                continue

    async def tasks() -> None:
        for round_ in range(15):
            pipelines = [patient, hurried] * 8
            running = [asyncio.create_task(pipeline.acall(work)) for pipeline in pipelines]
            await asyncio.sleep(0.001)
            for task in running[round_ % 3 :: 3]:
                task.cancel()
            for outcome in await asyncio.gather(*running, return_exceptions=True):
                assert outcome is None or isinstance(
                    outcome, (BulkheadFullError, DeadlineExceededError, asyncio.CancelledError)
                )

    run_all([threading.Thread(target=thread)] + [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)])

    assert (inside.now, inside.most) == (0, 2)
    assert (len(bulkhead.free), len(bulkhead.waiters)) == (2, 0)


def test_t2_a_loop_that_is_gone_holds_up_nobody() -> None:
    """SPEC T2: a place that falls to a task whose loop was closed goes on to the next in line once that task is collected."""
    bulkhead = Bulkhead(1, max_queue=2)
    pipeline = Pipeline(bulkhead)
    loop = asyncio.new_event_loop()

    async def wait() -> None:
        await pipeline.acall(asyncio.sleep, 0)

    def in_between() -> None:
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        assert len(bulkhead.waiters) == 1
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is destroyed, that is the point
        loop.close()

    pipeline.call(in_between)
    gc.collect()

    assert (len(bulkhead.free), len(bulkhead.waiters)) == (1, 0)
    assert pipeline.call(lambda: "through") == "through"
