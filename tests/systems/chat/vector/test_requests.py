"""SPEC G3: what is sent to the vector service is read whole, or refused with the field and the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from yaoki.systems.chat.http.request_body import RefusedError
from yaoki.systems.chat.vector.requests import read_documents, read_search

GOOD = {"id": "a", "text": "Words."}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "query_missing"),
        ({"query": None}, 422, "query_wrong_type"),
        ({"query": 3}, 422, "query_wrong_type"),
        ({"query": " \n"}, 422, "query_empty"),
        ({"query": "x" * 8001}, 413, "query_too_long"),
        ({"query": "\ud800"}, 422, "query_not_text"),
        ({"query": "x", "k": "5"}, 422, "k_wrong_type"),
        ({"query": "x", "k": True}, 422, "k_wrong_type"),
        ({"query": "x", "k": 1.5}, 422, "k_wrong_type"),
        ({"query": "x", "k": 0}, 422, "k_out_of_range"),
        ({"query": "x", "k": 101}, 422, "k_out_of_range"),
    ],
)
def test_g3_a_search_that_cannot_be_made_is_refused(body: dict[str, Any], status: int, error: str) -> None:
    """SPEC G3: a 4xx whose reason begins with the field."""
    with pytest.raises(RefusedError) as raised:
        read_search(json.dumps(body).encode())

    assert (raised.value.status, raised.value.error) == (status, error)
    assert raised.value.reason.startswith(error.partition("_")[0])


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({}, 422, "documents_missing", "documents"),
        ({"documents": {}}, 422, "documents_wrong_type", "documents"),
        ({"documents": []}, 422, "documents_empty", "documents"),
        ({"documents": [GOOD] * 1001}, 413, "documents_too_many", "documents"),
        ({"documents": ["x"]}, 422, "document_wrong_type", "documents[0]"),
        ({"documents": [GOOD, {"text": "x"}]}, 422, "id_missing", "documents[1].id"),
        ({"documents": [GOOD, {"id": "b"}]}, 422, "text_missing", "documents[1].text"),
        ({"documents": [{"id": 5, "text": "x"}]}, 422, "id_wrong_type", "documents[0].id"),
        ({"documents": [{"id": " ", "text": "x"}]}, 422, "id_empty", "documents[0].id"),
        ({"documents": [{"id": "a#2", "text": "x"}]}, 422, "id_wrong", "documents[0].id"),
        ({"documents": [{"id": "a", "text": ""}]}, 422, "text_empty", "documents[0].text"),
        ({"documents": [{**GOOD, "title": []}]}, 422, "title_wrong_type", "documents[0].title"),
        ({"documents": [{**GOOD, "source": "x" * 1001}]}, 413, "source_too_long", "documents[0].source"),
        ({"documents": [GOOD, GOOD]}, 422, "id_twice", "documents[1].id"),
    ],
)
def test_g3_documents_that_cannot_be_taken_are_refused(body: dict[str, Any], status: int, error: str, field: str) -> None:
    """SPEC G3: the reason names the field with its place in the list."""
    with pytest.raises(RefusedError) as raised:
        read_documents(json.dumps(body).encode())

    assert (raised.value.status, raised.value.error) == (status, error)
    assert raised.value.reason.startswith(field)


def test_g3_title_and_source_may_be_missing_or_null() -> None:
    """SPEC G3: only id and text are asked for."""
    (document,) = read_documents(json.dumps({"documents": [{**GOOD, "title": None}]}).encode())

    assert [(passage.id, passage.text, passage.title) for passage in document.passages] == [("a", "Words.", "")]


def test_g3_five_results_are_the_default() -> None:
    """SPEC G3: `k` may be missing."""
    assert read_search(b'{"query": "x"}') == ("x", 5)
