"""The page over three processes: an answer of a model, its sources from a search elsewhere, and what is left when the model is killed.

Needs Chromium and Playwright. Skipped where they are missing; with `CI=true` that is a failure.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.chat.running import FAST, Process, ServedChat
from tests.systems.chat.search_server import SearchServer
from tests.systems.chat.visitor import Visitor, chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PATIENT = {**FAST, "YAOKI_CHAT_VECTOR_TIMEOUT": "3", "YAOKI_CHAT_LLM_TIMEOUT": "3"}


def test_an_answer_its_source_and_the_answer_after_a_kill(tmp_path: Path) -> None:
    """SPEC G1, G3, G5: sources open although another service searches; a killed model leaves the earlier answer, in other words too."""
    with (
        chromium() as browser,
        SearchServer() as search,
        Process(tmp_path, "chat", "llm", "--port", "0") as llm,
        ServedChat(tmp_path / "data", search.port, llm.port, PATIENT) as chat,
    ):
        visitor = Visitor(browser, chat.url)
        said = visitor.ask("How does a kettle boil water?")
        assert visitor.mode() == "normal"
        assert "written by a model" in said
        visitor.page.get_by_role("button", name="Source 1").first.click()
        visitor.page.locator(".passage-text pre").wait_for()
        llm.kill()
        said = visitor.ask("Please tell me how kettles boil water")
        assert visitor.mode() == "degraded-cache-only"
        assert "The service that writes answers is temporarily unavailable" in said
        assert "an earlier answer" in said
        assert visitor.page.locator(".turn").count() == 2
        visitor.leaves()
