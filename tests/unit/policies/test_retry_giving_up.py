"""SPEC R5: what comes out when a Retry gives up: the exception itself, its own traceback, a note; or the wrapping error."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import traceback
from typing import Any

import pytest

from tests.conftest import World
from yaoki import (
    Bulkhead,
    CircuitBreaker,
    Fallback,
    Pipeline,
    Retry,
    RetryExhaustedError,
    Timeout,
    constant,
)
from yaoki.core.events import CallFailed, RetryGivenUp
from yaoki.testing import Script, record_events, run, takes

NOW = constant(0.0)


def given_up(world: World, guard: object, target: Script | Any, error: type[BaseException] = ConnectionError) -> Any:
    with pytest.raises(error) as raised:
        world.guard(guard, target)()
    return raised.value


# The exception


def test_r5_the_last_exception_itself_comes_out(world: World) -> None:
    """SPEC R5: the same object, nothing around it, nothing chained to it."""
    errors = [ConnectionError(str(number)) for number in range(3)]
    error = given_up(world, Retry(3, NOW), Script(*errors))

    assert error is errors[2]
    assert error.__cause__ is None
    assert error.__context__ is None


def test_r5_a_chained_exception_keeps_its_chain(world: World) -> None:
    """SPEC R5: what the function chained is still there, and nothing else."""
    origin = KeyError("origin")

    def fails() -> None:
        raise ConnectionError from origin

    error = given_up(world, Retry(3, NOW), fails)

    assert error.__cause__ is origin


STACKS: dict[str, Any] = {
    "retry": lambda: Retry(3, NOW),
    "pipeline": lambda: Pipeline(Retry(3, NOW), CircuitBreaker(failure_threshold=9)),
    "standard": lambda: Pipeline(
        Fallback(value=0, on=KeyError),
        Timeout(3.0),
        Retry(3, NOW),
        CircuitBreaker(failure_threshold=9),
        Bulkhead(5),
        Timeout(1.0),
    ),
    "one_attempt": lambda: Pipeline(Retry(1, NOW), CircuitBreaker(failure_threshold=9)),
}


def frames_between(error: BaseException, outer: str, inner: str) -> list[str]:
    """The names of the frames between the caller and the function, from the traceback."""
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    return names[names.index(outer) + 1 : names.index(inner)]


@pytest.mark.parametrize("stack", STACKS)
def test_r5_at_most_two_frames_are_added_to_a_plain_call(either_path: str, stack: str) -> None:
    """SPEC R5: the traceback stays readable, however many policies there are."""

    def fails() -> None:
        raise ConnectionError

    guarded = STACKS[stack]()(fails)
    with pytest.raises(ConnectionError) as raised:
        guarded()

    here = test_r5_at_most_two_frames_are_added_to_a_plain_call.__name__
    assert len(frames_between(raised.value, here, "fails")) <= 2


@pytest.mark.parametrize("stack", STACKS)
def test_r5_at_most_two_frames_are_added_to_a_coroutine(either_path: str, stack: str) -> None:
    """SPEC R5: the same for coroutine functions."""

    async def fails() -> None:
        raise ConnectionError

    guarded = STACKS[stack]()(fails)

    async def caller() -> None:
        await guarded()

    with pytest.raises(ConnectionError) as raised:
        run(caller())

    assert len(frames_between(raised.value, "caller", "fails")) <= 2


@pytest.mark.parametrize("stack", STACKS)
def test_r5_at_most_two_frames_are_added_to_an_explicit_call(either_path: str, stack: str) -> None:
    """SPEC R5: the same for `call`."""

    def fails() -> None:
        raise ConnectionError

    guard = STACKS[stack]()
    with pytest.raises(ConnectionError) as raised:
        guard.call(fails)

    here = test_r5_at_most_two_frames_are_added_to_an_explicit_call.__name__
    assert len(frames_between(raised.value, here, "fails")) <= 2


def test_r5_the_traceback_is_that_of_the_last_attempt_alone(world: World) -> None:
    """SPEC R5: earlier attempts leave no frames behind."""
    error = given_up(world, Retry(5, NOW), Script(then=ConnectionError))
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    assert names.count("_play") == 1


# The note


def test_r5_the_note_says_attempts_and_elapsed_time(world: World) -> None:
    """SPEC R5: a note saying attempts and elapsed time."""
    error = given_up(world, Retry(3, constant(2.0)), Script(then=takes(1.0, ConnectionError)))
    (note,) = error.__notes__

    assert re.fullmatch(r"gave up after 3 attempts in ([67]) s(, counted from the first failure)?", note)


@pytest.mark.virtual_time
def test_r5_the_note_says_from_when_it_counts(either_path: str) -> None:
    """SPEC R5: a healthy call without a Timeout does not look at the clock, so the start of the first attempt is not known."""
    guard = Pipeline(Retry(3, constant(2.0)))
    notes = {}
    for name, guarded in (("alone", guard), ("timed", Pipeline(Timeout(60.0), Retry(3, constant(2.0))))):
        with pytest.raises(ConnectionError) as raised:
            guarded.call(Script(then=takes(1.0, ConnectionError)).sync)
        (notes[name],) = raised.value.__notes__

    assert notes["timed"] == "gave up after 3 attempts in 7 s"
    if either_path == "generated":
        assert notes["alone"] == "gave up after 3 attempts in 6 s, counted from the first failure"
    else:
        assert notes["alone"] == notes["timed"]


def test_r5_the_note_is_shown_in_the_traceback(world: World) -> None:
    """SPEC R5: whoever reads the log sees it."""
    error = given_up(world, Retry(3, NOW), Script(then=ConnectionError))

    assert "gave up after 3 attempts" in "".join(traceback.format_exception(error))


def test_r5_there_is_no_note_where_nothing_was_tried_again(world: World) -> None:
    """SPEC R5: an exception that no repetition heals, and a Retry of one attempt, leave it as it is."""
    assert not hasattr(given_up(world, Retry(3, NOW), Script(KeyError), KeyError), "__notes__")
    assert not hasattr(given_up(world, Retry(1, NOW), Script(ConnectionError)), "__notes__")


def test_r5_a_last_failure_that_nothing_heals_is_noted(world: World) -> None:
    """SPEC R5: tried again, and then something else failed."""
    error = given_up(world, Retry(9, NOW), Script(ConnectionError, KeyError), KeyError)

    assert "after 2 attempts" in error.__notes__[0]
    assert "not one that a repetition heals" in error.__notes__[0]


def test_r5_the_functions_own_notes_stay(world: World) -> None:
    """SPEC R5: the exception is as it was raised, with one note more."""
    error = ConnectionError()
    error.add_note("its own")
    given_up(world, Retry(3, NOW), Script(then=error))

    assert error.__notes__[0] == "its own"
    assert len(error.__notes__) == 2


def test_r5_the_same_object_raised_again_and_again_keeps_one_note(world: World) -> None:
    """SPEC R5: a program may keep one exception object and raise it each time; each call is retried anew."""
    always = ConnectionError("always the same")
    script = Script(then=always)
    guarded = world.guard(Retry(3, NOW, budget=None), script)
    for _ in range(100):
        with pytest.raises(ConnectionError):
            guarded()

    assert script.count == 300
    assert len(always.__notes__) == 1


def test_r5_an_exception_that_takes_no_notes_comes_out_all_the_same(world: World) -> None:
    """SPEC R5: the exception itself is what matters."""

    @dataclasses.dataclass(frozen=True)
    class FrozenError(Exception):
        code: int

    class NullNotesError(Exception):
        __notes__ = None

    frozen = FrozenError(7)
    for error in (frozen, NullNotesError()):
        script = Script(then=error)
        with pytest.raises(type(error)) as raised:
            world.guard(Retry(3, NOW), script)()

        assert raised.value is error
        assert script.count == 3


def test_r5_the_exception_can_be_pickled_and_copied(world: World) -> None:
    """SPEC R5, F5: the note travels as a string."""
    error = given_up(world, Retry(3, NOW), Script(then=ConnectionError))
    travelled = pickle.loads(pickle.dumps(error))

    assert travelled.__notes__ == error.__notes__
    assert type(travelled.__notes__[0]) is str
    assert copy.copy(error).__notes__ == error.__notes__


# The wrapping error


def test_r5_wrap_raises_an_error_that_carries_all_attempts(world: World) -> None:
    """SPEC R5: an option raises a wrapping error that carries all attempts."""
    errors = [ConnectionError("1"), TimeoutError("2"), ConnectionError("3")]
    error = given_up(world, Retry(3, NOW, wrap=True), Script(*errors), RetryExhaustedError)

    assert error.attempts == tuple(errors)
    assert error.__cause__ is errors[2]
    assert str(error).startswith("gave up after 3 attempts in")


def test_r5_wrap_holds_for_a_single_attempt_too(world: World) -> None:
    """SPEC R5: who catches the wrapping error catches it whatever max_attempts is configured."""
    error = given_up(world, Retry(1, NOW, wrap=True), Script(ConnectionError), RetryExhaustedError)

    assert len(error.attempts) == 1


def test_r5_wrap_leaves_alone_what_is_not_retried(world: World) -> None:
    """SPEC R5: nothing was exhausted."""
    given_up(world, Retry(3, NOW, wrap=True), Script(KeyError), KeyError)


def test_r5_wrap_counts_what_was_tried_again_before(world: World) -> None:
    """SPEC R5: a call that was retried and then failed for good carries both."""
    error = given_up(world, Retry(3, NOW, wrap=True), Script(ConnectionError, KeyError), RetryExhaustedError)

    assert [type(each) for each in error.attempts] == [ConnectionError, KeyError]


def test_r5_wrap_starts_anew_with_each_call(world: World) -> None:
    """SPEC R5: attempts of one call are not those of another."""
    guarded = world.guard(Retry(2, NOW, wrap=True), Script(then=ConnectionError))
    for _ in range(3):
        with pytest.raises(RetryExhaustedError) as raised:
            guarded()
        assert len(raised.value.attempts) == 2


def test_r5_wrap_is_served_by_a_fallback_further_out(world: World) -> None:
    """SPEC R5, K1: the wrapping error is a failure like another."""
    guard = Pipeline(Fallback(value="instead", on=RetryExhaustedError), Retry(2, NOW, wrap=True))

    assert world.guard(guard, Script(then=ConnectionError))() == "instead"


def test_r5_wrap_is_not_taken_for_a_further_failure_of_the_function(world: World) -> None:
    """SPEC R5, O3: one event for each attempt that failed, none for the error that says so."""
    with record_events() as events:
        given_up(world, Retry(3, NOW, wrap=True), Script(then=ConnectionError), RetryExhaustedError)

    assert len(events.of(CallFailed)) == 3
    assert [event.attempts for event in events.of(RetryGivenUp)] == [3]
