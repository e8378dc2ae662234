"""Replies that are streamed: what was streamed is the message, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import aclosing
from typing import Any

import pytest

from tests.systems.chat.parts import KNOWN, Chat
from tests.systems.chat.scripted import HITS, ScriptedAnswerer, ScriptedSearch
from yaoki.systems.chat.answerer import Exchange
from yaoki.systems.chat.message import Message
from yaoki.systems.chat.reply import Reply
from yaoki.systems.chat.stream import HEARTBEAT, Streams
from yaoki.systems.chat.turn import Turn

pytestmark = pytest.mark.virtual_time

BROKEN = ConnectionResetError("reset by peer")
ASKED = Message(KNOWN, "u1", None, math.inf)


def chat(*script: str | float | Exception, search: Exception | None = None, **settings: Any) -> tuple[Chat, ScriptedAnswerer]:
    answerer = ScriptedAnswerer(*script)
    return Chat(None, search=ScriptedSearch(search), answerer=answerer, **settings), answerer


async def test_the_text_comes_as_it_is_written_and_then_the_reply() -> None:
    """SPEC G3: deltas, and one reply whose message they are."""
    asking, _ = chat("Water ", "boils.")
    said, reply = await asking.stream()

    assert said == reply.message == "Water boils."
    assert (reply.mode, reply.engine, reply.truncated, "truncated" in reply.to_dict()) == ("normal", "llm", False, False)


@pytest.mark.parametrize(("search", "mode"), [(None, "degraded-cache-only"), (OSError(), "static-only")], ids=["", "no search"])
async def test_a_stream_that_dies_in_the_middle_keeps_its_text(search: Exception | None, mode: str) -> None:
    """SPEC G3: the answerer has failed, the text so far is the message, it is never begun again, nor kept for later."""
    asking, answerer = chat("Water ", BROKEN, search=search)
    said, reply = await asking.stream(conversation="c1")

    assert said == reply.message == "Water "
    assert (reply.mode, reply.engine, reply.truncated) == (mode, "llm", True)
    assert reply.notice
    assert [(each.reason, each.attempts) for each in reply.degraded][-1] == ("ConnectionResetError", 1)
    assert len(answerer.asked) == 1
    assert len(asking.turns.cache) == len(asking.conversations) == 0


async def test_a_stream_that_dies_before_its_first_piece_is_tried_again() -> None:
    """SPEC G2: nobody has seen anything of it yet."""
    asking, answerer = chat(BROKEN)
    said, reply = await asking.stream()

    assert len(answerer.asked) == 3
    assert (reply.mode, reply.engine, reply.truncated) == ("degraded-cache-only", "extractive", False)
    assert said == reply.message
    assert reply.entries


async def test_a_stream_that_hangs_is_cut_at_its_budget() -> None:
    """SPEC G2: the budget of the answerer holds for a whole stream, and what has come is kept."""
    asking, answerer = chat("Water ", 1000.0, llm_timeout=3.0)
    began = asyncio.get_running_loop().time()
    said, reply = await asking.stream()

    assert said == reply.message == "Water "
    assert asyncio.get_running_loop().time() - began == pytest.approx(3.0, abs=0.1)
    assert (reply.truncated, reply.degraded[0].reason, answerer.closed) == (True, "deadline_exceeded", 1)


async def test_dripping_counts_against_the_breaker() -> None:
    """SPEC G2: a stream that dies in the middle is a failure of the answerer."""
    asking, _ = chat("Water ", BROKEN, breaker_minimum_calls=4)
    for _ in range(4):
        await asking.stream()
    _, reply = await asking.stream()

    assert (reply.degraded[0].reason, reply.degraded[0].attempts) == ("circuit_open", 0)


async def test_without_an_answerer_the_same_is_said_as_in_one_piece() -> None:
    """SPEC G3: an earlier answer word for word, else what the passages say, else a prepared answer or an apology."""
    asking, answerer = chat("Water boils [1].")
    before = await asking.ask()
    answerer.script = (BROKEN,)
    said, cached = await asking.stream()
    _, other = await asking.stream("How do I roast something?")
    asking.retrieval.search.found = OSError()  # type: ignore[attr-defined]  # the scripted one
    _, static = await asking.stream("Who are you?")

    assert (said, cached.engine, cached.mode) == (before.message, "cache", "degraded-cache-only")
    assert (other.engine, other.mode, [entry.id for entry in other.entries]) == (
        "extractive",
        "degraded-cache-only",
        [HITS[1].id],
    )
    assert (static.engine, static.mode) == ("faq", "static-only")


# Conversations


async def test_what_was_said_before_is_told_to_the_answerer() -> None:
    """SPEC G1: the same conversation; a short question is searched for together with the one before."""
    asking, answerer = chat("Yes.")
    await asking.ask("How do I boil water in a kettle?", conversation="c1")
    await asking.stream("And milk?", conversation="c1")
    await asking.ask("And milk?", conversation="c2")

    assert [asked.history for asked in answerer.asked] == [(), (Exchange("How do I boil water in a kettle?", "Yes."),), ()]
    assert asking.retrieval.search.queries[1:] == ["How do I boil water in a kettle? And milk?", "And milk?"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("message", "short"),
    [("And milk?", True), ("How do I roast a potato?", False), ("それはなぜ？", True), ("お湯の沸かし方は何ですか？", False)],
)
async def test_only_a_short_message_is_searched_for_together_with_the_one_before(message: str, short: bool) -> None:
    """SPEC G1: in Japanese, which has no spaces, by its characters."""
    asking, _ = chat("Yes.")
    await asking.ask("How do I boil water?", conversation="c1")
    await asking.ask(message, conversation="c1")

    assert asking.retrieval.search.queries[-1] == (f"How do I boil water? {message}" if short else message)  # type: ignore[attr-defined]


async def test_neither_notices_nor_apologies_are_told_to_the_answerer() -> None:
    """SPEC K3: what was said in place of an answer is no context."""
    asking, answerer = chat(BROKEN)
    asking.retrieval.search.found = OSError()  # type: ignore[attr-defined]
    await asking.ask("What about water?", conversation="c1")
    answerer.script = ("Yes.",)
    reply = await asking.ask("And milk?", conversation="c1")

    assert answerer.asked[-1].history == ()
    assert reply.mode == "degraded-no-context"


async def test_an_answer_inside_of_a_conversation_is_not_kept_for_others() -> None:
    """SPEC G3: it may answer something else there."""
    asking, answerer = chat("Yes.")
    await asking.ask("How do I boil water in a kettle?", conversation="c1")
    await asking.ask("Is it so?", conversation="c1")
    answerer.script = (BROKEN,)
    reply = await asking.ask("Is it so?")

    assert reply.engine != "cache"


# Events


async def collected(streams: Streams, turn: Turn, seconds: float = math.inf) -> list[bytes]:
    replies: list[Reply] = []
    lines = [line async for line in streams.events(turn, seconds, replies.append)]
    assert len(replies) == 1
    return lines


def parsed(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]


async def test_each_line_is_one_object_and_the_last_one_is_done() -> None:
    """SPEC G3: deltas, then exactly one that says done, with all that a reply has."""
    asking, _ = chat("Water\n\n", "boils: 沸く")
    found = parsed(await collected(Streams(), asking.turn()))

    assert found[:2] == [{"delta": "Water\n\n"}, {"delta": "boils: 沸く"}]
    assert [each for each in found if "done" in each] == found[2:]
    assert (found[2]["done"], found[2]["message"], found[2]["mode"]) == (True, "Water\n\nboils: 沸く", "normal")


async def test_a_silent_stream_shows_that_it_is_alive() -> None:
    """SPEC G3: nobody on the way shall think the connection dead; comments are no events."""
    asking, _ = chat(2 * HEARTBEAT + 1.0, "Water", llm_timeout=60.0)
    lines = await collected(Streams(), asking.turn())

    assert lines.count(b": still here\n\n") == 2
    assert parsed(lines)[0] == {"delta": "Water"}


async def test_the_callers_deadline_ends_a_stream_well() -> None:
    """SPEC G3, T1: the whole answer has the caller's time; its end is the callers's, and counts against nobody."""
    asking, _ = chat("Water ", 100.0)
    found = parsed(await collected(Streams(), asking.turn(), 2.0))

    assert (found[-1]["message"], found[-1]["truncated"]) == ("Water ", True)


async def test_a_stream_that_is_cut_before_its_first_piece_says_so() -> None:
    """SPEC H4, G3: what is streamed is the message also then."""
    asking, _ = chat(1000.0, llm_timeout=3000.0)
    streams = Streams()
    streams.cut_after(5.0)
    delta, last = parsed(await collected(streams, asking.turn()))

    assert delta["delta"] == last["message"]
    assert (last["mode"], last["engine"], "truncated" in last) == ("degraded-cache-only", "static", False)


async def test_streams_are_cut_before_a_drain_is_over() -> None:
    """SPEC H4: the last event still comes, with the text so far, and names the reason."""
    asking, answerer = chat("Water ", 1000.0, llm_timeout=3000.0)
    streams = Streams()
    streams.cut_after(5.0)
    found = parsed(await collected(streams, asking.turn()))

    assert (found[-1]["done"], found[-1]["message"], found[-1]["truncated"]) == (True, "Water ", True)
    assert found[-1]["degraded"] == [{"dependency": "llm", "reason": "shutting_down", "attempts": 0}]
    assert (answerer.closed, len(streams)) == (1, 0)


async def test_a_reply_in_one_piece_is_cut_as_well() -> None:
    """SPEC H4: a caller that waits for it gets a degraded reply, and not a broken connection."""
    asking, answerer = chat("Water ", 1000.0, llm_timeout=3000.0)
    streams = Streams()
    streams.cut_after(5.0)
    reply = await streams.whole(asking.turn())

    assert (reply.mode, bool(reply.notice), bool(reply.message)) == ("degraded-cache-only", True, True)
    assert [each.to_dict() for each in reply.degraded] == [{"dependency": "llm", "reason": "shutting_down", "attempts": 0}]
    assert answerer.closed == 1


async def test_a_caller_that_hangs_up_is_not_answered_while_answers_are_cut() -> None:
    """SPEC T1: its task ends as it was told to."""
    asking, _ = chat("Water ", 1000.0, llm_timeout=3000.0)
    streams = Streams()
    replying = asyncio.create_task(streams.whole(asking.turn()))
    streams.cut_after(5.0)
    asyncio.get_running_loop().call_later(5.0, replying.cancel)
    with pytest.raises(asyncio.CancelledError):
        await replying


async def test_a_stream_that_nobody_reads_any_more_ends_its_work() -> None:
    """SPEC T1: a caller that hangs up frees the call of the answerer."""
    asking, answerer = chat("Water ", 1000.0, llm_timeout=3000.0)
    streams = Streams()
    async with aclosing(streams.events(asking.turn(), math.inf, lambda _: None)) as events:
        async for line in events:
            if line.startswith(b"data: "):
                break

    assert (answerer.closed, len(streams)) == (1, 0)


async def test_an_error_of_our_own_ends_a_stream_well(caplog: pytest.LogCaptureFixture) -> None:
    """SPEC G3: exactly one last event whatever happens; the log has the error."""
    asking, _ = chat("Water ")

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    asking.turns.cache.keep = fail  # type: ignore[method-assign]  # a bug of ours
    found = parsed(await collected(Streams(), asking.turn()))

    assert (found[-1]["done"], found[-1]["message"]) == (True, "Water ")
    assert "a bug" in caplog.text
