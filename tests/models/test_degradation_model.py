"""SPEC K2: the reported mode against its definition, worked out anew from the whole history of answers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from yaoki import Ladder, Mode, ReportedMode, events
from yaoki.testing import VirtualClock, record_events

LADDER = Ladder(Mode("good"), Mode("fair", {"a"}), Mode("poor", {"b"}), Mode("none", {"a", "b"}))
SECONDS = [0.0, 1.0, 4.0, 5.0, 12.0, 40.0]


def is_reported(history: list[tuple[float, bool]], worsen_after: float, recover_after: float) -> bool:
    """The definition, run by run of bad and good answers, for one mode and those below it: moments, and whether bad."""
    runs = [(bad, [moment for moment, _ in run]) for bad, run in itertools.groupby(history, key=lambda each: each[1])]
    reported, first_bad = False, None
    for number, (bad, moments) in enumerate(runs):
        if bad:
            first_bad = moments[0] if first_bad is None else first_bad
            reported = reported or moments[-1] - first_bad >= worsen_after
        elif reported:
            if moments[-1] - moments[0] >= recover_after:
                reported, first_bad = False, None
        else:
            # Not reported yet: the good answers count as long as no bad one comes.
            end = runs[number + 1][1][0] if number + 1 < len(runs) else moments[-1]
            first_bad = None if end - moments[0] >= worsen_after else first_bad
    return reported


class DegradationModel(RuleBasedStateMachine):
    """`history`: the moment and the level of every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.clock.__enter__()
        self.recording = record_events()
        self.events = self.recording.__enter__()
        self.history: list[tuple[float, int]] = []
        self.stays: list[tuple[float, str]] = [(0.0, "good")]

    def teardown(self) -> None:
        self.recording.__exit__(None, None, None)
        self.clock.__exit__(None, None, None)

    @initialize(worsen_after=st.sampled_from([0.0, 5.0]), recover_after=st.sampled_from([0.0, 5.0, 30.0]))
    def build(self, worsen_after: float, recover_after: float) -> None:
        self.worsen_after, self.recover_after = worsen_after, recover_after
        self.reported = ReportedMode(LADDER, worsen_after=worsen_after, recover_after=recover_after)

    @rule(level=st.integers(0, 3), seconds=st.sampled_from(SECONDS))
    def answers(self, level: int, seconds: float) -> None:
        self.clock.advance(seconds)
        self.history.append((self.clock.time, level))
        mode = self.reported.observe(LADDER.modes[level])

        assert mode is self.reported.current
        if mode.name != self.stays[-1][1]:
            self.stays.append((self.clock.time, mode.name))

    @rule(seconds=st.sampled_from(SECONDS))
    def nobody_asks(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def expected(self) -> str:
        worst = 0
        for level in (1, 2, 3):
            history = [(moment, seen >= level) for moment, seen in self.history]
            if is_reported(history, self.worsen_after, self.recover_after):
                worst = level
        return LADDER.modes[worst].name

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "reported"):
            return
        assert self.reported.current.name == self.expected()
        told = [(event.previous, event.mode) for event in self.events.of(events.ModeChanged)]
        names = [name for _, name in self.stays]
        assert told == list(itertools.pairwise(names))

    @invariant()
    def every_second_is_in_one_mode(self) -> None:
        if not hasattr(self, "reported"):
            return
        ends = [moment for moment, _ in self.stays[1:]] + [self.clock.time]
        spent = dict.fromkeys((mode.name for mode in LADDER), 0.0)
        for (start, name), end in zip(self.stays, ends, strict=True):
            spent[name] += end - start
        assert self.reported.time_in() == spent


DegradationModel.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestDegradationModel = pytest.mark.timeout(60)(DegradationModel.TestCase)
