"""Any OpenAI-compatible endpoint as the answerer (SPEC G1, G2)."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yaoki.observe.secrecy import hide
from yaoki.systems.chat.answerer import Written
from yaoki.systems.chat.extractive.answer import Entry
from yaoki.systems.chat.extractive.extracts import lead
from yaoki.systems.chat.extractive.extracts import read as read_extracts
from yaoki.systems.chat.http.client import HttpService, WrongPayloadError, text_of
from yaoki.systems.chat.llm import prompt
from yaoki.systems.chat.llm.completion import DONE, piece_of, text_of_completion

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from yaoki.systems.chat.answerer import Asked
    from yaoki.systems.chat.reply import Engine
    from yaoki.systems.chat.vector.index.hits import Hit

__all__ = ["Endpoint"]

_PATH = "/chat/completions"


class Endpoint:
    """Asks a model. `url`: the endpoint's root or its `/v1`. `key`: sent as bearer token, and hidden from the logs."""

    engine: Engine = "llm"

    def __init__(
        self, url: str, model: str, key: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        root = url.rstrip("/")
        headers = {}
        if key:
            hide(key)
            headers["Authorization"] = f"Bearer {key}"
        self.model = model
        self._service = HttpService(root if root.endswith("/v1") else f"{root}/v1", headers=headers, transport=transport)

    async def write(self, asked: Asked) -> Written:
        """The model's answer. Raises httpx.HTTPError, or WrongPayloadError."""
        return _written(text_of_completion(await self._service.post(_PATH, self._body(asked, stream=False))), asked)

    async def stream(self, asked: Asked) -> AsyncGenerator[str | Written, None]:
        """The same as the model writes it. Raises WrongPayloadError too if the stream breaks off before the answer ends."""
        text = half = ""
        given = 0
        ended = goes_on = False
        async with aclosing(self._service.post_for_events(_PATH, self._body(asked, stream=True))) as events:
            async for data in events:
                piece = piece_of(data)
                said = half + piece.text
                # A character may come in two halves.
                half = said[-1:] if "\ud800" <= said[-1:] <= "\udbff" and not piece.last else ""
                text += text_of(said.removesuffix(half))
                # White space alone is no answer yet.
                if text.strip() and len(text) > given:
                    yield text[given:]
                    given = len(text)
                ended = piece.last
                if ended:
                    # `[DONE]` alone is the end of an answer only where the pieces did not say that it goes on.
                    goes_on = goes_on and data == DONE
                    break
                goes_on = piece.goes_on
        if not ended:
            raise WrongPayloadError("a stream that ends before its answer")
        if not given:
            raise WrongPayloadError("a stream without text")
        yield replace(_written(text, asked), complete=not goes_on)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    def _body(self, asked: Asked, *, stream: bool) -> dict[str, Any]:
        return {"model": self.model, "messages": prompt.messages(asked), "stream": stream}


def _written(text: str, asked: Asked) -> Written:
    hits = asked.hits or ()
    return Written(text, tuple(_entry(number, hits[number - 1]) for number in prompt.cited(text, len(hits))), "llm")


def _entry(number: int, hit: Hit) -> Entry:
    """A passage that the answer cites, with the sentence that says what it is about."""
    extracts = read_extracts(hit.text)
    opening = lead(extracts)
    quoted = () if opening is None else (extracts[opening],)
    return Entry(hit.id, hit.title or hit.id, hit.signature, hit.source, hit.score, quoted, None, number)
