"""The classifier: what decides first, what is never raised, who is never a fault (SPEC F3)."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.classifier import Classifier, classify
from yaoki.core.faults.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    OverloadedError,
    RateLimitedError,
    Rejected,
    RetryExhaustedError,
    YaokiError,
)
from yaoki.core.faults.kinds import by_name
from yaoki.core.faults.record import Fault
from yaoki.testing import VirtualClock

DATA_FAULT = Fault(Category.DATA, Severity.CRITICAL, Recoverability.FATAL, "mine", code=7)


class StrangeError(Exception):
    pass


def test_an_unknown_exception_gets_the_documented_default() -> None:
    """SPEC F3: SYSTEM, ERROR, RECOVERABLE, the dependency's, under its own name."""
    assert classify(StrangeError("x")).to_dict() == {
        "category": "system",
        "severity": "error",
        "recoverability": "recoverable",
        "origin": "dependency",
        "error_type": "StrangeError",
        "retry_after": None,
        "code": None,
        "context": {},
    }


@pytest.mark.parametrize(
    "error",
    [
        TypeError("x"),
        ValueError("x"),
        AttributeError("x"),
        NameError("x"),
        UnboundLocalError("x"),
        KeyError("x"),
        IndexError("x"),
        LookupError("x"),
        AssertionError("x"),
        NotImplementedError("x"),
        ZeroDivisionError("x"),
        OverflowError("x"),
        ImportError("x"),
        ModuleNotFoundError("x"),
        SyntaxError("x"),
        IndentationError("x"),
        RecursionError("x"),
        StopIteration("x"),
        StopAsyncIteration("x"),
        BufferError("x"),
        ReferenceError("x"),
        UserWarning("x"),
        DeprecationWarning("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_bug_of_the_caller_is_final_and_his(error: Exception) -> None:
    """SPEC F3, B4: no repetition helps, and no breaker counts it."""
    fault = classify(error)

    assert (fault.category, fault.severity, fault.recoverability) == (Category.SYSTEM, Severity.ERROR, Recoverability.FATAL)
    assert (fault.origin, fault.error_type) == (Origin.CALLER, type(error).__name__)


def test_a_bare_runtime_error_is_unknown() -> None:
    """SPEC F3: libraries raise it for anything, so it counts."""
    assert classify(RuntimeError("x")).origin is Origin.DEPENDENCY


def test_no_memory_is_our_own_hosts() -> None:
    """SPEC F3: MemoryError is capacity, here."""
    fault = classify(MemoryError())

    assert (fault.category, fault.recoverability, fault.origin) == (Category.CAPACITY, Recoverability.SEVERE, Origin.LOCAL)


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        SystemExit(1),
        GeneratorExit(),
        BaseExceptionGroup("x", [KeyboardInterrupt()]),
        BaseException(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_exception_is_never_a_fault(error: BaseException) -> None:
    """SPEC R5, F3: cancellation and exit are not classified; asking is a mistake of the asker."""
    with pytest.raises(TypeError, match=f"{type(error).__qualname__} is no Exception"):
        classify(error)


@pytest.mark.parametrize("thing", ["boom", None, ValueError, 3])
def test_what_is_not_even_raised_is_refused(thing: object) -> None:
    """SPEC F3: a class or a text is no failure."""
    with pytest.raises(TypeError, match="is no Exception"):
        classify(thing)


def test_cancelled_work_of_an_executor_is_a_fault() -> None:
    """SPEC F3: `concurrent.futures.CancelledError` is an Exception, unlike asyncio's."""
    fault = classify(concurrent.futures.CancelledError())

    assert (fault.origin, fault.recoverability) == (Origin.CALLER, Recoverability.FATAL)


def test_a_carried_record_is_kept() -> None:
    """SPEC F3: an exception that knows what it is, is asked."""
    error = StrangeError("x")
    error.fault = DATA_FAULT

    assert classify(error) is DATA_FAULT


def test_a_carried_record_wins_over_every_rule() -> None:
    """SPEC F3: the record comes before predicates and type rules."""
    classifier = Classifier()
    classifier.register(StrangeError, severity=Severity.INFO)
    classifier.register_predicate(lambda error: True, severity=Severity.INFO)
    error = StrangeError("x")
    error.fault = DATA_FAULT

    assert classifier(error) is DATA_FAULT


def test_another_attribute_called_fault_is_no_record() -> None:
    """SPEC F3: libraries use the word for things of their own."""
    error = StrangeError("x")
    error.fault = "soap:Server"

    assert classify(error).error_type == "StrangeError"


@pytest.mark.parametrize("cls", [Rejected, CircuitOpenError, BulkheadFullError, RateLimitedError, OverloadedError])
def test_a_refusal_of_ours_is_local_and_says_when(cls: type[Rejected]) -> None:
    """SPEC F6, B5: the kind's record, with the refusal's retry_after."""
    with VirtualClock(start=5.0):
        fault = classify(cls("breaker", 7.5))

    assert fault == by_name[cls.kind].fault(retry_after=2.5)
    assert (fault.category, fault.origin) == (Category.CAPACITY, Origin.LOCAL)


def test_our_own_timeout_is_the_dependencys() -> None:
    """SPEC T1, F6: a Timeout of ours that passes is a failure of what was called."""
    fault = classify(DeadlineExceededError("Timeout", 3.0))

    assert (fault.error_type, fault.code) == ("deadline_exceeded", 107)
    assert (fault.origin, fault.recoverability) == (Origin.DEPENDENCY, Recoverability.RECOVERABLE)


def test_an_inherited_deadline_is_the_callers() -> None:
    """SPEC T1: the caller's time is over; no repetition brings it back, and the dependency is not to blame."""
    fault = classify(DeadlineExceededError(None, 3.0))

    assert (fault.error_type, fault.code) == ("deadline_exceeded", 107)
    assert (fault.origin, fault.recoverability) == (Origin.CALLER, Recoverability.FATAL)


def test_an_exhausted_retry_says_what_its_last_attempt_says() -> None:
    """SPEC R5: category, severity and origin are the last failure's; a second round of attempts does not help."""
    fault = classify(RetryExhaustedError("x", [KeyError("a"), ConnectionResetError()]))

    assert (fault.error_type, fault.category, fault.origin) == ("retry_exhausted", Category.NETWORK, Origin.DEPENDENCY)
    assert (fault.severity, fault.recoverability) == (Severity.WARNING, Recoverability.FATAL)
    assert classify(RetryExhaustedError("x", [KeyError("a")])).origin is Origin.CALLER


@pytest.mark.parametrize("attempts", [[], [asyncio.CancelledError()]])
def test_an_exhausted_retry_without_a_last_failure_is_its_kind(attempts: list[Exception]) -> None:
    """SPEC F6: where there is nothing to look at, the table decides."""
    assert classify(RetryExhaustedError("x", attempts)) == by_name["retry_exhausted"].fault()


def test_a_chain_of_exhausted_retries_ends() -> None:
    """SPEC F3: however deep they are wrapped."""
    error: Exception = KeyError()
    for _ in range(5000):
        error = RetryExhaustedError("x", [error])

    assert classify(error).error_type == "retry_exhausted"


def test_a_bad_configuration_is_its_kind_and_no_bare_value_error() -> None:
    """SPEC F6: the table of kinds comes before the type rules."""
    assert classify(ConfigurationError("x")) == by_name["configuration"].fault()


def test_a_subclass_of_ours_is_classified_by_its_kind() -> None:
    """SPEC F6: the systems' errors say their kind, on the class or on the exception."""

    class PeerError(YaokiError):
        kind = "all_peers_down"

    error = PeerError("x")
    assert classify(error) == by_name["all_peers_down"].fault()
    error.kind = "no_route"
    assert classify(error) == by_name["no_route"].fault()


def test_a_kind_that_no_table_has_falls_to_the_type_rules() -> None:
    """SPEC F3: users may build on our base class."""

    class OwnError(YaokiError, TimeoutError):
        kind = "not_in_the_table"

    fault = classify(OwnError("x"))

    assert (fault.error_type, fault.category) == ("OwnError", Category.TIMEOUT)


@pytest.mark.parametrize("kind", [None, [], 3, object()])
def test_a_senseless_kind_falls_to_the_type_rules(kind: object) -> None:
    """SPEC F3: nothing is raised."""
    error = YaokiError("x")
    error.kind = kind

    assert classify(error).error_type == "YaokiError"


def test_the_most_specific_class_decides() -> None:
    """SPEC F3: along the MRO. ConnectionRefusedError is an OSError, UnicodeDecodeError is a ValueError."""
    assert classify(ConnectionRefusedError()).category is Category.NETWORK
    assert classify(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")).category is Category.DATA
    assert classify(UnicodeEncodeError("ascii", "é", 0, 1, "x")).origin is Origin.CALLER
    assert classify(ValueError()).category is Category.SYSTEM


def test_a_subclass_is_classified_as_its_base_under_its_own_name() -> None:
    """SPEC F3: along the MRO."""

    class QuotaError(ValueError):
        pass

    fault = classify(QuotaError("x"))

    assert (fault.origin, fault.error_type) == (Origin.CALLER, "QuotaError")


@pytest.mark.parametrize(("value", "seconds"), [(3, 3.0), ("3", 3.0), (timedelta(seconds=3), 3.0), (-1, None), ("x", None)])
def test_an_exceptions_own_retry_after_is_in_the_record(value: object, seconds: float | None) -> None:
    """SPEC R4: whatever the exception's type, constant rule or function."""
    for error in (StrangeError("x"), OSError("x"), YaokiError("x")):
        error.retry_after = value
        assert classify(error).retry_after == seconds


def test_a_retry_after_of_the_class_counts() -> None:
    """SPEC R4: a property or class attribute is read like any other."""

    class BusyError(Exception):
        retry_after = 4

    assert classify(BusyError()).retry_after == 4.0


def test_classifying_leaves_the_exception_as_it_was() -> None:
    """SPEC F3: no attribute, note, cause or traceback is added."""
    try:
        raise StrangeError("x")
    except StrangeError as caught:
        error = caught
    before = (error.__dict__.copy(), error.__traceback__, error.__cause__, error.__context__, error.args)

    classify(error)

    assert (error.__dict__, error.__traceback__, error.__cause__, error.__context__, error.args) == before


class HostileMeta(type):
    __hash__ = None

    @property
    def __mro__(cls) -> tuple[type, ...]:
        raise RuntimeError("mro")

    @property
    def __module__(cls) -> str:
        raise RuntimeError("module")

    @property
    def __name__(cls) -> str:
        raise RuntimeError("name")

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("eq")

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("instancecheck")


def raising(name: str) -> property:
    def refuse(self: object) -> object:
        raise RuntimeError(name)

    return property(refuse)


HOSTILE_ATTRIBUTES = [
    *("fault", "retry_after", "kind", "errno", "filename", "winerror", "code", "headers", "reason", "returncode", "exceptions"),
    *("attempts", "policy", "sqlite_errorcode", "__class__", "__traceback__", "__dict__", "__module__", "__notes__", "args"),
]
HOSTILE_METHODS = [
    "__str__",
    "__repr__",
    "__eq__",
    "__hash__",
    "__bool__",
    "__len__",
    "__getattr__",
    "__iter__",
    "__getattribute__",
]
BASES: list[type[Exception]] = [
    *(Exception, OSError, TimeoutError, ValueError, YaokiError, RuntimeError, KeyError, Rejected, RetryExhaustedError),
    *(DeadlineExceededError, ConfigurationError),
]


def hostile(base: type[Exception], attributes: set[str], methods: set[str], meta: type) -> Exception:
    """An exception that was never initialised, and refuses whatever is asked of it."""

    def refuse(*args: object) -> object:
        raise RuntimeError("hostile")

    cls = meta("HostileError", (base,), {name: raising(name) for name in attributes} | dict.fromkeys(methods, refuse))
    return base.__new__(cls)


@given(
    base=st.sampled_from(BASES),
    attributes=st.sets(st.sampled_from(HOSTILE_ATTRIBUTES), max_size=6),
    methods=st.sets(st.sampled_from(HOSTILE_METHODS), max_size=4),
    meta=st.sampled_from([type, HostileMeta]),
)
def test_a_hostile_exception_is_classified_all_the_same(
    base: type[Exception], attributes: set[str], methods: set[str], meta: type
) -> None:
    """SPEC F3: any exception of any library can be classified; classifying raises nothing, the second time neither."""
    error = hostile(base, attributes, methods, meta)

    assert isinstance(classify(error), Fault)
    assert isinstance(classify(error), Fault)


SENSELESS = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(object),
    st.builds(MagicMock),
    st.builds(StrangeError),
)


@given(
    base=st.sampled_from([OSError, ConnectionError, StrangeError, YaokiError]),
    arguments=st.lists(SENSELESS, max_size=3),
    attributes=st.dictionaries(st.sampled_from(["fault", "retry_after", "kind", "code", "headers", "errno"]), SENSELESS),
)
def test_senseless_values_are_classified_all_the_same(
    base: type[Exception], arguments: list[object], attributes: dict[str, object]
) -> None:
    """SPEC F3: whatever stands in the attributes that rules look at."""
    error = base(*arguments)
    for name, value in attributes.items():
        setattr(error, name, value)

    classifier = Classifier()

    assert isinstance(classifier(error), Fault)
    assert isinstance(classifier(error), Fault)
    assert classifier.rule_errors == 0


@pytest.fixture(autouse=True)
def _the_global_classifier_is_left_alone() -> Iterator[None]:
    rules = classify._rules
    yield
    assert classify._rules is rules
