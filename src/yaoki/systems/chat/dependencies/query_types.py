"""Which types of question a dependency fails for: all of them, or only some (SPEC F4).

A circuit knows one dependency, not its questions. But an index can miss one language, and a model refuse what is long or has a history.
The types are those that fail apart from each other in practice: the language of the question, and whether it is long or continues a
conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.core.clock import clock
from yaoki.systems.chat.texts import written_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaoki.systems.chat.answerer import Asked
    from yaoki.systems.chat.dependencies.dependency import Result

__all__ = ["TYPES", "QueryTypes", "type_of"]

_LONG = 500
"""Characters from which a question is a long one."""

TYPES = tuple(f"{language}{form}" for language in ("en", "ja") for form in ("", "-long", "-follow-up"))
"""Every type there is. `en` stands for whatever is not Japanese."""


def type_of(asked: Asked) -> str:
    """The type of a question."""
    language = written_in(asked.question)
    if asked.history:
        return f"{language}-follow-up"
    return f"{language}-long" if len(asked.question) >= _LONG else language


@dataclass(slots=True)
class _Latest:
    failures: int = 0
    """How many of the latest calls in a row have failed."""
    at: float = 0.0


class QueryTypes:
    """The latest outcomes of one dependency by the type of question.

    A type fails from `failures` failures in a row on. What is older than `memory` seconds says nothing any more. For one event loop.
    """

    def __init__(self, *, failures: int = 3, memory: float = 300.0) -> None:
        self.failures = failures
        self.memory = memory
        self._latest: dict[str, _Latest] = {}

    def observe(self, query_type: str, result: Result[object]) -> None:
        """Hear what came of a call; one that was not made says nothing."""
        if not result.attempts:
            return
        latest = self._latest.setdefault(query_type, _Latest())
        latest.failures = latest.failures + 1 if result.failed else 0
        latest.at = clock.now()

    @property
    def failing(self) -> tuple[str, ...]:
        """The types that fail, by name."""
        return tuple(sorted(name for name, latest in self._recent().items() if latest.failures >= self.failures))

    @property
    def partial(self) -> bool:
        """Whether some types fail while others succeed."""
        return bool(self.failing) and any(not latest.failures for latest in self._recent().values())

    def _recent(self) -> Mapping[str, _Latest]:
        since = clock.now() - self.memory
        return {name: latest for name, latest in list(self._latest.items()) if latest.at >= since}
