"""What the chat says itself, in English and Japanese; notices and apologies of the modes are the ladder's own (SPEC K3)."""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["LANGUAGES", "NO_CONTEXT", "PREPARING", "Language", "written_in"]

Language = Literal["en", "ja"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja")

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def written_in(text: str) -> Language:
    """The language that somebody has written this in; English stands for whatever is not Japanese."""
    return "ja" if _JAPANESE.search(text) else "en"


NO_CONTEXT: Final[dict[Language, str]] = {
    "en": "This service answers by quoting documents, and the search that finds them is not available. Please ask again in a moment.",
    "ja": "このサービスは文書を引用してお答えしますが、文書の検索が現在利用できません。しばらくしてからもう一度お試しください。",
}

PREPARING: Final[dict[Language, str]] = {
    "en": "The documents are still being read, {percent} % so far. Please ask again in a moment.",
    "ja": "文書を読み込んでいます（{percent} % 完了）。しばらくしてからもう一度お試しください。",
}
