"""SPEC R3, F2: which failures a Retry repeats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import World
from yaoki import Category, Fault, Pipeline, Recoverability, Retry, Severity, constant
from yaoki.testing import Script, VirtualClock

NOW = constant(0.0)


class FlakyError(Exception):
    """A failure of a kind of its own."""


class BrittleError(FlakyError):
    """A special case of it."""


class BusyError(Exception):
    """Known by its text."""

    def __str__(self) -> str:
        return "busy"


def attempts(world: World, retry: Retry, failure: Exception | type[Exception]) -> int:
    """How often the function is called if it always fails with `failure`."""
    script = Script(then=failure)
    with pytest.raises(failure if isinstance(failure, type) else type(failure)):
        world.guard(retry, script)()
    return script.count


def fault_of(recoverability: Recoverability) -> Fault:
    return Fault(Category.SYSTEM, Severity.INFO, recoverability, "told")


class ToldError(Exception):
    """An exception that carries its own record."""

    def __init__(self, recoverability: Recoverability) -> None:
        super().__init__(recoverability.name)
        self.fault = fault_of(recoverability)


@pytest.mark.parametrize(
    ("retry_on", "failure", "expected"),
    [
        (FlakyError, FlakyError, 3),
        (FlakyError, BrittleError, 3),
        (BrittleError, FlakyError, 1),
        ((KeyError, FlakyError), FlakyError, 3),
        ((KeyError, OSError), FlakyError, 1),
        (lambda error: isinstance(error, FlakyError), FlakyError, 3),
        (lambda error: "busy" in str(error), BusyError, 3),
        (lambda error: "busy" in str(error), FlakyError, 1),
        (lambda error: not isinstance(error, KeyError), ValueError, 3),
    ],
    ids=["type", "subclass", "other", "tuple", "other_tuple", "predicate", "text", "other_text", "negated"],
)
def test_r3_retry_on_takes_a_type_a_tuple_or_a_predicate(
    world: World, retry_on: Any, failure: type[Exception], expected: int
) -> None:
    """SPEC R3: exception types and predicates say what is retried."""
    assert attempts(world, Retry(3, NOW, retry_on=retry_on), failure) == expected


@pytest.mark.parametrize("give_up_on", [BrittleError, (KeyError, BrittleError), lambda error: isinstance(error, BrittleError)])
def test_r3_give_up_on_goes_before_retry_on(world: World, give_up_on: Any) -> None:
    """SPEC R3: what is given up is not retried, though retry_on names it too."""
    retry = Retry(3, NOW, retry_on=FlakyError, give_up_on=give_up_on)

    assert (attempts(world, retry, BrittleError), attempts(world, retry, FlakyError)) == (1, 3)


def test_r3_give_up_on_goes_before_the_classifier(world: World) -> None:
    """SPEC R3: what is given up is not retried, though the classifier calls it transient."""
    assert attempts(world, Retry(3, NOW, give_up_on=ConnectionError), ConnectionResetError) == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(ConnectionResetError, 3), (TimeoutError, 3), (FlakyError, 3), (TypeError, 1), (ValueError, 1), (AssertionError, 1)],
)
def test_r3_without_types_the_classifier_decides(world: World, failure: type[Exception], expected: int) -> None:
    """SPEC R3, F2: a caller's bug is not repeated; what may heal is."""
    assert attempts(world, Retry(3, NOW), failure) == expected


@pytest.mark.parametrize("recoverability", Recoverability)
def test_f2_everything_below_fatal_is_retried(world: World, recoverability: Recoverability) -> None:
    """SPEC F2: retryable is recoverability below FATAL, SEVERE included; severity decides nothing."""
    expected = 1 if recoverability is Recoverability.FATAL else 3

    assert attempts(world, Retry(3, NOW), ToldError(recoverability)) == expected


def test_r3_each_class_has_its_own_policy_and_severe_really_gets_it(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R3: a policy per recoverability class; the severe one is reached."""
    retry = Retry(
        2,
        constant(9.0),
        per_recoverability={
            Recoverability.TRANSIENT: Retry(4, constant(0.5)),
            Recoverability.SEVERE: Retry(3, constant(60.0)),
        },
    )
    seen = {}
    for recoverability in Recoverability:
        virtual_clock.sleeps.clear()
        seen[recoverability.name] = (attempts(world, retry, ToldError(recoverability)), list(virtual_clock.sleeps))

    assert seen == {
        "TRANSIENT": (4, [0.5, 0.5, 0.5]),
        "RECOVERABLE": (2, [9.0]),
        "SEVERE": (3, [60.0, 60.0]),
        "FATAL": (1, []),
    }


def test_r3_classes_hold_for_what_retry_on_names_too(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R3: retry_on says what, the class says how."""
    retry = Retry(2, NOW, retry_on=ToldError, per_recoverability={Recoverability.SEVERE: Retry(3, constant(60.0))})

    assert attempts(world, retry, ToldError(Recoverability.SEVERE)) == 3
    assert virtual_clock.sleeps == [60.0, 60.0]


def test_r3_a_mixed_row_of_failures_counts_all_attempts(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R2, R3: every try counts, whatever the class of the failures before."""
    script = Script(
        ToldError(Recoverability.TRANSIENT), ToldError(Recoverability.TRANSIENT), ToldError(Recoverability.SEVERE), then="late"
    )
    retry = Retry(
        per_recoverability={
            Recoverability.TRANSIENT: Retry(10, constant(1.0)),
            Recoverability.SEVERE: Retry(3, constant(60.0)),
        }
    )

    with pytest.raises(ToldError, match="SEVERE"):
        world.guard(retry, script)()
    assert virtual_clock.sleeps == [1.0, 1.0]


def test_r3_a_result_may_ask_for_a_retry(world: World) -> None:
    """SPEC R3: a result predicate."""
    script = Script(None, None, "ready")

    assert world.guard(Retry(5, NOW, retry_if_result=lambda value: value is None), script)() == "ready"


def test_r3_the_last_result_is_returned_when_attempts_are_used_up(world: World) -> None:
    """SPEC R3, R5: there is no exception to raise, so the caller gets the value."""
    script = Script(1, 2, 3)

    assert world.guard(Retry(3, NOW, retry_if_result=lambda value: value < 10), script)() == 3


def test_r3_failures_and_results_share_the_attempts(world: World) -> None:
    """SPEC R2, R3: every try counts, whether it failed or was not good enough."""
    script = Script(None, ConnectionError, None)

    assert world.guard(Retry(3, NOW, retry_if_result=lambda value: value is None), script)() is None
    script.assert_finished()


def test_r3_a_result_that_asks_for_a_retry_takes_from_the_budget(world: World) -> None:
    """SPEC R4: a retry is a retry, whatever asked for it."""
    retry = Retry(3, NOW, retry_if_result=lambda value: value is None)

    world.guard(retry, Script(None, None, None))()

    assert retry.snapshot(0.0)["budget_tokens"] == 500 - 2 * 14


@pytest.mark.parametrize("parameter", ["retry_on", "give_up_on"])
def test_r3_a_predicate_that_raises_is_the_error_now(world: World, parameter: Any) -> None:
    """SPEC R3: its error comes out, and leads to the failure that it was asked about."""
    failure = ConnectionError("the failure")

    def broken(error: BaseException) -> bool:
        raise LookupError("the predicate")

    with pytest.raises(LookupError, match="the predicate") as raised:
        world.guard(Retry(3, NOW, **{parameter: broken}), Script(failure))()
    assert raised.value.__cause__ is failure


def test_r3_a_result_predicate_that_raises_is_the_error_now(world: World) -> None:
    """SPEC R3: the value is lost, its judge's error comes out."""
    script = Script("value", then=UNEXPECTED)

    def broken(value: object) -> bool:
        raise LookupError("the predicate")

    with pytest.raises(LookupError, match="the predicate"):
        world.guard(Retry(3, NOW, retry_if_result=broken), script)()
    assert script.count == 1


UNEXPECTED = AssertionError("one call too many")


def test_r6_the_explicit_call_retries_too(world: World) -> None:
    """SPEC R6: decorator and explicit call are the same."""
    script = Script(ConnectionError, ConnectionError, "well")

    assert world.call(Pipeline(Retry(3, NOW)), script) == "well"
    assert world.call(Retry(3, NOW), Script(ConnectionError, "well")) == "well"


def test_r6_arguments_are_the_same_in_every_attempt(world: World) -> None:
    """SPEC R6: each attempt is called with the call's own arguments."""
    script = Script(ConnectionError, ConnectionError, "well")

    world.guard(Retry(3, NOW), script)(1, two=2)

    assert [(call.args, call.kwargs) for call in script.calls] == [((1,), {"two": 2})] * 3
