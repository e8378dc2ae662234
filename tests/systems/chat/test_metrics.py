"""What the chat counts itself."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.systems.chat.parts import Chat
from tests.systems.chat.scripted import ScriptedAnswerer, ScriptedSearch
from yaoki.systems.chat.metrics import ChatMetrics
from yaoki.systems.chat.stream import Streams

pytestmark = pytest.mark.virtual_time


async def test_answers_are_counted_by_mode_and_engine() -> None:
    """SPEC O1, G4: also what the cache was asked, and how long answers took."""
    answerer = ScriptedAnswerer("Yes.")
    chat = Chat(None, search=ScriptedSearch(), answerer=answerer)
    metrics = ChatMetrics(chat.turns, Streams(), chat.turns.query_types)
    metrics.answered(await chat.ask(), 0.02)
    answerer.script = (OSError(),)
    metrics.answered(await chat.ask(), 0.2)
    registry = CollectorRegistry()
    registry.register(metrics)
    shown = generate_latest(registry).decode()

    for line in (
        'yaoki_chat_requests_total{engine="llm",mode="normal"} 1.0',
        'yaoki_chat_requests_total{engine="cache",mode="degraded-cache-only"} 1.0',
        'yaoki_chat_seconds_bucket{le="0.025",mode="normal"} 1.0',
        'yaoki_chat_seconds_bucket{le="0.1",mode="degraded-cache-only"} 0.0',
        'yaoki_chat_seconds_count{mode="degraded-cache-only"} 1.0',
        'yaoki_chat_seconds_count{mode="static-only"} 0.0',
        'yaoki_chat_cache_lookups_total{result="same"} 1.0',
        'yaoki_chat_query_type_failing{dependency="llm",query_type="en"} 0.0',
    ):
        assert line in shown
