"""What a caller may send to the vector service, and the reason of a refusal: always a 4xx that names the field (SPEC G3, X5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.http.request_body import RefusedError, kind_of, read_json, text_field
from yaoki.systems.chat.vector.documents.reading import document_of_text

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.index.document import Document

__all__ = ["LONGEST_QUERY", "read_documents", "read_search"]

LONGEST_QUERY = 8000
LONGEST_ID = 500
LONGEST_TITLE = 1000
LONGEST_TEXT = 5_000_000
MOST_RESULTS = 100
MOST_DOCUMENTS = 1000

_PART = re.compile(r"#\d+$")


def read_search(body: bytes) -> tuple[str, int]:
    """The query and the number of results in the body of `POST /search`. Raises RefusedError (400, 413 or 422)."""
    found = read_json(body)
    query = text_field(found, "query", LONGEST_QUERY)
    if not query.strip():
        raise RefusedError(422, "query_empty", "query is empty")
    k = found.get("k", 5)
    if isinstance(k, bool) or not isinstance(k, int):
        raise RefusedError(422, "k_wrong_type", f"k must be a whole number, not {kind_of(k)}")
    if not 1 <= k <= MOST_RESULTS:
        raise RefusedError(422, "k_out_of_range", f"k must be from 1 to {MOST_RESULTS}, not {k}")
    return query, k


def read_documents(body: bytes) -> list[Document]:
    """The documents in the body of `POST /documents`. Raises RefusedError (400, 413 or 422); then none is taken.

    They are cut and counted here, which takes about 1 ms for each thousand words.
    """
    listed = read_json(body).get("documents")
    if listed is None:
        raise RefusedError(422, "documents_missing", 'documents is missing: send {"documents": [{"id": "...", "text": "..."}]}')
    if not isinstance(listed, list):
        raise RefusedError(422, "documents_wrong_type", f"documents must be a list, not {kind_of(listed)}")
    if not listed:
        raise RefusedError(422, "documents_empty", "documents is empty")
    if len(listed) > MOST_DOCUMENTS:
        raise RefusedError(
            413, "documents_too_many", f"documents has {len(listed)} entries; at most {MOST_DOCUMENTS} are taken"
        )
    given = [_document(place, each) for place, each in enumerate(listed)]
    seen: dict[str, int] = {}
    for place, (key, *_) in enumerate(given):
        if seen.setdefault(key, place) != place:
            raise RefusedError(422, "id_twice", f"documents[{place}].id is the same as that of documents[{seen[key]}]")
    return [document_of_text(key, text, title, source) for key, text, title, source in given]


def _document(place: int, given: object) -> tuple[str, str, str, str]:
    where = f"documents[{place}]"
    if not isinstance(given, dict):
        raise RefusedError(422, "document_wrong_type", f"{where} must be an object, not {kind_of(given)}")
    key = text_field(given, "id", LONGEST_ID, where=f"{where}.id")
    if not key.strip():
        raise RefusedError(422, "id_empty", f"{where}.id is empty")
    if _PART.search(key):
        raise RefusedError(422, "id_wrong", f"{where}.id ends like the id of a part, with # and a number")
    text = text_field(given, "text", LONGEST_TEXT, where=f"{where}.text")
    if not text.strip():
        raise RefusedError(422, "text_empty", f"{where}.text is empty")
    title, source = (
        "" if given.get(name) is None else text_field(given, name, LONGEST_TITLE, where=f"{where}.{name}")
        for name in ("title", "source")
    )
    return key, text, title, source
