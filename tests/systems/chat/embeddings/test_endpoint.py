"""SPEC G1, G2: embeddings of an endpoint: what it is asked, what of its answers is taken, and that no fault of it breaks the search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from tests.systems.chat.embeddings.embeddings_server import DIMENSIONS, EmbeddingsServer
from tests.systems.chat.small_library import small_sources
from yaoki.chaos.faults import Drip, Fault, Hang, Refuse, Reset, Status, Truncate
from yaoki.chaos.proxy import FaultProxy
from yaoki.chaos.threaded import ThreadedFaultProxy
from yaoki.observe.secrecy import cleaned
from yaoki.systems.chat.embeddings.embedder import EmbeddingError
from yaoki.systems.chat.embeddings.endpoint import EndpointEmbedder
from yaoki.systems.chat.vector.documents.reading import document_of_text
from yaoki.systems.chat.vector.index import embedding_store
from yaoki.systems.chat.vector.index.index import ChatIndex

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer() as running:
        yield running


class Make(Protocol):
    """Makes an embedder that is closed at the end of the test."""

    def __call__(self, url: str, model: str = "tiny", api_key: str | None = None, timeout: float = 5.0) -> EndpointEmbedder: ...


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as made:

        def make(url: str, model: str = "tiny", api_key: str | None = None, timeout: float = 5.0) -> EndpointEmbedder:
            return made.enter_context(closing(EndpointEmbedder(url, model, api_key, timeout)))

        yield make


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_g1_root_and_v1_are_both_right(make: Make, server: EmbeddingsServer, suffix: str) -> None:
    """SPEC G1: the texts in one request, the model, the key; the vectors by their index, with length 1."""
    embedder = make(server.url + suffix, api_key="secret")

    vectors = embedder.embed(["boil water", "boil water", "bread"])

    (asked,) = server.asked
    assert (asked["path"], asked["model"], asked["authorization"]) == ("/v1/embeddings", "tiny", "Bearer secret")
    assert asked["input"] == ["boil water", "boil water", "bread"]
    assert vectors.shape == (3, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0, 1.0], rel=1e-5)
    assert float(vectors[0] @ vectors[1]) == pytest.approx(1.0)
    assert float(vectors[0] @ vectors[2]) < 0.1


def test_g1_the_key_is_in_no_message(make: Make, server: EmbeddingsServer) -> None:
    """SPEC X5: nor in the embedder's name, which is stored; logs hide it."""
    server.status = 401
    embedder = make(f"http://me:pass@127.0.0.1:{server.port}", api_key="sk-very-secret")

    with pytest.raises(EmbeddingError) as raised:
        embedder.embed(["x"])

    assert "secret" not in f"{raised.value}{raised.value.__cause__}{embedder.name}"
    assert cleaned("the key sk-very-secret") == "the key ***"
    assert "pass" not in embedder.name


def data(*vectors: object) -> bytes:
    return json.dumps({"data": [{"embedding": vector} for vector in vectors]}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>busy</html>",
        b"[" * 100_000,
        b"null",
        b'{"data": "x"}',
        b'{"data": []}',
        b'{"data": [{}]}',
        data([]),
        data(["a"]),
        data([1.0, [2.0]]),
        data(5),
        data([0.0, 0.0]),
        data([float("nan"), 1.0]),
        data([float("inf"), 1.0]),
        data([1e308, 1e308]),
        data([1.0], [1.0]),
        data([1.0] * 20_000),
    ],
)
def test_g2_an_answer_that_is_no_vectors_is_a_failure(make: Make, server: EmbeddingsServer, answer: bytes) -> None:
    """SPEC G2: a 200 with another content is no success."""
    server.answer = answer
    embedder = make(server.url)

    with pytest.raises(EmbeddingError, match="no vectors from"):
        embedder.embed(["x"])


def test_g2_other_dimensions_than_before_are_a_failure(make: Make, server: EmbeddingsServer) -> None:
    """SPEC G2: vectors of two lengths cannot be compared."""
    embedder = make(server.url)
    assert embedder.dimensions == DIMENSIONS
    server.answer = data([1.0, 2.0])

    with pytest.raises(EmbeddingError, match="2 numbers, not 64"):
        embedder.embed(["x"])


def hybrid_index(folder: Path, make: Make, embedder: EndpointEmbedder, server: EmbeddingsServer) -> ChatIndex:
    """An index whose passages all have their vectors."""
    index = ChatIndex.open_or_build(folder / "data", sources=small_sources(folder / "library"))
    index.change(
        [document_of_text("bread", "Knead the dough.", "Bread"), document_of_text("soup", "Simmer the stock.", "Soup")]
    )
    direct = make(server.url)
    texts = ["Bread - Knead the dough.", "Soup - Simmer the stock."]
    embedding_store.write(index.file, embedder.name, [embedding_store.key_of(text) for text in texts], direct.embed(texts))
    index.use(embedder)
    assert index.take_vectors() == (2, 2)
    return index


def test_g1_a_search_by_words_and_meaning_says_so(make: Make, server: EmbeddingsServer, tmp_path: Path) -> None:
    """SPEC G1: the hits have their similarity, and a stored vector is not asked for again."""
    index = hybrid_index(tmp_path, make, make(server.url), server)

    found = index.find("knead dough")

    assert (found.retrieval, found.reason, index.retrieval) == ("hybrid", None, "hybrid")
    assert found.hits[0].id == "bread"
    assert found.hits[0].similarity is not None
    assert found.hits[0].similarity > 0.5


FAULTS: dict[str, Fault] = {
    "hang": Hang(),
    "refuse": Refuse(),
    "reset": Reset(),
    "503": Status(503, {"Retry-After": "120"}),
    "garbage": Status(200, {"Content-Type": "application/json"}, "{{{"),
    "html": Status(200, {"Content-Type": "text/html"}, "<html>busy</html>"),
    "wrong dimensions": Status(200, {}, data([1.0, 2.0]).decode()),
    "not a number": Status(200, {}, data([float("nan")] * DIMENSIONS).decode()),
    "truncated": Truncate(150),
    "slow drip": Drip(20.0),
}


def test_g2_no_fault_of_the_endpoint_breaks_a_search(make: Make, server: EmbeddingsServer, tmp_path: Path) -> None:
    """SPEC G2: it is searched by words, within the budget, and says so; when the endpoint is back, by meaning again."""
    proxy = ThreadedFaultProxy(FaultProxy("127.0.0.1", server.port))
    with proxy:
        for name, fault in FAULTS.items():
            # A breaker of its own for each.
            embedder = make(f"http://127.0.0.1:{proxy.port}", timeout=0.4)
            index = hybrid_index(tmp_path / name.replace(" ", "_"), make, embedder, server)
            proxy.set(fault)
            found = index.find("knead dough")
            proxy.heal()

            assert [hit.id for hit in found.hits] == ["bread"], name
            assert (found.retrieval, found.reason) == ("lexical", "embedding_failed"), name
            assert index.find("knead dough").retrieval == "hybrid", name


def test_g2_a_dead_endpoint_is_soon_left_alone(make: Make, server: EmbeddingsServer, tmp_path: Path) -> None:
    """SPEC G2: after five failures its breaker is open, and a search costs nothing but the search."""
    embedder = make(server.url)
    index = hybrid_index(tmp_path, make, embedder, server)
    server.status = 500
    before = len(server.asked)

    for _ in range(20):
        assert index.find("knead dough").retrieval == "lexical"

    assert len(server.asked) - before == 5
