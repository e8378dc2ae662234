"""The pool's errors: kinds, attributes, ways out (SPEC F5, F6)."""

from __future__ import annotations

import pickle

import pytest

from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.classifier import classify
from yaoki.core.faults.kinds import by_name
from yaoki.systems.repopool import errors
from yaoki.systems.repopool.errors import Failure, GitOperationError, PoolManagerError

ERRORS = [getattr(errors, name) for name in errors.__all__ if name != "Failure"]


@pytest.mark.parametrize("error", ERRORS)
def test_f6_every_error_is_a_kind_of_the_table(error: type[PoolManagerError]) -> None:
    """SPEC F6: its row names it, and its code is one of the pool's."""
    kind = by_name[error.kind]

    assert kind.error == error.__name__
    assert 400 <= kind.code < 500
    assert classify(error("x")).error_type == error.kind


@pytest.mark.parametrize(
    ("failure", "recoverability", "origin"),
    [
        (Failure.TRANSIENT, Recoverability.RECOVERABLE, Origin.DEPENDENCY),
        (Failure.PERMANENT, Recoverability.FATAL, Origin.CALLER),
        (Failure.AUTH, Recoverability.FATAL, Origin.CALLER),
        (Failure.CORRUPT, Recoverability.FATAL, Origin.LOCAL),
        (Failure.NO_SPACE, Recoverability.FATAL, Origin.LOCAL),
    ],
)
def test_w3_only_a_transient_failure_of_git_is_retried_and_counted(
    failure: Failure, recoverability: Recoverability, origin: Origin
) -> None:
    """SPEC W3, defect 19 of the original: what cannot get better is not repeated, and says nothing about the remote."""
    fault = classify(GitOperationError("x", failure=failure))

    assert (fault.recoverability, fault.origin) == (recoverability, origin)


def test_f1_damage_is_a_matter_of_data_and_a_full_disk_of_capacity() -> None:
    """SPEC F1: the category says what a system does about it."""
    assert classify(GitOperationError("x", failure=Failure.CORRUPT)).category is Category.DATA
    assert classify(GitOperationError("x", failure=Failure.NO_SPACE)).category is Category.CAPACITY


@pytest.mark.parametrize("error", ERRORS)
def test_f5_an_error_survives_pickling(error: type[PoolManagerError]) -> None:
    """SPEC F5: it says the same in another process."""
    first = error("it is full", repo_name="web", slot_id="workspace-web-slot1", way_out="add a slot")
    second = pickle.loads(pickle.dumps(first))

    assert str(second) == str(first) == "it is full; add a slot"
    assert (second.repo_name, second.slot_id, second.way_out) == ("web", "workspace-web-slot1", "add a slot")
