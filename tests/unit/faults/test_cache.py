"""What a type decides is kept while the type lives, and no longer (SPEC F3)."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest

from yaoki.core.faults import classifier as classifier_module
from yaoki.core.faults.category import Category
from yaoki.core.faults.classifier import Classifier
from yaoki.core.faults.rules import sockets


def make() -> type[Exception]:
    class DynamicError(Exception):
        pass

    return DynamicError


def test_a_known_type_gets_the_very_same_record() -> None:
    """SPEC F3: classification of a known type is cached."""
    classifier, error = Classifier(), make()

    assert classifier(error()) is classifier(error("another"))


def test_the_rules_of_a_known_type_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC F3: the walk along the MRO happens for the first exception of a type only."""
    walked: list[str] = []

    def counted(name: str) -> object:
        walked.append(name)
        return original(name)

    original = classifier_module.built_in
    monkeypatch.setattr(classifier_module, "built_in", counted)
    classifier, error = Classifier(), make()
    for _ in range(5):
        classifier(error())

    assert walked == [
        f"{__name__}.make.<locals>.DynamicError",
        "builtins.Exception",
        "builtins.BaseException",
        "builtins.object",
    ]


def test_a_function_is_asked_for_every_exception() -> None:
    """SPEC F3: what depends on the exception is not kept."""
    classifier, error = Classifier(), make()
    asked: list[object] = []
    classifier.register(error, rule=lambda raised: asked.append(raised.args))
    for number in range(3):
        classifier(error(number))

    assert asked == [(0,), (1,), (2,)]


def test_registering_forgets_what_was_known() -> None:
    """SPEC F3: a rule works at once, also for types that were seen before it."""
    classifier, error = Classifier(), make()
    before = classifier(error()).category
    remove = classifier.register(Exception, category=Category.STATE)
    between = classifier(error()).category
    remove()

    assert (before, between, classifier(error()).category) == (Category.SYSTEM, Category.STATE, Category.SYSTEM)


def test_a_type_that_is_gone_is_forgotten() -> None:
    """SPEC F3: dynamically created exception classes do not leak."""
    classifier = Classifier()
    error = make()
    classifier(error())
    alive = weakref.ref(error)
    assert len(classifier._known) == 1

    del error
    gc.collect()

    assert alive() is None
    assert classifier._known == {}


def test_many_dynamic_types_leave_nothing_behind() -> None:
    """SPEC F3: ten thousand classes, no entry left, and no class mistaken for another that had its address."""
    classifier = Classifier()
    classifier.register(ValueError, category=Category.DATA)
    for number in range(10_000):
        base, category = (ValueError, Category.DATA) if number % 2 else (RuntimeError, Category.SYSTEM)
        error = type("DynamicError", (base,), {})
        assert classifier(error()).category is category
    del error
    gc.collect()

    assert len(classifier._known) == 0


def test_a_removed_rule_lets_its_type_go() -> None:
    """SPEC F3: a registration holds its type, its removal does not."""
    classifier = Classifier()
    error = make()
    remove = classifier.register(error, category=Category.STATE)
    classifier(error())
    alive = weakref.ref(error)
    remove()
    del error, remove
    gc.collect()

    assert alive() is None


def test_a_forgotten_classifier_is_collected() -> None:
    """SPEC F3: copies made in tests do not pile up; what was registered on them goes with them."""
    classifier, error = Classifier().copy(), make()
    classifier.register(error, category=Category.STATE)
    classifier(error())
    classifier(ValueError())
    alive = weakref.ref(error)
    del classifier, error
    gc.collect()

    assert alive() is None


def test_os_errors_of_many_classes_are_kept_in_bounds() -> None:
    """SPEC F3: records of OSErrors are shared, and their number is bounded."""
    classifier = Classifier()
    for number in range(2000):
        error = type(f"Dynamic{number}Error", (OSError,), {})
        assert classifier(error(104, "reset")).error_type == f"Dynamic{number}Error"

    assert len(sockets._known) <= 512


def test_threads_learn_a_type_together() -> None:
    """SPEC F3: the first failures of a type may come at once."""
    classifier, error = Classifier(), make()
    barrier = threading.Barrier(8)
    found: list[object] = []

    def look() -> None:
        barrier.wait()
        found.append(classifier(error()))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(classifier._known) == 1


def test_a_file_of_rules_that_cannot_be_loaded_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC F3: without a free descriptor no file can be opened; the classifier still answers, and does not keep that answer."""

    def no_descriptors(name: str) -> None:
        raise OSError(24, "Too many open files")

    classifier, error = Classifier(), make()
    classifier.register(error, category=Category.STATE)
    with monkeypatch.context() as broken:
        broken.setattr(classifier_module, "built_in", no_descriptors)
        first = classifier(error())
        assert classifier._known == {}

    assert (first.category, classifier(error()).category) == (Category.STATE, Category.STATE)
    assert len(classifier._known) == 1


def test_errors_of_ours_are_classified_without_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC F3: the same for the table of kinds, if it is first needed without a free descriptor."""
    from yaoki.core.faults.errors import RateLimitedError

    classifier = Classifier()
    with monkeypatch.context() as broken:
        broken.setitem(sys.modules, "yaoki.core.faults.kinds", None)
        assert classifier(RateLimitedError("r", 1.0)).error_type == "RateLimitedError"

    assert classifier(RateLimitedError("r", 1.0)).error_type == "rate_limited"
