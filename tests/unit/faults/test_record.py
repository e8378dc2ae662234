"""The fault record: immutable, portable, lower case outside of Python (SPEC F2, F3)."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.record import Fault

FAULT = Fault(
    Category.CAPACITY,
    Severity.CRITICAL,
    Recoverability.SEVERE,
    "resource_exhaustion",
    origin=Origin.LOCAL,
    retry_after=2.5,
    code=306,
    context={"peer": "p1"},
)


def test_a_record_in_json_has_lower_case_names() -> None:
    """SPEC F2: labels, JSON and logs say `critical`, not `CRITICAL`."""
    assert json.loads(json.dumps(FAULT.to_dict())) == {
        "category": "capacity",
        "severity": "critical",
        "recoverability": "severe",
        "origin": "local",
        "error_type": "resource_exhaustion",
        "retry_after": 2.5,
        "code": 306,
        "context": {"peer": "p1"},
    }


def test_the_axes_in_json_are_lower_case_for_every_member() -> None:
    """SPEC F2: no member of any axis leaves Python in upper case."""
    for category, severity, recoverability, origin in zip(
        list(Category) * 4, list(Severity) * 8, list(Recoverability) * 8, list(Origin) * 12, strict=False
    ):
        shown = Fault(category, severity, recoverability, "x", origin=origin).to_dict()
        texts = [shown[axis] for axis in ("category", "severity", "recoverability", "origin")]
        assert all(isinstance(text, str) and text == text.lower() for text in texts)


def test_recoverability_has_stable_ordered_integers() -> None:
    """SPEC F2: TRANSIENT=1, RECOVERABLE=2, SEVERE=3, FATAL=4."""
    assert {member.name: int(member) for member in Recoverability} == {
        "TRANSIENT": 1,
        "RECOVERABLE": 2,
        "SEVERE": 3,
        "FATAL": 4,
    }
    assert Severity.INFO < Severity.WARNING < Severity.ERROR < Severity.CRITICAL


def test_everything_below_fatal_is_retryable() -> None:
    """SPEC F2: SEVERE is retryable, FATAL alone is not."""
    retryable = {each for each in Recoverability if FAULT.replace(recoverability=each).is_retryable}

    assert retryable == {Recoverability.TRANSIENT, Recoverability.RECOVERABLE, Recoverability.SEVERE}


def test_every_category_documents_its_default_response() -> None:
    """SPEC F1: eight categories, the seeds' five among them."""
    names = {category.name for category in Category}

    assert names == {"PROTOCOL", "ROUTING", "TIMEOUT", "SYSTEM", "NETWORK", "CAPACITY", "STATE", "DATA"}


@pytest.mark.parametrize("name", Fault.__slots__)
def test_no_field_can_be_set_or_deleted(name: str) -> None:
    """SPEC F3: the result is an immutable record."""
    with pytest.raises(AttributeError, match=name):
        setattr(FAULT, name, None)
    with pytest.raises(AttributeError, match=name):
        delattr(FAULT, name)


def test_no_field_can_be_added() -> None:
    """SPEC F3: the result is an immutable record."""
    with pytest.raises(AttributeError):
        FAULT.note = "x"


def test_the_context_is_a_read_only_copy() -> None:
    """SPEC F3: neither the giver of a context nor its reader can change the record."""
    given = {"peer": "p1"}
    fault = FAULT.replace(context=given)
    given["peer"] = "p2"

    with pytest.raises(TypeError):
        fault.context["peer"] = "p3"
    assert fault.context == {"peer": "p1"}


def test_the_record_in_json_can_be_changed_without_harm() -> None:
    """SPEC F3: what `to_dict` gives away is the reader's own."""
    FAULT.to_dict()["context"]["peer"] = "p9"

    assert FAULT.context == {"peer": "p1"}


def test_replace_changes_some_fields_of_a_copy() -> None:
    """SPEC F3: a changed record is another record."""
    changed = FAULT.replace(severity=Severity.INFO, code=None)

    assert (changed.severity, changed.code, changed.context) == (Severity.INFO, None, FAULT.context)
    assert FAULT.severity is Severity.CRITICAL


def test_replace_refuses_an_unknown_field() -> None:
    """SPEC F3: a misspelt field is an error that names it."""
    with pytest.raises(TypeError, match="colour"):
        FAULT.replace(colour="red")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_record_can_be_pickled(protocol: int) -> None:
    """SPEC F3: the record crosses process boundaries whole."""
    back = pickle.loads(pickle.dumps(FAULT, protocol))

    assert back == FAULT
    assert back.to_dict() == FAULT.to_dict()
    assert back.category is Category.CAPACITY


def test_a_record_can_be_copied() -> None:
    """SPEC F3: copy and deepcopy give an equal record."""
    assert copy.copy(FAULT) == FAULT
    assert copy.deepcopy(FAULT) == FAULT


def test_equal_records_are_equal_and_hash_alike() -> None:
    """SPEC F3: a record is a value."""
    twin = FAULT.replace()

    assert twin == FAULT
    assert hash(twin) == hash(FAULT)
    assert FAULT.replace(retry_after=None) != FAULT
    assert FAULT != "resource_exhaustion"


def test_the_text_of_a_record_names_its_axes() -> None:
    """SPEC F2: what a developer sees is in the words of the labels."""
    assert repr(FAULT) == "Fault(resource_exhaustion: capacity, critical, severe, origin local)"
