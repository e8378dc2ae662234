"""The reply to one message: what was said, how good it is, and why (SPEC G3, K3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from yaoki.systems.chat.extractive.answer import Entry

__all__ = ["Degraded", "Engine", "Reply"]

Engine = Literal["llm", "extractive", "cache", "faq", "static"]


@dataclass(frozen=True, slots=True)
class Degraded:
    """A dependency that failed in this request. `reason`: one word; `attempts`: how often it was tried, 0 if not at all."""

    dependency: str
    reason: str
    attempts: int

    def to_dict(self) -> dict[str, Any]:
        """The failure as JSON."""
        return {"dependency": self.dependency, "reason": self.reason, "attempts": self.attempts}


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of the answer to `POST /chat`.

    `notice`: None in mode normal, text otherwise. `engine`: who wrote the message. `entries`: the sources it quotes.
    `cached_age`: seconds since a cached answer was written, None for any other. `degraded`: what failed. `truncated`: whether
    the message is the beginning of an answer whose end never came. `retrieval`: how the passages were found, `hybrid` or
    `lexical`; None where nothing was searched, or the search does not say.
    """

    message: str
    mode: str
    notice: str | None
    engine: Engine
    request_id: str
    entries: tuple[Entry, ...] = ()
    cached_age: float | None = None
    degraded: tuple[Degraded, ...] = ()
    truncated: bool = False
    retrieval: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The reply as JSON. `entries` is for whoever shows more than the message."""
        body: dict[str, Any] = {
            "message": self.message,
            "mode": self.mode,
            "notice": self.notice,
            "engine": self.engine,
            "citations": [_citation(place, entry) for place, entry in enumerate(self.entries, 1)],
            "request_id": self.request_id,
            "retrieval": self.retrieval,
            "degraded": [each.to_dict() for each in self.degraded],
            "entries": [entry.to_dict() for entry in self.entries],
        }
        if self.truncated:
            body["truncated"] = True
        if self.cached_age is not None:
            body["cached_age_s"] = round(self.cached_age, 3)
        return body


def _citation(place: int, entry: Entry) -> dict[str, Any]:
    """A source by name. `number`: what the message says for it, in brackets."""
    return {
        "number": place if entry.number is None else entry.number,
        "id": entry.id,
        "title": entry.title,
        "score": entry.score,
        "source": entry.source,
    }
