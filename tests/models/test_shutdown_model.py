"""SPEC H4: the shutdown against its definition: the rule step by step, and whole ways down in virtual time."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from yaoki import Rejected, Shutdown
from yaoki.core.shutdown.phases import Phases
from yaoki.core.shutdown.work import Work
from yaoki.testing import run

NEVER = float("inf")


class PhasesModel(RuleBasedStateMachine):
    """`admitted`: what is in flight, with what it is a part of. `requested`, `forced`: when, and by what."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.requested: float | None = None
        self.forced: int | None = None
        self.signals = 0
        self.closed = self.late = False
        self.admitted: dict[Work, Work | None] = {}

    @initialize(drain=st.sampled_from([0.0, 30.0]), wait=st.sampled_from([0.0, 5.0]))
    def build(self, drain: float, wait: float) -> None:
        self.drain, self.wait = drain, wait
        self.phases = Phases(drain, wait)

    def refuses(self) -> bool:
        return self.forced is not None or (self.requested is not None and self.now >= self.requested + self.wait)

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_requests(self) -> None:
        self.phases.request("deploy", self.now)
        self.requested = self.now if self.requested is None else self.requested

    @rule(number=st.sampled_from([2, 15]))
    def a_signal_comes(self, number: int) -> None:
        self.phases.signal(number, "SIG", self.now)
        self.signals += 1
        self.requested = self.now if self.requested is None else self.requested
        if self.signals > 1 and self.forced is None:
            self.forced = 128 + number

    @rule(data=st.data())
    def work_comes(self, data: st.DataObject) -> None:
        inside = data.draw(st.sampled_from([None, *self.admitted]))
        work = Work(self.phases, "work", lambda: None)
        allowed = not self.refuses() or (inside is not None and not self.closed)

        assert self.phases.admit(work, inside, self.now) == allowed
        if allowed:
            self.admitted[work] = inside

    @precondition(lambda self: self.admitted)
    @rule(data=st.data())
    def work_ends(self, data: st.DataObject) -> None:
        work = data.draw(st.sampled_from(list(self.admitted)))
        self.phases.leave(work)
        del self.admitted[work]

    @precondition(lambda self: self.refuses() and not self.closed)
    @rule()
    def the_drain_is_over(self) -> None:
        late = bool(self.admitted)
        self.phases.close(late=late)
        self.closed, self.late = True, late

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "phases"):
            return
        over = self.requested is not None and self.now >= self.requested + self.wait + self.drain
        assert self.phases.refuses(self.now) == self.refuses()
        assert self.phases.gives_up(self.now) == (over or self.forced is not None)
        assert list(self.phases.in_flight) == list(self.admitted)
        assert (self.phases.reason is None) == (self.requested is None)

    def teardown(self) -> None:
        if hasattr(self, "phases"):
            expected = self.forced if self.forced is not None else 3 if self.late else 0
            assert self.phases.end() == expected


PhasesModel.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestPhasesModel = pytest.mark.timeout(60)(PhasesModel.TestCase)


# Whole ways down. Moments lie on grids of their own, so that no two things happen at once: requests and timeouts on whole
# seconds, work begins at a quarter and ends at a half, the second signal comes at three quarters, steps end on eighths.


@dataclass
class Plan:
    """What happens to a process. `work`: when each piece begins, and how long it takes. `steps`: how long each takes."""

    requested: int
    drain_timeout: int
    balancer_wait: int
    close_timeout: int
    second_signal: float
    work: list[tuple[float, float]]
    steps: list[float]
    steps_after: list[float]


@dataclass
class Story:
    """What came of it."""

    code: int = -1
    ended: float = -1.0
    admitted: set[int] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)
    steps: list[str] = field(default_factory=list)


# Nothing happens at the moment of the second signal: all other times are multiples of an eighth.
lengths = st.sampled_from([0.125, 2.125, 7.125, 60.125])
plans = st.builds(
    Plan,
    requested=st.integers(0, 5),
    drain_timeout=st.sampled_from([0, 3, 10]),
    balancer_wait=st.sampled_from([0, 4]),
    close_timeout=st.sampled_from([0, 5]),
    second_signal=st.one_of(st.just(NEVER), st.integers(0, 25).map(lambda second: second + 0.8125)),
    work=st.lists(
        st.tuples(st.integers(0, 12).map(lambda s: s + 0.25), st.integers(0, 12).map(lambda s: s + 0.25)), max_size=5
    ),
    steps=st.lists(lengths, max_size=3),
    steps_after=st.lists(lengths, max_size=3),
)


def foretell(plan: Plan) -> Story:
    """The definition of SPEC H4, read off the plan."""
    story = Story()
    # A signal before the request is the first one, and the request changes nothing then; the plan has the other order.
    force = plan.second_signal if plan.second_signal > plan.requested else NEVER
    refuse = min(plan.requested + plan.balancer_wait, force)
    limit = min(plan.requested + plan.balancer_wait + plan.drain_timeout, force)
    story.admitted = {number for number, (begin, _) in enumerate(plan.work) if begin < refuse}
    late = False
    now = refuse
    for number, length in enumerate(plan.steps):
        if now >= force:
            break
        done = now + length < limit
        story.steps += [f"before {number}"] if done else []
        late = late or not done
        now = now + length if done else max(now, limit)
    ends = {number: sum(plan.work[number]) for number in story.admitted}
    now = max([now, *(end for end in ends.values() if end < limit)])
    if any(end > limit for end in ends.values()):
        late, now = True, max(now, limit)
    story.finished = {number for number, end in ends.items() if end <= now}
    limit = min(now + plan.close_timeout, force)
    for number, length in reversed(list(enumerate(plan.steps_after))):
        if now >= force:
            break
        done = now + length < limit
        story.steps += [f"after {number}"] if done else []
        late = late or not done
        now = now + length if done else max(now, limit)
    story.ended = now
    story.code = 128 + signal.SIGINT if force <= now else 3 if late else 0
    return story


async def play(plan: Plan) -> Story:
    story = Story()
    loop = asyncio.get_running_loop()
    start = loop.time()
    shutdown = Shutdown(drain_timeout=plan.drain_timeout, balancer_wait=plan.balancer_wait, close_timeout=plan.close_timeout)

    async def work(number: int, begin: float, length: float) -> None:
        await asyncio.sleep(begin)
        try:
            async with shutdown.work(f"work {number}"):
                story.admitted.add(number)
                await asyncio.sleep(length)
                story.finished.add(number)
        except Rejected:
            return

    def step(name: str, length: float) -> None:
        async def do() -> None:
            await asyncio.sleep(length)
            story.steps.append(name)

        shutdown.add_step(name, do, after=name.startswith("after"))

    for number, length in enumerate(plan.steps):
        step(f"before {number}", length)
    for number, length in enumerate(plan.steps_after):
        step(f"after {number}", length)
    tasks = [asyncio.create_task(work(number, *each)) for number, each in enumerate(plan.work)]
    loop.call_later(plan.requested, shutdown.signal, signal.SIGTERM)
    if plan.requested < plan.second_signal < NEVER:
        loop.call_later(plan.second_signal, shutdown.signal, signal.SIGINT)
    await shutdown.wait()
    story.code = await shutdown.drain()
    story.ended = loop.time() - start
    assert story.code == shutdown.exit_code
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return story


@settings(max_examples=300, deadline=None)
@given(plan=plans)
@pytest.mark.timeout(60)
def test_the_way_down_is_as_defined(plan: Plan) -> None:
    """SPEC H4: who was admitted and finished, which steps were done, when it was over, and the exit code."""
    assert run(play(plan)) == foretell(plan)
