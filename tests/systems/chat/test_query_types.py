"""Failures of only some types of question are told from failures of all (SPEC F4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.chat.parts import Chat
from tests.systems.chat.scripted import ScriptedAnswerer, ScriptedSearch, asked
from yaoki.core.health.failure_duration import FailureDuration
from yaoki.systems.chat.answerer import Asked, Exchange, Written
from yaoki.systems.chat.dependencies.dependency import LLM, VECTOR, Result
from yaoki.systems.chat.dependencies.health import check_dependency, failure_duration
from yaoki.systems.chat.dependencies.query_types import TYPES, QueryTypes, type_of
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time

OK: Result[object] = Result("x")
FAILED: Result[object] = Result(None, "http_400")


@pytest.mark.parametrize(
    ("question", "history", "expected"),
    [
        ("How do I boil water?", (), "en"),
        ("お湯の沸かし方は？", (), "ja"),
        ("word " * 100, (), "en-long"),
        ("お湯を。" * 200, (), "ja-long"),
        ("And milk?", (Exchange("a", "b"),), "en-follow-up"),
        ("牛乳は？", (Exchange("a", "b"),), "ja-follow-up"),
    ],
)
def test_a_question_has_one_type(question: str, history: tuple[Exchange, ...], expected: str) -> None:
    """SPEC F4: its language, and what makes it harder."""
    assert type_of(asked(question, history=history)) == expected
    assert expected in TYPES


def test_three_failures_in_a_row_and_a_success_elsewhere_are_partial(virtual_clock: VirtualClock) -> None:
    """SPEC F4: one is a blip; what is long ago, and what was not tried at all, says nothing."""
    types = QueryTypes(memory=300.0)
    types.observe("en", OK)
    types.observe("ja", FAILED)
    types.observe("ja", FAILED)
    types.observe("ja", Result(None, "circuit_open", attempts=0))
    blip = types.partial
    types.observe("ja", FAILED)
    partial = types.partial, types.failing
    types.observe("en", FAILED)
    whole = types.partial
    virtual_clock.advance(301.0)

    assert (blip, partial, whole, types.failing) == (False, (True, ("ja",)), False, ())


class OnlyEnglish(ScriptedAnswerer):
    """A model that refuses Japanese."""

    async def write(self, asked: Asked) -> Written:
        if type_of(asked) == "ja":
            raise RuntimeError("not my language")
        return await super().write(asked)


async def test_the_service_knows_which_questions_fail(tmp_path: Path) -> None:
    """SPEC F4: seen in the duration of the failure and in the check, while the circuit is closed."""
    chat = Chat(None, search=ScriptedSearch(), answerer=OnlyEnglish("Yes."), breaker_minimum_calls=100)
    for _ in range(3):
        await chat.ask("お湯の沸かし方は？")
        await chat.ask("How do I boil water?")
    types = chat.turns.query_types

    assert failure_duration(chat.answering.pipeline, types[LLM]) is FailureDuration.PARTIAL
    assert failure_duration(chat.retrieval.pipeline, types[VECTOR]) is FailureDuration.NONE
    assert "fail: ja" in await check_dependency(chat.answering.pipeline, types[LLM])
