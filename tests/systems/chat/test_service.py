"""The chat as a process, over HTTP: every mode, recovery, refusals, the page."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from tests.systems.chat.running import Service, copy_index
from yaoki.systems.chat.vector.index.index import ChatIndex

pytestmark = [pytest.mark.real_index, pytest.mark.timeout(120)]

TIMEOUT = "how do I set a timeout on an asyncio task?"
UNKNOWN = "What is the capital of Australia?"


@pytest.fixture(scope="module")
def running(real_index: ChatIndex, real_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of this file."""
    folder = copy_index(real_folder, tmp_path_factory.mktemp("chat") / "data")
    with Service(folder) as service:
        yield service.ready()


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """The service, healed after each test."""
    yield running
    running.heal()


def test_a_question_is_answered_with_its_sources(service: Service) -> None:
    """SPEC G1: the documents answer, with their sources."""
    reply = service.ask(TIMEOUT)

    assert {"asyncio.wait_for", "asyncio.timeout", "asyncio.timeout_at"} & {each["title"] for each in reply["citations"]}
    assert (reply["mode"], reply["notice"], reply["engine"], reply["degraded"]) == ("normal", None, "extractive", [])
    assert all(each["source"] for each in reply["citations"])
    assert "cached_age_s" not in reply


def test_what_the_documents_do_not_say_is_not_answered(service: Service) -> None:
    """SPEC G3: nothing found is said, and is normal."""
    reply = service.ask(UNKNOWN)

    assert (reply["mode"], reply["citations"]) == ("normal", [])
    assert "nothing" in reply["message"]


@pytest.mark.parametrize("fault", ["fail", "hang"])
@pytest.mark.parametrize(
    ("parts", "mode"),
    [
        (["vector"], "degraded-no-context"),
        (["llm"], "degraded-cache-only"),
        (["vector", "llm"], "static-only"),
    ],
    ids=["vector", "llm", "both"],
)
def test_broken_parts_give_their_mode_and_heal_by_themselves(service: Service, parts: list[str], mode: str, fault: str) -> None:
    """SPEC G2, G3: a mode, a notice, no 5xx, inside the budgets; the breaker opens; healed, it is normal again by itself."""
    before = service.ask(TIMEOUT)
    for part in parts:
        service.switch(part, fault)
    began = time.monotonic()
    reply = service.ask(TIMEOUT)
    took = time.monotonic() - began
    refused = service.until_refused(TIMEOUT)
    healed_at = time.monotonic()
    for part in parts:
        service.switch(part, None)

    assert reply["mode"] == refused["mode"] == mode
    assert reply["notice"]
    assert [each["dependency"] for each in reply["degraded"]] == parts
    assert took <= 0.6 * len(parts) + 1.0
    assert {each["reason"] for each in refused["degraded"]} == {"circuit_open"}
    if mode == "degraded-cache-only":
        assert (reply["message"], reply["engine"]) == (before["message"], "cache")
        assert reply["cached_age_s"] > 0
    while service.ask(TIMEOUT)["mode"] != "normal":
        assert time.monotonic() < healed_at + 0.5 + 2.0
        time.sleep(0.05)


def test_slow_is_not_broken(service: Service) -> None:
    """SPEC G3: what comes in time is normal."""
    service.switch("vector", "slow")

    assert service.ask(TIMEOUT)["mode"] == "normal"


def test_the_notice_speaks_the_callers_language(service: Service) -> None:
    """SPEC K3: Japanese and English."""
    service.switch("vector", "fail")

    assert "検索" in service.ask(TIMEOUT, **{"Accept-Language": "ja"})["notice"]
    assert "Search" in service.ask(TIMEOUT, **{"Accept-Language": "en"})["notice"]


def test_probes_and_metrics_tell_the_truth_while_everything_is_broken(service: Service) -> None:
    """SPEC H2, O1: alive and ready while a degraded answer is possible; mode and breakers are series."""
    for part in ("vector", "llm"):
        service.switch(part, "fail")
    service.until_refused(TIMEOUT)
    metrics = service.http.get("/metrics").text

    assert [service.http.get(probe).status_code for probe in ("/livez", "/readyz", "/startupz")] == [200, 200, 200]
    assert re.search(r'^yaoki_mode\{mode="static-only",.*\} 1', metrics, re.MULTILINE)
    assert re.search(r'^yaoki_breaker_state\{.*pipeline="chat-vector".*state="open"\} 1', metrics, re.MULTILINE)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "not_json"),
        (b"\xff\xfe", 400, "not_utf_8"),
        (b"[" * 50_000, 400, "too_deep"),
        (b'{"message": ["a"]}', 422, "message_wrong_type"),
        (b'{"message": "   "}', 422, "message_empty"),
        (b'{"message": "' + b"a" * 4001 + b'"}', 413, "message_too_long"),
        (b'{"message": "' + b"a" * 2_000_000 + b'"}', 413, "body_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_rubbish_is_refused_with_a_reason(service: Service, body: bytes, status: int, error: str) -> None:
    """SPEC X5: a 4xx with a reason for a caller's fault, and the next question is answered."""
    response = service.http.post("/chat", content=body)

    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.json()["reason"]
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert service.ask(TIMEOUT)["mode"] == "normal"


def test_what_there_is_not_is_refused_in_the_same_form(service: Service) -> None:
    """SPEC X5: a refusal has one form."""
    assert service.http.get("/nothing").json()["error"] == "not_found"
    assert service.http.get("/chat").json()["error"] == "method_not_allowed"


def test_a_deadline_of_the_caller_is_kept(service: Service) -> None:
    """SPEC T1: the caller's deadline cuts the budgets."""
    service.switch("vector", "hang")
    service.switch("llm", "hang")
    began = time.monotonic()

    response = service.http.post("/chat", json={"message": TIMEOUT, "deadline_ms": 100})

    assert response.json()["mode"] == "static-only"
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 401, "token_wrong"),
        ({"Authorization": "Bearer wrong"}, 401, "token_wrong"),
        ({"Authorization": "Basic TOKEN"}, 401, "token_wrong"),
        ({"Cookie": "token=TOKEN"}, 401, "token_wrong"),
        ({"Authorization": "Bearer TOKEN", "Origin": "http://evil.example"}, 403, "foreign"),
        ({"Authorization": "Bearer TOKEN", "Sec-Fetch-Site": "cross-site"}, 403, "foreign"),
        ({"Authorization": "Bearer TOKEN", "Host": "evil.example"}, 403, "foreign"),
    ],
)
def test_a_switch_needs_the_token_and_no_foreign_page(
    service: Service, headers: dict[str, str], status: int, error: str
) -> None:
    """SPEC X5: what changes state needs the token, and comes from no page of another origin."""
    sent = {name: value.replace("TOKEN", service.token) for name, value in headers.items()}

    response = service.http.post("/switches", json={"part": "vector", "fault": "fail"}, headers=sent)

    assert (response.status_code, response.json()["error"]) == (status, error)
    assert service.http.get("/status").json()["parts"][0]["fault"] is None


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)
def test_a_foreign_page_gets_no_answers(service: Service, headers: dict[str, str]) -> None:
    """SPEC X5: the documents may be private."""
    assert service.http.post("/chat", json={"message": TIMEOUT}, headers=headers).status_code == 403
    for path in ("/passages/asyncio.wait_for", "/status", "/events"):
        assert service.http.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"part": "disk", "fault": "fail"}, {"part": ["vector"]}, {"part": "vector", "fault": "explode"}]
)
def test_a_switch_that_there_is_not_is_refused(service: Service, body: dict[str, object]) -> None:
    """SPEC X5: 422 says what there is."""
    response = service.http.post("/switches", json=body, headers={"Authorization": f"Bearer {service.token}"})

    assert response.status_code == 422
    assert response.json()["reason"]


def test_the_token_is_given_out_for_no_guess(service: Service) -> None:
    """SPEC X5: only a page that was opened from the command line has a code."""
    for body in ({"code": "0" * 32}, {"code": None}, {}):
        response = service.http.post("/opening", json=body)

        assert response.status_code == 401
        assert service.token not in response.text


def test_the_page_keeps_everything_foreign_out(service: Service) -> None:
    """SPEC G5, X5: everything comes from the package; the policy of the page allows nothing else."""
    page = service.http.get("/")
    policy = page.headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="(/[^"#]+)"', page.text)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(named) >= 3
    for path in {*named, "/favicon.ico"}:
        file = service.http.get(path)
        assert file.status_code == 200
        assert file.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.text)


def test_every_file_of_the_page_is_served_with_its_kind(service: Service) -> None:
    """SPEC G5: a browser takes a module only as JavaScript; what a module imports is there as well."""
    seen, waiting = set(), ["/page/main.js"]
    while waiting:
        path = waiting.pop()
        file = service.http.get(path)
        assert (file.status_code, file.headers["content-type"]) == (200, "text/javascript; charset=utf-8"), path
        assert "innerHTML" not in file.text
        seen.add(path)
        waiting += {urljoin(path, name) for name in re.findall(r'from "(\./[^"]+)"', file.text)} - seen

    assert len(seen) > 10


def test_a_source_can_be_read(service: Service) -> None:
    """SPEC G5: the passage behind a citation, by its id, whatever characters that has."""
    cited = service.ask(TIMEOUT)["citations"][0]

    passage = service.http.get(f"/passages/{quote(cited['id'], safe='')}")
    gone = service.http.get("/passages/no/such%23passage")

    assert (passage.status_code, passage.json()["id"], passage.json()["title"]) == (200, cited["id"], cited["title"])
    assert passage.json()["text"]
    assert (gone.status_code, gone.json()["error"]) == (404, "passage_unknown")


def test_the_live_feed_tells_what_happens(service: Service) -> None:
    """SPEC G5: the state, and retries as they happen, without what was asked."""
    service.switch("vector", "fail")
    lines: list[str] = []
    with service.http.stream("GET", "/events") as feed:
        asking = threading.Thread(target=service.ask, args=("A private question about asyncio",))
        asking.start()
        for line in feed.iter_lines():
            lines.append(line)
            if '"answered"' in line:
                break
        asking.join()
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    assert told[0]["parts"][0]["fault"] == "fail"
    assert {"failed", "retry", "answered"} <= {each.get("event") for each in told}
    assert "private" not in "".join(lines)


def test_prepared_answers_can_be_read(service: Service) -> None:
    """SPEC G3: `GET /faq`, in both languages."""
    assert service.http.get("/faq", headers={"Accept-Language": "ja"}).json()["language"] == "ja"
    entries = service.http.get("/faq").json()["entries"]

    assert {"id", "question", "answer"} == set(entries[0])


def test_bytes_that_are_no_request_harm_nobody(service: Service) -> None:
    """SPEC X5: malformed input ends its own connection."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5.0) as connection:
        connection.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
        connection.recv(1000)

    assert service.ask(TIMEOUT)["mode"] == "normal"
