"""Errors of the language itself: mostly bugs of the calling code, which no repetition mends (SPEC F3, B4)."""

from __future__ import annotations

from yaoki.core.faults.templates import BROKEN_HERE, CALLERS_BUG, CONNECTION_LOST, EXHAUSTED, UNKNOWN, WRONG_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.core.faults.rule import Answer

__all__ = ["RULES"]

RULES: Mapping[str, Answer] = {
    "builtins.ArithmeticError": CALLERS_BUG,
    "builtins.AssertionError": CALLERS_BUG,
    "builtins.AttributeError": CALLERS_BUG,
    "builtins.BufferError": CALLERS_BUG,
    "builtins.ImportError": CALLERS_BUG,
    "builtins.LookupError": CALLERS_BUG,
    "builtins.NameError": CALLERS_BUG,
    "builtins.NotImplementedError": CALLERS_BUG,
    "builtins.RecursionError": CALLERS_BUG,
    "builtins.ReferenceError": CALLERS_BUG,
    "builtins.StopAsyncIteration": CALLERS_BUG,
    "builtins.StopIteration": CALLERS_BUG,
    "builtins.SyntaxError": CALLERS_BUG,
    "builtins.TypeError": CALLERS_BUG,
    "builtins.ValueError": CALLERS_BUG,
    "builtins.Warning": CALLERS_BUG,
    # What was received cannot be decoded; what the caller gave cannot be encoded.
    "builtins.UnicodeError": WRONG_DATA,
    "builtins.UnicodeEncodeError": CALLERS_BUG,
    "builtins.UnicodeTranslateError": CALLERS_BUG,
    # The other end of a pipe or connection is closed.
    "builtins.EOFError": CONNECTION_LOST,
    "builtins.MemoryError": EXHAUSTED,
    "builtins.PythonFinalizationError": BROKEN_HERE,
    "builtins.SystemError": BROKEN_HERE,
    # Libraries raise a bare RuntimeError for anything.
    "builtins.RuntimeError": UNKNOWN,
    "builtins.Exception": UNKNOWN,
}
