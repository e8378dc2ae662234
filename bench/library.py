"""What the benchmark knows of a library: how it is found, and how it guards a function in each of the ways that are compared.

A guard is a method named as its kind; it takes a function and returns the guarded one, with state of its own each time. A
library that has no such guard has no such method. Nothing is imported before a guard is made.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any, cast

from bench.targets import Decorate

# Long enough that no circuit leaves its state while it is measured, and no timeout passes.
OPEN_SECONDS = 3600.0
TIMEOUT_SECONDS = 5.0


class Library:
    """One library; a subclass has a method for each kind of guard that it offers."""

    name = ""
    module: str | None = None
    distribution: str | None = None
    imported: str | None = None
    """What an import of it names, if not `module`."""

    def installed(self) -> bool:
        """Whether it can be imported here."""
        return self.module is None or importlib.util.find_spec(self.module) is not None

    def version(self) -> str | None:
        """The installed version, or None."""
        if self.distribution is None or not self.installed():
            return None
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    def guard(self, kind: str) -> Decorate | None:
        """The guard of this kind, or None if the library has none."""
        return cast("Decorate | None", getattr(self, kind, None))

    def maker(self) -> Callable[[], object] | None:
        """What makes one breaker, or None if the library has no breaker object of its own."""
        return cast("Callable[[], object] | None", getattr(self, "breaker_object", None))

    def load(self, module: str) -> Any:
        """A module of the library; its types are not known here."""
        return importlib.import_module(module)


class Bare(Library):
    """No guard at all: the price of the call and of the loop around it."""

    name = "bare call"

    def breaker(self, call: Any) -> Any:
        """The function itself."""
        return call

    async_breaker = breaker
