"""The mode, the notice and the message of a reply, by what failed on its way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.systems.chat.parts import KNOWN, UNKNOWN, Chat, small_index
from yaoki.core import deadline
from yaoki.testing import VirtualClock

pytestmark = pytest.mark.virtual_time

FAULTS = ["fail", "hang"]


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    return Chat(small_index(tmp_path))


async def test_nothing_fails_and_the_documents_answer(chat: Chat) -> None:
    """SPEC G3: nothing failed, so the mode is normal, without a notice, with sources."""
    reply = await chat.ask()

    assert (reply.mode, reply.notice, reply.engine, reply.degraded) == ("normal", None, "extractive", ())
    assert reply.entries[0].title == "kitchen.boil"
    assert reply.to_dict()["citations"][0]["id"] == "kitchen.boil"


async def test_nothing_found_is_normal(chat: Chat) -> None:
    """SPEC G3: that no passages were found is normal too."""
    reply = await chat.ask(UNKNOWN)

    assert (reply.mode, reply.notice, reply.entries) == ("normal", None, ())
    assert "nothing" in reply.message


@pytest.mark.parametrize("fault", FAULTS)
async def test_retrieval_fails(chat: Chat, fault: str) -> None:
    """SPEC G3: only the search failed: degraded-no-context, and the notice of SPEC K3."""
    chat.set(vector=fault)

    reply = await chat.ask(accept_language="ja")

    assert reply.mode == "degraded-no-context"
    assert reply.notice == "検索機能が一時的に利用できないため、一般的な回答を提供しています"
    assert [each.dependency for each in reply.degraded] == ["vector"]
    assert reply.engine == "extractive"
    assert reply.entries == ()
    assert reply.message


@pytest.mark.parametrize("fault", FAULTS)
async def test_answering_fails_after_the_same_question_was_answered(chat: Chat, fault: str) -> None:
    """SPEC G3: only the answerer failed: the answer given before, word for word, with its age."""
    before = await chat.ask(KNOWN)
    await asyncio.sleep(60.0)
    chat.set(llm=fault)

    reply = await chat.ask(" how do I boil  water with a timeout ")

    assert (reply.mode, reply.engine) == ("degraded-cache-only", "cache")
    assert reply.notice == "The service that writes answers is temporarily unavailable"
    assert reply.message == before.message
    assert reply.entries == before.entries
    assert reply.cached_age is not None
    assert 60.0 <= reply.cached_age < 100.0


@pytest.mark.parametrize("fault", FAULTS)
async def test_answering_fails_and_nothing_like_it_was_answered(chat: Chat, fault: str) -> None:
    """SPEC G3, K3: only the answerer failed and there is no earlier answer: the apology, in the same mode."""
    await chat.ask(UNKNOWN)
    chat.set(llm=fault)

    reply = await chat.ask(KNOWN, accept_language="ja")

    assert (reply.mode, reply.engine, reply.cached_age) == ("degraded-cache-only", "static", None)
    assert reply.notice == "応答生成サービスが一時的に利用できません"
    assert reply.message.startswith("申し訳ありませんが、現在サービスが混雑しています。")


@pytest.mark.parametrize(("vector", "llm"), [("fail", "fail"), ("hang", "hang"), ("fail", "hang"), ("hang", "fail")])
async def test_both_fail(chat: Chat, vector: str, llm: str) -> None:
    """SPEC G3: both failed: static-only with a notice; the answer cache is not asked."""
    await chat.ask(KNOWN)
    chat.set(vector, llm)

    reply = await chat.ask(KNOWN)

    assert (reply.mode, reply.engine, reply.entries) == ("static-only", "static", ())
    assert reply.notice
    assert "outage" in reply.message
    assert [each.dependency for each in reply.degraded] == ["vector", "llm"]
    assert chat.turns.cache.hits == 0


async def test_both_fail_while_maintenance_is_declared(tmp_path: Path) -> None:
    """SPEC K3: then the static text is that of the source document; without being declared, maintenance is never said."""
    chat = Chat(small_index(tmp_path), maintenance=True)
    chat.set("fail", "fail")

    reply = await chat.ask(KNOWN, accept_language="ja")

    assert (reply.mode, reply.message) == (
        "static-only",
        "申し訳ありませんが、現在システムがメンテナンス中です。後ほどお試しください。",
    )


async def test_both_fail_and_a_prepared_answer_fits(chat: Chat) -> None:
    """SPEC G3: both failed, and the question is a prepared one."""
    chat.set("fail", "fail")

    reply = await chat.ask("What is Yaoki?")

    assert (reply.mode, reply.engine) == ("static-only", "faq")
    assert "Yaoki chat" in reply.message


async def test_a_slow_part_is_waited_for(chat: Chat) -> None:
    """SPEC G3: slow is not failed, as long as it is in time."""
    chat.set("slow", "slow")

    assert (await chat.ask()).mode == "normal"


async def test_a_degraded_answer_is_not_kept(chat: Chat) -> None:
    """SPEC G3, K3: what was said in a degraded mode is never repeated as an answer."""
    chat.set(vector="fail")
    await chat.ask(KNOWN)
    chat.set(llm="fail")

    assert (await chat.ask(KNOWN)).engine == "static"


async def test_the_budgets_hold_while_everything_hangs(chat: Chat, virtual_clock: VirtualClock) -> None:
    """SPEC G2: 3 s and 30 s are the whole budget of a dependency, retries and waits included."""
    chat.set("hang", "hang")
    began = virtual_clock.time

    reply = await chat.ask()

    assert virtual_clock.time - began <= 3.0 + 30.0
    assert [each.reason for each in reply.degraded] == ["deadline_exceeded", "deadline_exceeded"]
    assert reply.degraded[0].attempts > 1


async def test_a_deadline_of_the_caller_cuts_the_budgets(chat: Chat, virtual_clock: VirtualClock) -> None:
    """SPEC T1: the tighter deadline wins, and is no failure of the dependency."""
    chat.set("hang", "hang")
    began = virtual_clock.time

    with deadline.within(0.5):
        reply = await chat.ask()

    assert virtual_clock.time - began <= 0.5
    assert reply.mode == "static-only"
    assert chat.retrieval.pipeline.snapshot()["policies"][2]["window_failures"] == 0  # type: ignore[index]  # the breaker's


async def test_the_breaker_opens_spares_the_part_and_closes_by_itself(chat: Chat, virtual_clock: VirtualClock) -> None:
    """SPEC G2: half of ten calls failed, so the part is left alone for 30 s; then one trial, and all is normal again."""
    chat.set(vector="fail")
    for _ in range(10):
        await chat.ask()
    opened = virtual_clock.now()
    refused = await chat.ask()
    # Nothing of its budget of 3 s is spent on it.
    assert virtual_clock.now() == opened
    chat.set()
    still_refused = await chat.ask()
    virtual_clock.advance(30.0)
    healed = await chat.ask()

    assert [refused.degraded[0].reason, still_refused.degraded[0].reason] == ["circuit_open", "circuit_open"]
    assert healed.mode == "normal"


async def test_healing_lets_go_what_hangs(chat: Chat) -> None:
    """A part that hung goes on where it stood, so the question is answered in the same attempt."""
    chat.set(vector="hang")
    asked = asyncio.create_task(chat.ask())
    await asyncio.sleep(0.5)
    chat.set()

    assert (await asked).mode == "normal"


async def test_the_documents_are_still_being_read(tmp_path: Path) -> None:
    """SPEC G3: without an index there is no retrieval; it is said why, and the search is not judged for it."""
    chat = Chat(None)

    for _ in range(20):
        reply = await chat.ask()

    assert (reply.mode, reply.degraded[0].reason, reply.engine) == ("degraded-no-context", "preparing", "static")
    assert "42 %" in reply.message
    chat.index = small_index(tmp_path)
    assert (await chat.ask()).mode == "normal"


async def test_the_notice_follows_the_language(chat: Chat) -> None:
    """SPEC K3: Japanese and English, by Accept-Language; English for whoever reads neither."""
    chat.set(vector="fail")

    told = [(await chat.ask(accept_language=each)).notice for each in ("ja-JP,en;q=0.5", "en", "fr", None)]

    assert "検索" in str(told[0])
    assert told[1:] == ["Search is temporarily unavailable, so this answer is a general one"] * 3
