"""SPEC K2: the mode that a service reports follows its answers with hysteresis, and its time is measured."""

from __future__ import annotations

import json
import threading

import pytest

from yaoki import ConfigurationError, Ladder, Mode, ReportedMode, events
from yaoki.core.degradation import chat_ladder
from yaoki.testing import Recorded, VirtualClock

LADDER = chat_ladder()
NORMAL, NO_CONTEXT, CACHE_ONLY, STATIC = LADDER


def reported() -> ReportedMode:
    return ReportedMode(LADDER, worsen_after=5.0, recover_after=30.0, name="chat")


def test_it_starts_in_the_best_mode(virtual_clock: VirtualClock) -> None:
    """SPEC K2: nothing has failed yet."""
    assert reported().current is NORMAL


def test_one_bad_answer_changes_nothing(virtual_clock: VirtualClock) -> None:
    """SPEC K2: a blip is no mode of the service."""
    mode = reported()

    mode.observe(STATIC)
    virtual_clock.advance(1.0)
    mode.observe(NORMAL)
    virtual_clock.advance(100.0)

    assert mode.observe(NORMAL) is NORMAL
    assert mode.observe(STATIC) is NORMAL


def test_bad_answers_that_keep_coming_are_reported(virtual_clock: VirtualClock) -> None:
    """SPEC K2: after `worsen_after` seconds, not before."""
    mode = reported()

    mode.observe(NO_CONTEXT)
    virtual_clock.advance(4.9)
    assert mode.observe(NO_CONTEXT) is NORMAL
    virtual_clock.advance(0.1)

    assert mode.observe(NO_CONTEXT) is NO_CONTEXT


def test_a_brown_out_is_reported_although_some_answers_are_good(virtual_clock: VirtualClock) -> None:
    """SPEC K2: every third answer is bad, and the service says so."""
    mode = reported()

    for _ in range(6):
        mode.observe(NO_CONTEXT)
        for _ in range(2):
            virtual_clock.advance(0.5)
            mode.observe(NORMAL)

    assert mode.current is NO_CONTEXT


def test_the_mode_is_left_when_only_good_answers_come(virtual_clock: VirtualClock) -> None:
    """SPEC K2: for `recover_after` seconds, counted from the first good one."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=30.0)
    mode.observe(STATIC)
    virtual_clock.advance(100.0)

    mode.observe(NORMAL)
    virtual_clock.advance(29.9)
    assert mode.observe(NORMAL) is STATIC
    virtual_clock.advance(0.1)

    assert mode.observe(NORMAL) is NORMAL


def test_flapping_answers_do_not_flap_the_report(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC K2: an hour of good and bad minutes is one change."""
    mode = reported()

    for second in range(3600):
        mode.observe(NO_CONTEXT if second // 20 % 2 else NORMAL)
        virtual_clock.advance(1.0)

    assert [(event.previous, event.mode) for event in yaoki_events.of(events.ModeChanged)] == [
        ("normal", "degraded-no-context")
    ]


def test_a_better_bad_mode_is_reached_step_by_step(virtual_clock: VirtualClock) -> None:
    """SPEC K2: from static-only the service comes back to what its answers have been."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=30.0)
    mode.observe(STATIC)

    for _ in range(31):
        virtual_clock.advance(1.0)
        mode.observe(NO_CONTEXT)

    assert mode.current is NO_CONTEXT


def test_without_hysteresis_it_follows_at_once(virtual_clock: VirtualClock) -> None:
    """SPEC K2: 0 seconds are a valid choice."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=0.0)

    assert [mode.observe(each) for each in (STATIC, NORMAL, CACHE_ONLY, NO_CONTEXT, NORMAL)] == [
        STATIC,
        NORMAL,
        CACHE_ONLY,
        NO_CONTEXT,
        NORMAL,
    ]


def test_without_answers_nothing_changes(virtual_clock: VirtualClock) -> None:
    """SPEC K2: silence is no evidence of health."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=30.0)
    mode.observe(STATIC)
    virtual_clock.advance(10_000.0)

    assert mode.current is STATIC


def test_the_time_in_each_mode_is_measured(virtual_clock: VirtualClock) -> None:
    """SPEC K2: by the monotonic clock, whatever the wall clock does."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=0.0)

    virtual_clock.advance(10.0)
    mode.observe(CACHE_ONLY)
    virtual_clock.jump_wall(-3600.0)
    virtual_clock.advance(2.5)
    mode.observe(NORMAL)
    virtual_clock.advance(1.0)

    assert mode.time_in() == {"normal": 11.0, "degraded-no-context": 0.0, "degraded-cache-only": 2.5, "static-only": 0.0}


def test_listeners_hear_a_change(virtual_clock: VirtualClock, yaoki_events: Recorded) -> None:
    """SPEC K2: who, from which mode to which, and after how long."""
    mode = ReportedMode(LADDER, worsen_after=0.0, recover_after=30.0, name="chat")
    virtual_clock.advance(7.0)

    mode.observe(STATIC)
    mode.observe(STATIC)

    assert [event.to_dict() for event in yaoki_events] == [
        {"event": "ModeChanged", "service": "chat", "previous": "normal", "mode": "static-only", "after": 7.0}
    ]


def test_a_snapshot_is_json_ready(virtual_clock: VirtualClock) -> None:
    """SPEC K2, O4: mode, since when, seconds and answers in each mode."""
    mode = ReportedMode(LADDER, worsen_after=0.0, name="chat")
    virtual_clock.advance(4.0)
    mode.observe(STATIC)
    virtual_clock.advance(2.0)
    mode.observe(NO_CONTEXT)

    assert json.loads(json.dumps(mode.snapshot())) == {
        "service": "chat",
        "mode": "static-only",
        "since": virtual_clock.wall() - 2.0,
        "seconds_in": {"normal": 4.0, "degraded-no-context": 0.0, "degraded-cache-only": 0.0, "static-only": 2.0},
        "answers": {"normal": 0, "degraded-no-context": 1, "degraded-cache-only": 0, "static-only": 1},
    }


def test_answers_of_many_threads_are_all_counted(virtual_clock: VirtualClock) -> None:
    """SPEC K2: one object serves all threads."""
    mode = reported()

    def answer() -> None:
        for _ in range(500):
            mode.observe(NORMAL)
            mode.observe(STATIC)

    threads = [threading.Thread(target=answer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    answers = mode.snapshot()["answers"]
    assert answers == {"normal": 2000, "degraded-no-context": 0, "degraded-cache-only": 0, "static-only": 2000}


def test_a_mode_of_another_ladder_is_refused() -> None:
    """SPEC K2: it would be judged by its place on the wrong ladder."""
    with pytest.raises(ConfigurationError, match="mode must be one of Ladder"):
        reported().observe(chat_ladder()["normal"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"worsen_after": -1.0}, "worsen_after must be at least 0 seconds"),
        ({"recover_after": float("inf")}, "recover_after must be a finite number of seconds"),
        ({"name": 7}, "name must be a text"),
    ],
)
def test_a_wrong_value_is_refused(parameters: dict[str, float], message: str) -> None:
    """SPEC K2: the message names the parameter and its range."""
    with pytest.raises(ConfigurationError, match=message):
        ReportedMode(Ladder(Mode("a")), **parameters)  # type: ignore[arg-type]  # on purpose
