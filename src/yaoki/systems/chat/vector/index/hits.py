"""What a search returns, also over HTTP (SPEC G1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Found", "Hit", "Retrieval"]

Retrieval = Literal["hybrid", "lexical"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that a search found.

    `id`: stable as long as the document is the same, such as `asyncio.wait_for` or `asyncio.wait_for#2`. `text`: the passage,
    without its title and signature. `score`: larger is better; comparable within one search only. `title`: what the passage
    is about, as users call it. `signature`: the call as it is written, `asyncio.wait_for(fut, timeout)`, or "". `source`: where
    it stands, such as `asyncio/tasks.py, line 424`, or "". `similarity`: the cosine of passage and question, of a search by
    meaning; None where it is not known. Text from documents is untrusted: escape it wherever it is shown.
    """

    id: str
    text: str
    score: float
    title: str = ""
    signature: str = ""
    source: str = ""
    similarity: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The hit as JSON: one of the `results` of `POST /search`."""
        return {
            "id": self.id,
            "text": self.text,
            "score": self.score,
            "title": self.title,
            "signature": self.signature,
            "source": self.source,
            "similarity": self.similarity,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Hit:
        """The hit that a search service returned. Raises ValueError unless `id`, `text` and `score` are there and right.

        A foreign service need not know the others.
        """
        try:
            key, text, score = given["id"], given["text"], given["score"]
        except (KeyError, TypeError) as error:
            raise ValueError("a search result needs id, text and score") from error
        right = (
            isinstance(text, str)
            and (isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)))
            and (isinstance(score, float) or (isinstance(score, int) and not isinstance(score, bool)))
            and abs(score) <= _LARGEST
        )
        if not right:
            raise ValueError("a search result's id is a string or a whole number, its text a string, its score a finite number")
        further = {name: value for name in ("title", "signature", "source") if isinstance(value := given.get(name), str)}
        return cls(str(key), text, float(score), **further, similarity=_cosine(given.get("similarity")))


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `hits`: best first.

    `version`: of the index. `retrieval`: how it searched, by words and meaning (`hybrid`) or by words alone (`lexical`).
    `reason`: why not by meaning, one word; None where it did, or where there is no embedder.
    """

    hits: list[Hit]
    version: str
    retrieval: Retrieval
    reason: str | None = None


def _cosine(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and -1.01 <= value <= 1.01 else None


_LARGEST = 1e300
