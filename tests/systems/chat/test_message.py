"""What is refused at `POST /chat`, and with which reason."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from yaoki.systems.chat.http.request_body import RefusedError, read_body
from yaoki.systems.chat.message import Message, read_message
from yaoki.testing import run

RUBBISH = [
    (b"", 400, "not_json"),
    (b"hello", 400, "not_json"),
    (b'{"message": "a"', 400, "not_json"),
    (b'{"message": "caf\xe9"}', 400, "not_utf_8"),
    (b"\xff\xfe{\x00", 400, "not_utf_8"),
    (b'["message"]', 400, "not_an_object"),
    (b'"message"', 400, "not_an_object"),
    (b"[" * 100_000, 400, "too_deep"),
    (b'{"message": "a", "x": ' + b"[" * 25 + b"]" * 25 + b"}", 400, "too_deep"),
    (b"{}", 422, "message_missing"),
    (b'{"message": null}', 422, "message_wrong_type"),
    (b'{"message": 7}', 422, "message_wrong_type"),
    (b'{"message": ["a"]}', 422, "message_wrong_type"),
    (b'{"message": true}', 422, "message_wrong_type"),
    (b'{"message": ""}', 422, "message_empty"),
    (b'{"message": " \\n\\t "}', 422, "message_empty"),
    (b'{"message": "' + b"a" * 101 + b'"}', 413, "message_too_long"),
    (b'{"message": "half \\ud800 a character"}', 422, "message_not_text"),
    (b'{"message": "a", "user_id": 7}', 422, "user_id_wrong_type"),
    (b'{"message": "a", "conversation_id": {}}', 422, "conversation_id_wrong_type"),
    (b'{"message": "a", "user_id": "' + b"u" * 201 + b'"}', 413, "user_id_too_long"),
    (b'{"message": "a", "deadline_ms": "soon"}', 422, "deadline_ms_wrong_type"),
    (b'{"message": "a", "deadline_ms": true}', 422, "deadline_ms_wrong_type"),
    (b'{"message": "a", "deadline_ms": 0}', 422, "deadline_ms_out_of_range"),
    (b'{"message": "a", "deadline_ms": -1}', 422, "deadline_ms_out_of_range"),
    (b'{"message": "a", "deadline_ms": NaN}', 422, "deadline_ms_out_of_range"),
    (b'{"message": "a", "deadline_ms": Infinity}', 422, "deadline_ms_out_of_range"),
    (b'{"message": "a", "deadline_ms": 1e999}', 422, "deadline_ms_out_of_range"),
    (b'{"message": "a", "deadline_ms": ' + b"9" * 5000 + b"}", 400, "not_json"),
]


@pytest.mark.parametrize(
    ("body", "status", "error"), RUBBISH, ids=[f"{error}-{number}" for number, (_, _, error) in enumerate(RUBBISH)]
)
def test_rubbish_is_refused_with_a_reason(body: bytes, status: int, error: str) -> None:
    """SPEC X5: a caller's fault is a 4xx that says what is wrong."""
    with pytest.raises(RefusedError) as refused:
        read_message(body, longest=100)

    assert (refused.value.status, refused.value.error) == (status, error)
    assert refused.value.reason


def test_a_message_is_read() -> None:
    """Only `message` is needed; what is not known is passed over."""
    assert read_message(b'{"message": "a", "more": 1}', 10) == Message("a", None, None, math.inf)
    full = '{"message": "茶", "user_id": "u", "conversation_id": "c", "deadline_ms": 1500}'
    assert read_message(full.encode(), 10) == Message("茶", "u", "c", 1.5)
    assert read_message(b'\xef\xbb\xbf{"message": "a", "user_id": null, "deadline_ms": null}', 10).text == "a"


def test_a_body_is_cut_off_where_it_is_too_long() -> None:
    """SPEC X5: no more is read than may be read."""
    read = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 10

    with pytest.raises(RefusedError, match="body_too_long"):
        run(read_body(endless(), longest=35))

    assert len(read) == 4
