"""SPEC G1, G3, H4: the search as a process of its own, as a user starts it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.systems.chat.embeddings.embeddings_server import EmbeddingsServer
from tests.systems.chat.running import Process, Service, command
from tests.systems.chat.small_library import small_sources
from yaoki.systems.chat.vector.documents.reading import document_of_text
from yaoki.systems.chat.vector.index.index import ChatIndex

pytestmark = pytest.mark.timeout(120)

TOKEN = "0123456789abcdef0123456789abcdef"
SETTINGS = {"YAOKI_CHAT_TOKEN": TOKEN, "YAOKI_CHAT_EMBEDDINGS": "none"}
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


def prepared(folder: Path) -> Path:
    """A data folder with one document, so that nothing needs to be built."""
    index = ChatIndex.open_or_build(folder, sources=small_sources(folder.parent / "library"))
    index.change([document_of_text("bread", "Knead the dough for ten minutes.", "Bread")])
    return folder


class Vector(Process):
    """`yaoki chat vector`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        arguments = ("chat", "vector", "--port", "0", "--data", folder)
        super().__init__(folder.parent, *arguments, settings={**SETTINGS, **settings})

    def __enter__(self) -> Vector:
        super().__enter__()
        self.wait_for("passages", 60.0)
        return self

    def until_meanings_are_known(self) -> None:
        """Wait until every passage has its vector."""
        end = time.monotonic() + 30.0
        while not (told := self.http.get("/status").json()["preparation"]["meanings"]) or told["embedded"] < told["of"]:
            assert time.monotonic() < end, told
            time.sleep(0.05)

    def found(self, query: str) -> list[str]:
        response = self.http.post("/search", json={"query": query})
        assert response.status_code == 200, response.text
        return [result["id"] for result in response.json()["results"]]

    def add(self, *documents: dict[str, str]) -> httpx.Response:
        return self.http.post("/documents", json={"documents": documents}, headers=WITH_TOKEN)


@pytest.fixture(scope="module")
def vector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vector]:
    with Vector(prepared(tmp_path_factory.mktemp("vector") / "data")) as running:
        yield running


def test_g1_a_search_answers_with_what_the_chat_needs(vector: Vector) -> None:
    """SPEC G1: results with id, text, score and title; the version of the index; how it searched."""
    body = vector.http.post("/search", json={"query": "knead dough", "k": 1}).json()

    (result,) = body["results"]
    assert (result["id"], result["text"], result["title"]) == ("bread", "Knead the dough for ten minutes.", "Bread")
    assert result["score"] > 0.0
    assert (body["retrieval"], body["reason"]) == ("lexical", None)
    assert body["index_version"] == vector.http.get("/status").json()["index_version"] != ""


def test_g1_documents_are_found_as_soon_as_they_are_accepted(vector: Vector) -> None:
    """SPEC G1: also in Japanese; a document with the same id takes the place of the one before; a removed one is gone."""
    accepted = vector.add({"id": "天気/東京", "text": "明日の東京は雨でしょう。"}, {"id": "tea", "text": "Steep it."}).json()

    assert (accepted["accepted"], accepted["passages"]) == (2, 2)
    assert vector.found("東京の雨") == ["天気/東京"]

    vector.add({"id": "tea", "text": "Serve with lemon."})
    assert vector.found("steep") == []
    assert vector.found("lemon") == ["tea"]

    assert vector.http.delete("/documents/天気/東京", headers=WITH_TOKEN).json()["removed"] is True
    assert vector.http.delete("/documents/天気/東京", headers=WITH_TOKEN).status_code == 404
    assert vector.found("東京の雨") == []


def test_x5_changing_documents_needs_the_token(vector: Vector) -> None:
    """SPEC X5: searching does not."""
    assert vector.http.post("/documents", json={"documents": [{"id": "x", "text": "y"}]}).status_code == 401
    assert vector.http.delete("/documents/bread").status_code == 401
    assert vector.http.post("/search", json={"query": "x"}, headers={"Origin": "https://evil.example"}).status_code == 403


def test_t1_the_callers_deadline_is_kept(tmp_path: Path) -> None:
    """SPEC T1: where the vector of a query does not come in time, the search answers by words within the time it was given."""
    with EmbeddingsServer() as server:
        settings = {"EMBEDDINGS": "auto", "EMBEDDINGS_URL": server.url, "EMBEDDINGS_TIMEOUT": "30"}
        with Vector(prepared(tmp_path / "data"), **{f"YAOKI_CHAT_{name}": value for name, value in settings.items()}) as vector:
            vector.until_meanings_are_known()
            server.patience = threading.Event()
            body = vector.http.post("/search", json={"query": "dough"}, headers={"X-Request-Timeout-Ms": "2000"}).json()
            server.patience.set()

    assert (body["retrieval"], body["reason"]) == ("lexical", "embedding_failed")
    assert [result["id"] for result in body["results"]] == ["bread"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b" " * (1 << 21), 413),
        (b'{"query": 1}', 422),
    ],
)
def test_g3_bad_input_is_a_4xx(vector: Vector, content: bytes, status: int) -> None:
    """SPEC G3: with a reason, and the service goes on."""
    response = vector.http.post("/search", content=content)

    assert response.status_code == status
    assert response.json()["reason"]
    assert vector.found("dough") == ["bread"]


def test_g4_probes_and_metrics(vector: Vector) -> None:
    """SPEC G4: ready, and the figures of the search."""
    vector.found("dough")

    assert [vector.http.get(path).status_code for path in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]
    metrics = vector.http.get("/metrics").text
    assert 'yaoki_vector_searches_total{retrieval="lexical"}' in metrics
    assert "yaoki_vector_passages" in metrics


def test_h4_sigterm_ends_it_with_status_0(tmp_path: Path) -> None:
    """SPEC H4: what was accepted is there at the next start."""
    folder = prepared(tmp_path / "data")
    with Vector(folder) as vector:
        vector.add({"id": "tea", "text": "Steep it."})
        vector.send(signal.SIGTERM)
        assert vector.ended() == 0

    with Vector(folder) as vector:
        assert vector.found("steep") == ["tea"]


def test_g1_kill_9_loses_no_accepted_document(tmp_path: Path) -> None:
    """SPEC G1: three times in the middle of many writers."""
    folder = prepared(tmp_path / "data")
    accepted: set[str] = set()
    for round_ in range(3):
        with Vector(folder) as vector:
            writers = [threading.Thread(target=_write, args=(vector, f"r{round_}w{each}", accepted)) for each in range(3)]
            for writer in writers:
                writer.start()
            before = len(accepted)
            while len(accepted) < before + 10 + 5 * round_:
                writers[0].join(0.01)
            vector.kill()
            for writer in writers:
                writer.join()
    index = ChatIndex.open_or_build(folder, sources=small_sources(tmp_path / "library"))

    assert index.notices == ()
    assert accepted <= set(index.ids())


def _write(vector: Vector, name: str, accepted: set[str]) -> None:
    for number in range(10_000):
        key = f"{name}-{number}"
        try:
            response = httpx.post(
                f"{vector.url}/documents",
                json={"documents": [{"id": key, "text": f"Words of {key}."}]},
                headers=WITH_TOKEN,
                trust_env=False,
                timeout=10.0,
            )
        except httpx.HTTPError:
            return
        assert response.status_code == 200, response.text
        accepted.add(key)


def test_x5_a_second_one_on_the_same_folder_is_refused(vector: Vector) -> None:
    """SPEC X5: the message says where the first one is."""
    folder = next(Path(str(part)) for part in vector._process.args if str(part).endswith("/data"))  # type: ignore[union-attr]  # a list
    done = command("chat", "vector", "--port", "0", "--data", folder, cwd=folder.parent, **SETTINGS)

    assert done.returncode == 1
    assert vector.url in done.stderr


def test_g1_the_chat_asks_it(vector: Vector, tmp_path: Path) -> None:
    """SPEC G1: two processes, one answer."""
    with Service(tmp_path / "chat", "--vector-url", vector.url, serve=True) as chat:
        reply = chat.ask("How long do I knead the dough?")

    assert reply["mode"] == "normal"
    assert [citation["id"] for citation in reply["citations"]] == ["bread"]
    assert reply["retrieval"] == "lexical"
