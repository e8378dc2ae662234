"""The tables of built-in rules: every name is right, and found; no library is loaded for them (SPEC F3)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yaoki.core.faults.classifier import Classifier
from yaoki.core.faults.rules import built_in, rules_for

LIBRARIES = (
    *("ssl", "asyncio", "concurrent", "sqlite3", "subprocess", "urllib", "json", "httpx"),
    "builtins",
)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_rule_is_found_through_its_own_library(library: str) -> None:
    """SPEC F3: a rule whose library does not lead to its file would never be asked."""
    for name in rules_for(library):
        assert built_in(name) is not None


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_rule_is_for_a_class_that_exists_by_that_name(library: str) -> None:
    """SPEC F3: a misspelt name would never match. Names of newer Pythons are left out."""
    newer = {"asyncio.queues.QueueShutDown", "queue.ShutDown", "compression.zstd.ZstdError", "queue.Empty"}
    for name in set(rules_for(library)) - newer:
        module, _, attribute = name.rpartition(".")
        cls = getattr(sys.modules.get(module) or __import__(module, fromlist=["x"]), attribute)
        assert f"{cls.__module__}.{cls.__qualname__}" == name


def test_no_library_is_imported_for_its_rules() -> None:
    """SPEC F3: rules are keyed by name; classifying built-in errors loads none of these."""
    program = """
import sys
from yaoki.core.faults.classifier import classify
before = set(sys.modules)
for error in (ValueError(), OSError(111, "x"), TimeoutError(), KeyError(), MemoryError(), RuntimeError()):
    classify(error)
heavy = {"ssl", "socket", "asyncio", "sqlite3", "subprocess", "urllib.error", "http.client", "json", "email", "logging", "datetime"}
print(sorted(heavy & set(sys.modules)), sorted(set(sys.modules) - before))
"""
    source = Path(__file__).parents[3] / "src"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(source)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[] []\n"


def test_every_built_in_rule_answers_without_failing() -> None:
    """SPEC F3: no rule of ours stumbles over an exception of its type, however bare."""
    classifier = Classifier()
    for library in LIBRARIES:
        # An HTTPError that was never initialised fails at every question by itself.
        for name in set(rules_for(library)) - {"urllib.error.HTTPError", "urllib.error.URLError", "httpx.HTTPStatusError"}:
            module, _, attribute = name.rpartition(".")
            cls = getattr(sys.modules.get(module), attribute, None)
            if cls is not None and issubclass(cls, Exception) and not issubclass(cls, ExceptionGroup):
                assert classifier(cls.__new__(cls)).error_type == cls.__name__

    assert classifier.rule_errors == 0
