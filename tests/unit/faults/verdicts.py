"""How the tests of the rules speak: the three axes that decide what is done, and what a call raised."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.classifier import classify

Verdict = tuple[Category, Recoverability, Origin]

DEPENDENCY, CALLER, LOCAL = Origin
TRANSIENT, RECOVERABLE, SEVERE, FATAL = Recoverability

THE_CALLERS: Verdict = (Category.SYSTEM, FATAL, CALLER)
WRONG_DATA: Verdict = (Category.DATA, RECOVERABLE, DEPENDENCY)


def says(error: Exception) -> Verdict:
    """What the classifier says of the exception, but for its loudness."""
    fault = classify(error)
    return fault.category, fault.recoverability, fault.origin


def raised_by(call: Callable[[], object]) -> Exception:
    """The exception that the call raises."""
    with pytest.raises(Exception) as caught:
        call()
    return caught.value
