"""Users' own rules: types, names, predicates, and what a broken rule cannot do (SPEC F3)."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType

import pytest

from yaoki.core.faults.category import Category, Origin, Recoverability, Severity
from yaoki.core.faults.classifier import Classifier, classify
from yaoki.core.faults.errors import CircuitOpenError, ConfigurationError
from yaoki.core.faults.record import Fault

TEMPLATE = Fault(Category.STATE, Severity.INFO, Recoverability.TRANSIENT, "", origin=Origin.LOCAL)


class BaseError(Exception):
    pass


class LeafError(BaseError):
    pass


class Unreadable:
    def __getattribute__(self, name: str) -> object:
        if name == "__dict__":
            raise RuntimeError(name)
        return object.__getattribute__(self, name)


@pytest.fixture
def classifier() -> Classifier:
    return Classifier()


def test_a_type_is_registered_with_its_subclasses(classifier: Classifier) -> None:
    """SPEC F3: users register their own rules."""
    classifier.register(BaseError, rule=TEMPLATE)

    assert classifier(BaseError()) == TEMPLATE.replace(error_type="BaseError")
    assert classifier(LeafError()) == TEMPLATE.replace(error_type="LeafError")


def test_the_most_specific_rule_wins_whatever_the_order(classifier: Classifier) -> None:
    """SPEC F3: along the MRO, not along the registrations."""
    classifier.register(LeafError, category=Category.DATA)
    classifier.register(BaseError, category=Category.STATE)

    assert classifier(LeafError()).category is Category.DATA
    assert classifier(BaseError()).category is Category.STATE


def test_a_users_rule_wins_over_ours_at_the_same_class(classifier: Classifier) -> None:
    """SPEC F3: ValueError may be a dependency's word in somebody's program."""
    classifier.register(ValueError, recoverability=Recoverability.RECOVERABLE, origin=Origin.DEPENDENCY)

    fault = classifier(ValueError())

    assert (fault.recoverability, fault.origin, fault.category) == (
        Recoverability.RECOVERABLE,
        Origin.DEPENDENCY,
        Category.SYSTEM,
    )


def test_our_rule_for_a_subclass_wins_over_a_users_rule_for_its_base(classifier: Classifier) -> None:
    """SPEC F3: the most specific class decides, whoever wrote the rule."""
    classifier.register(ValueError, category=Category.STATE)

    assert classifier(UnicodeDecodeError("utf-8", b"x", 0, 1, "x")).category is Category.DATA


def test_axes_left_out_stay_as_the_other_rules_say(classifier: Classifier) -> None:
    """SPEC F3: one word is enough to change one axis."""
    classifier.register(ConnectionError, recoverability=Recoverability.SEVERE)
    classifier.register(ConnectionError, severity=Severity.CRITICAL)

    fault = classifier(ConnectionResetError(104, "reset"))

    assert (fault.category, fault.severity, fault.recoverability) == (
        Category.NETWORK,
        Severity.CRITICAL,
        Recoverability.SEVERE,
    )
    assert fault.code == 104


def test_the_newest_of_equal_rules_wins(classifier: Classifier) -> None:
    """SPEC F3: a later word replaces an earlier one."""
    classifier.register(BaseError, category=Category.STATE)
    classifier.register(BaseError, category=Category.DATA)

    assert classifier(BaseError()).category is Category.DATA


def test_a_rule_is_taken_back(classifier: Classifier) -> None:
    """SPEC F3: what register returns removes it, once and for all, and nothing else."""
    first = classifier.register(BaseError, category=Category.STATE)
    second = classifier.register(BaseError, category=Category.DATA)

    second()
    second()
    assert classifier(BaseError()).category is Category.STATE
    first()
    assert classifier(BaseError()).category is Category.SYSTEM


def test_a_rule_may_be_a_function(classifier: Classifier) -> None:
    """SPEC F3: the exception itself may say what it is."""
    classifier.register(BaseError, rule=lambda error: TEMPLATE.replace(code=error.args[0], error_type="from_args"))

    fault = classifier(LeafError(42))

    assert (fault.code, fault.error_type) == (42, "from_args")


def test_a_function_may_leave_it_to_the_next_rule(classifier: Classifier) -> None:
    """SPEC F3: None is no answer."""
    classifier.register(BaseError, category=Category.STATE)
    classifier.register(LeafError, rule=lambda error: None)

    assert classifier(LeafError()).category is Category.STATE


def test_a_wrapper_is_classified_as_what_it_wraps(classifier: Classifier) -> None:
    """SPEC F3: database layers and clients wrap the error that matters."""
    classifier.register(BaseError, rule=lambda error: error.__cause__)
    error = BaseError("query failed")
    error.__cause__ = ConnectionResetError(104, "reset")

    assert classifier(error) == classifier(ConnectionResetError(104, "reset"))


def test_a_wrapper_keeps_its_own_retry_after(classifier: Classifier) -> None:
    """SPEC R4: what the wrapped error does not say, the wrapper may."""
    classifier.register(BaseError, rule=lambda error: error.__cause__)
    error = BaseError("x")
    error.__cause__ = KeyError()
    error.retry_after = 5

    assert classifier(error).retry_after == 5.0


@pytest.mark.parametrize("answer", [lambda error: error, lambda error: (error, error)])
def test_a_wrapper_of_itself_ends(classifier: Classifier, answer: Callable[[Exception], object]) -> None:
    """SPEC F3: a rule that goes in circles gives way to the next."""
    classifier.register(BaseError, rule=answer)

    assert classifier(BaseError()).category is Category.SYSTEM


def test_a_name_is_as_good_as_a_type_and_imports_nothing(classifier: Classifier) -> None:
    """SPEC F3: rules for libraries that may not be installed."""
    classifier.register("no_such_library.errors.SlowDown", category=Category.CAPACITY)

    slow_down = type("SlowDown", (Exception,), {"__module__": "no_such_library.errors", "__qualname__": "SlowDown"})

    assert classifier(slow_down()).category is Category.CAPACITY
    assert "no_such_library" not in sys.modules


def test_a_name_may_be_where_users_import_it_from(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC F3: `library.Error` works although the class says `library._private.Error`."""
    library = ModuleType("some_library")
    error = type("Error", (Exception,), {"__module__": "some_library._private", "__qualname__": "Error"})
    library.Error = error
    library.Client = type("Client", (), {"Error": error})
    monkeypatch.setitem(sys.modules, "some_library", library)

    for name in ("some_library.Error", "some_library.Client.Error", "some_library._private.Error"):
        remove = classifier.register(name, category=Category.STATE)
        assert classifier(error()).category is Category.STATE
        remove()
        assert classifier(error()).category is Category.SYSTEM


@pytest.mark.parametrize("thing", [None, 3, object(), Unreadable()])
def test_a_name_among_strange_modules_is_no_danger(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, thing: object
) -> None:
    """SPEC F3: anything may stand in sys.modules."""
    monkeypatch.setitem(sys.modules, "strange_library", thing)
    classifier.register("strange_library.Error", category=Category.STATE)

    assert classifier(BaseError()).category is Category.SYSTEM


def test_thousands_of_rules_for_one_type_are_no_danger(classifier: Classifier) -> None:
    """SPEC F3: how many rules there are does not depend on the interpreter's stack."""
    for _ in range(3000):
        classifier.register(OSError, severity=Severity.INFO)

    assert classifier(ConnectionResetError(104, "reset")).to_dict()["severity"] == "info"


def test_a_registered_type_is_that_type_and_no_namesake(classifier: Classifier) -> None:
    """SPEC F3: two classes of one name are two classes."""

    def make() -> type[Exception]:
        class TwinError(Exception):
            pass

        return TwinError

    first, second = make(), make()
    classifier.register(first, category=Category.STATE)

    assert classifier(first()).category is Category.STATE
    assert classifier(second()).category is Category.SYSTEM


def test_a_predicate_sees_what_types_cannot_tell(classifier: Classifier) -> None:
    """SPEC F3: by predicate; before the type rules."""
    classifier.register(BaseError, category=Category.STATE)
    classifier.register_predicate(
        lambda error: "quota" in str(error), category=Category.CAPACITY, recoverability=Recoverability.RECOVERABLE
    )

    assert classifier(BaseError("quota exceeded")).category is Category.CAPACITY
    assert classifier(ValueError("quota")).recoverability is Recoverability.RECOVERABLE
    assert classifier(BaseError("other")).category is Category.STATE


def test_a_predicate_changes_only_the_axes_it_names(classifier: Classifier) -> None:
    """SPEC F3: the rest is what the next rules say."""
    classifier.register_predicate(lambda error: True, severity=Severity.INFO)

    fault = classifier(ConnectionResetError(104, "reset"))

    assert (fault.severity, fault.category, fault.code) == (Severity.INFO, Category.NETWORK, 104)


def test_a_predicate_may_answer_a_record(classifier: Classifier) -> None:
    """SPEC F3: or None."""
    remove = classifier.register_predicate(lambda error: TEMPLATE if error.args == (1,) else None)

    assert classifier(BaseError(1)) == TEMPLATE.replace(error_type="BaseError")
    assert classifier(BaseError(2)).category is Category.SYSTEM
    remove()
    assert classifier(BaseError(1)).category is Category.SYSTEM


def test_the_newest_predicate_is_asked_first(classifier: Classifier) -> None:
    """SPEC F3: a later word goes before an earlier one."""
    classifier.register_predicate(lambda error: TEMPLATE.replace(code=1))
    remove = classifier.register_predicate(lambda error: TEMPLATE.replace(code=2))

    assert classifier(BaseError()).code == 2
    remove()
    assert classifier(BaseError()).code == 1


def test_our_own_errors_are_not_asked_about(classifier: Classifier) -> None:
    """SPEC F6: the table of kinds goes before users' predicates and rules."""
    classifier.register_predicate(lambda error: TEMPLATE)
    classifier.register(Exception, rule=TEMPLATE)

    assert classifier(CircuitOpenError("b", float("inf"))).error_type == "circuit_open"


def test_a_copy_has_the_rules_and_its_own_future(classifier: Classifier) -> None:
    """SPEC F3: tests register on a copy."""
    classifier.register(BaseError, category=Category.STATE)
    twin = classifier.copy()
    twin.register(BaseError, category=Category.DATA)
    classifier.register(LeafError, category=Category.ROUTING)

    assert (classifier(BaseError()).category, twin(BaseError()).category) == (Category.STATE, Category.DATA)
    assert (classifier(LeafError()).category, twin(LeafError()).category) == (Category.ROUTING, Category.DATA)


def test_the_global_classifier_is_one(classifier: Classifier) -> None:
    """SPEC F3: `classify` is the instance that pipelines ask."""
    remove = classify.register(LeafError, category=Category.STATE)
    try:
        assert classify(LeafError()).category is Category.STATE
        assert classifier(LeafError()).category is Category.SYSTEM
    finally:
        remove()


def broken_rules() -> list[Callable[[Exception], object]]:
    def raises(error: Exception) -> object:
        raise RuntimeError("broken rule")

    def raises_it(error: Exception) -> object:
        raise error

    return [
        raises,
        raises_it,
        lambda error: True,
        lambda error: "transient",
        lambda error: (),
        lambda error: [error],
        lambda error: (KeyError(), "x"),
        lambda error: KeyboardInterrupt(),
        lambda error: ValueError,
    ]


@pytest.mark.parametrize("rule", broken_rules())
def test_a_broken_rule_is_passed_over_counted_and_logged_once(
    classifier: Classifier, rule: Callable[[Exception], object], caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC F3: a rule that raises or answers nonsense does not change the call."""
    classifier.register(BaseError, category=Category.STATE)
    classifier.register(LeafError, rule=rule)

    with caplog.at_level(logging.ERROR, "yaoki.core.faults"):
        faults = [classifier(LeafError()) for _ in range(3)]

    assert {fault.category for fault in faults} == {Category.STATE}
    assert classifier.rule_errors == 3
    assert [record.getMessage() for record in caplog.records] == [f"rule for {__name__}.LeafError failed and is passed over"]


def test_a_broken_predicate_is_passed_over(classifier: Classifier, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC F3: the same for predicates."""
    classifier.register_predicate(lambda error: bool(error.no_such_attribute), severity=Severity.INFO)

    assert classifier(ValueError()).severity is Severity.ERROR
    assert classifier.rule_errors == 1
    assert len(caplog.records) == 1


def test_a_rule_that_raises_the_exception_itself_leaves_its_traceback(classifier: Classifier) -> None:
    """SPEC R5: the caller sees his own traceback."""

    def again(error: Exception) -> None:
        raise error

    classifier.register(LeafError, rule=again)
    with pytest.raises(LeafError) as caught:
        raise LeafError
    before = caught.value.__traceback__

    classifier(caught.value)

    assert caught.value.__traceback__ is before
    assert classifier.rule_errors == 1


def test_a_log_handler_that_raises_does_not_change_the_call(classifier: Classifier) -> None:
    """SPEC F3: nor does a broken log."""

    class BrokenHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no log")

    logger, handler = logging.getLogger("yaoki.core.faults"), BrokenHandler()
    logger.addHandler(handler)
    try:
        classifier.register(LeafError, rule=lambda error: "nonsense")
        assert classifier(LeafError()).category is Category.SYSTEM
    finally:
        logger.removeHandler(handler)


def test_an_interrupt_in_a_rule_goes_through(classifier: Classifier) -> None:
    """SPEC R5: KeyboardInterrupt is nobody's to swallow."""

    def interrupted(error: Exception) -> None:
        raise KeyboardInterrupt

    classifier.register(LeafError, rule=interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifier(LeafError())


def bad_registrations() -> list[tuple[Callable[[Classifier], object], str]]:
    return [
        (lambda c: c.register(BaseError), "register needs rule, or one of"),
        (lambda c: c.register(BaseError, rule=TEMPLATE, category=Category.DATA), "category cannot be given beside it"),
        (lambda c: c.register(BaseError, rule="fatal"), "rule must be a Fault or a function of the exception, not 'fatal'"),
        (lambda c: c.register(BaseError, category="network"), r"category must be a Category \(PROTOCOL, .*\), not 'network'"),
        (lambda c: c.register(BaseError, severity=2), "severity must be a Severity"),
        (lambda c: c.register(BaseError, recoverability="fatal"), "recoverability must be a Recoverability"),
        (lambda c: c.register(BaseError, origin=Category.DATA), "origin must be a Origin|origin must be an Origin"),
        (
            lambda c: c.register(KeyboardInterrupt, category=Category.DATA),
            "subclass of Exception, not builtins.KeyboardInterrupt",
        ),
        (lambda c: c.register(int, category=Category.DATA), "subclass of Exception, not builtins.int"),
        (
            lambda c: c.register("ValueError", category=Category.DATA),
            "qualified name like 'builtins.ValueError', not 'ValueError'",
        ),
        (lambda c: c.register("a b.C", category=Category.DATA), "qualified name"),
        (lambda c: c.register("", category=Category.DATA), "qualified name"),
        (lambda c: c.register(".", category=Category.DATA), "qualified name"),
        (lambda c: c.register(BaseError(), category=Category.DATA), "exception type or its qualified name"),
        (lambda c: c.register((BaseError, LeafError), category=Category.DATA), "exception type or its qualified name"),
        (lambda c: c.register_predicate(None), "predicate must be a function of the exception"),
        (lambda c: c.register_predicate(lambda error: True, severity="loud"), "severity must be a Severity"),
    ]


@pytest.mark.parametrize(("register", "message"), bad_registrations())
def test_a_bad_registration_is_refused_with_a_reason(
    classifier: Classifier, register: Callable[[Classifier], object], message: str
) -> None:
    """SPEC F3: an error that names the parameter and its range; nothing is registered."""
    with pytest.raises(ConfigurationError, match=message):
        register(classifier)
    assert classifier(BaseError()).category is Category.SYSTEM


def test_threads_may_register_and_classify_at_once(classifier: Classifier) -> None:
    """SPEC F3: every answer is that of a rule that was registered at the time; none is kept beyond its rule."""
    stop = threading.Event()
    seen: set[Category] = set()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                seen.add(classifier(LeafError()).category)
        except BaseException as error:  # noqa: BLE001  # reported below
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for _ in range(300):
            remove = classifier.register(BaseError, category=Category.STATE)
            assert classifier(LeafError()).category is Category.STATE
            remove()
            assert classifier(LeafError()).category is Category.SYSTEM
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)

    assert failures == []
    assert seen <= {Category.STATE, Category.SYSTEM}
