"""The ladder of a service that searches and then writes an answer: four modes and their texts (SPEC G3, K3).

| mode | failed | answer |
| --- | --- | --- |
| normal | nothing | with what was found |
| degraded-no-context | search | general |
| degraded-cache-only | the writer | from the cache, extractive, or the apology |
| static-only | both | a prepared one, or the static text |
"""

from __future__ import annotations

from yaoki.core.degradation.ladder import Ladder, Mode

__all__ = ["chat_ladder"]


def chat_ladder(search: str = "vector", writer: str = "llm") -> Ladder:
    """The ladder of SPEC G3. `search` and `writer`: the names of the two dependencies."""
    raise NotImplementedError
