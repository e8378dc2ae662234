"""An OpenAI-compatible endpoint as the answerer."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from tests.systems.chat.scripted import HITS, answering, asked, delta, events
from yaoki.observe.secrecy import cleaned
from yaoki.systems.chat.answerer import Written
from yaoki.systems.chat.http.client import WrongPayloadError
from yaoki.systems.chat.llm.endpoint import Endpoint

pytestmark = pytest.mark.virtual_time

YES = {"choices": [{"message": {"content": "Yes [2]."}}]}


async def streamed(response: httpx.Response | bytes) -> list[str | Written]:
    endpoint = Endpoint("http://x", "m", transport=answering(response))
    return [piece async for piece in endpoint.stream(asked())]


@pytest.mark.parametrize("url", ["http://x", "http://x/", "http://x/v1", "http://x/v1/"])
async def test_the_root_and_its_v1_are_the_same_endpoint(url: str) -> None:
    """SPEC G1: both work."""
    requests: list[httpx.Request] = []
    written = await Endpoint(url, "m", transport=answering(YES, requests=requests)).write(asked())

    assert str(requests[0].url) == "http://x/v1/chat/completions"
    assert {name: json.loads(requests[0].content)[name] for name in ("model", "stream")} == {"model": "m", "stream": False}
    assert (written.text, written.engine, [entry.id for entry in written.entries]) == ("Yes [2].", "llm", [HITS[1].id])


async def test_the_key_is_sent_and_hidden_from_logs(caplog: pytest.LogCaptureFixture) -> None:
    """SPEC X5: as a bearer token, and nowhere else."""
    requests: list[httpx.Request] = []
    with caplog.at_level(logging.DEBUG):
        await Endpoint("http://x", "m", "sk-very-secret", transport=answering(YES, requests=requests)).write(asked())

    assert requests[0].headers["Authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in caplog.text
    assert cleaned("the key sk-very-secret") == "the key ***"


async def test_a_stream_gives_pieces_and_then_the_whole() -> None:
    """SPEC G3: as the text is written; white space alone waits for what follows it."""
    pieces = await streamed(events(delta(" "), delta("Yes"), delta(" [1]."), delta(None, "stop"), "[DONE]"))

    *said, written = pieces
    assert said == [" Yes", " [1]."]
    assert isinstance(written, Written)
    assert (written.text, [entry.id for entry in written.entries]) == (" Yes [1].", [HITS[0].id])


async def test_a_server_that_does_not_stream_answers_in_one_piece() -> None:
    """SPEC G1: whatever was asked for, some servers answer plainly; it is an answer all the same."""
    *said, written = await streamed(b"\n" + json.dumps(YES, indent=2).encode())

    assert said == ["Yes [2]."]
    assert isinstance(written, Written)
    assert (written.text, written.complete, [entry.id for entry in written.entries]) == ("Yes [2].", True, [HITS[1].id])


@pytest.mark.parametrize("answered", [[], {"choices": []}, {"choices": [{"message": {"content": " "}}]}], ids=repr)
async def test_a_plain_answer_without_text_is_a_failure(answered: object) -> None:
    """SPEC G2: in the place of a stream as well."""
    with pytest.raises(WrongPayloadError):
        await streamed(json.dumps(answered).encode())


async def test_a_character_in_two_halves_is_one() -> None:
    """SPEC G3: some servers cut between the halves of a character."""
    halves = ['{"choices": [{"delta": {"content": "\\ud83d"}}]}', '{"choices": [{"delta": {"content": "\\ude00"}}]}', "[DONE]"]

    assert (await streamed(events(*halves)))[0] == "😀"


@pytest.mark.parametrize(
    "data",
    [(), (delta("Yes"),), (delta(None), "[DONE]"), (delta("  "), delta(None, "stop")), (delta("Yes"), {"error": "x"})],
    ids=["empty", "ends early", "no text", "white space", "an error as an event"],
)
async def test_a_stream_without_an_answer_or_its_end_is_a_failure(data: tuple[str | dict[str, object], ...]) -> None:
    """SPEC G2, G3: what has come so far was given, and then it fails."""
    with pytest.raises(WrongPayloadError):
        await streamed(events(*data))
