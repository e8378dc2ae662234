"""Exception groups: what several failures say together (SPEC F3, F2)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.classifier import Classifier, classify


def test_a_group_is_as_bad_as_its_worst_member() -> None:
    """SPEC F3: the least recoverable member decides what to do, under its name."""
    fault = classify(ExceptionGroup("x", [ConnectionResetError(104, "reset"), MemoryError(), TimeoutError()]))

    assert (fault.error_type, fault.category, fault.recoverability) == (
        "MemoryError",
        Category.CAPACITY,
        Recoverability.SEVERE,
    )
    assert fault.context == {"exceptions": 3}


def test_the_axes_of_a_group_are_independent() -> None:
    """SPEC F2: the caller's bug stops retries; the failure of the dependency is counted all the same."""
    fault = classify(ExceptionGroup("x", [KeyError("k"), ConnectionResetError(104, "reset")]))

    assert (fault.recoverability, fault.origin, fault.error_type) == (Recoverability.FATAL, Origin.DEPENDENCY, "KeyError")


def test_a_group_of_the_callers_bugs_is_the_callers() -> None:
    """SPEC B4: no breaker counts it."""
    assert classify(ExceptionGroup("x", [KeyError("k"), TypeError("t")])).origin is Origin.CALLER


def test_of_equals_the_first_one_names_the_group() -> None:
    """SPEC F3: the answer does not depend on chance."""
    assert classify(ExceptionGroup("x", [TypeError("t"), KeyError("k")])).error_type == "TypeError"


def test_the_longest_wait_of_a_group_counts() -> None:
    """SPEC R4: all who asked to be left alone are."""
    first, second = KeyError("a"), RuntimeError("b")
    first.retry_after, second.retry_after = 2, 9

    assert classify(ExceptionGroup("x", [first, second, OSError()])).retry_after == 9.0


def test_the_members_of_inner_groups_count() -> None:
    """SPEC F3: groups nest."""
    inner = ExceptionGroup("inner", [TimeoutError(), MemoryError()])

    assert classify(ExceptionGroup("outer", [OSError(), inner])).context == {"exceptions": 3}


def test_a_deep_nest_is_no_danger() -> None:
    """SPEC F3: the depth is not the interpreter's."""
    group: Exception = KeyError("k")
    for _ in range(20_000):
        group = ExceptionGroup("x", [group])

    assert classify(group).error_type == "KeyError"


def test_a_group_of_one_is_its_member() -> None:
    """SPEC F3: the wrapping says nothing."""
    assert classify(ExceptionGroup("x", [KeyError("k")])) == classify(KeyError("k"))


def test_a_task_groups_failure_is_classified() -> None:
    """SPEC F3: what asyncio raises for real."""

    async def fail() -> None:
        raise ConnectionResetError(104, "reset")

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(work())

    assert classify(caught.value).category is Category.NETWORK


def test_users_rules_hold_for_members_and_for_groups_of_their_own() -> None:
    """SPEC F3: a rule for a group class goes before ours for all groups."""

    class BatchError(ExceptionGroup):
        pass

    classifier = Classifier()
    classifier.register(KeyError, category=Category.DATA)
    assert classifier(BatchError("x", [KeyError("k"), OSError()])).category is Category.DATA
    classifier.register(BatchError, severity=Severity.CRITICAL, category=Category.STATE)
    assert classifier(BatchError("x", [KeyError("k"), OSError()])).category is Category.STATE


def test_wrappers_in_a_group_are_looked_into() -> None:
    """SPEC F3: a member may be a wrapper."""

    class WrapperError(Exception):
        pass

    classifier = Classifier()
    classifier.register(WrapperError, rule=lambda error: error.__cause__)
    wrapper = WrapperError()
    wrapper.__cause__ = MemoryError()

    assert classifier(ExceptionGroup("x", [wrapper, OSError()])).error_type == "MemoryError"


MEMBERS = [
    KeyError("k"),
    OSError(),
    ConnectionResetError(104, "r"),
    MemoryError(),
    TimeoutError(),
    RuntimeError(),
    UserWarning(),
]


@given(members=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=8))
def test_no_member_is_worse_or_louder_than_its_group(members: list[Exception]) -> None:
    """SPEC F2: each axis of the group is the worst of its members'."""
    faults = [classify(member) for member in members]
    together = classify(ExceptionGroup("x", members))

    assert together.recoverability == max(fault.recoverability for fault in faults)
    assert together.severity == max(fault.severity for fault in faults)
    assert (together.origin is Origin.DEPENDENCY) == any(fault.origin is Origin.DEPENDENCY for fault in faults)
