"""The id of a request."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest

from yaoki.observe.request_id import is_request_id, is_uuid, new_request_id


def test_o3_a_new_id_is_another_one() -> None:
    """SPEC O3: and may come back from outside."""
    ids = {new_request_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(is_request_id(each) and is_uuid(each) for each in ids)
    assert {(UUID(each).version, UUID(each).variant) for each in ids} == {(4, RFC_4122)}


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("a-b_c.D1", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("-", False),
        ("two words", False),
        ("line\nbreak", False),
        ("日本", False),
        ("a;b", False),
        ("\x1b[31m", False),
    ],
)
def test_x5_an_id_from_outside_is_harmless_or_not_used(text: str, may: bool) -> None:
    """SPEC X5: letters, digits, dots, dashes, underscores; 64 at most."""
    assert is_request_id(text) is may


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("0AF76519-16cd-43dd-8448-eb211c80319c", True),
        ("0af76519-16cd43dd8448eb211c80319c", False),
        ("0af7651916cd43dd8448eb211c80319", False),
        ("0af7651916cd43dd8448eb211c80319c\n", False),
        ("r1", False),
    ],
)
def test_o3_a_uuid_is_told_from_other_ids(text: str, is_one: bool) -> None:
    """SPEC O3: with its dashes or without."""
    assert is_uuid(text) is is_one
