"""Answers given in normal mode, kept for when the answerer is down: which are kept, and which question each of them serves."""

from __future__ import annotations

from yaoki.systems.chat.answer_cache.cache import AnswerCache

__all__ = ["AnswerCache"]
