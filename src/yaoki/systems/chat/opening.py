"""How a browser that the command line opens gets the token: for a code that works once, and not for long (SPEC X5).

The address of a page that is opened stands in the list of processes, where every user of the machine can read it. So the token
is not in it.
"""

from __future__ import annotations

import hmac
import os

from yaoki.core.clock import clock

__all__ = ["Opening"]


class Opening:
    """One code at a time; it is good for `lifetime` seconds, and for one try."""

    def __init__(self, lifetime: float = 60.0) -> None:
        self._lifetime = lifetime
        self._code: str | None = None
        self._until = 0.0

    def code(self) -> str:
        """A new code; the one before is no longer good."""
        self._code = os.urandom(16).hex()
        self._until = clock.now() + self._lifetime
        return self._code

    def take(self, given: str) -> bool:
        """Whether this is the code. It is used up then, and by a wrong one as well: nobody can try many."""
        code, self._code = self._code, None
        return (
            code is not None
            and clock.now() < self._until
            and hmac.compare_digest(code.encode(), given.encode("utf-8", "replace"))
        )
