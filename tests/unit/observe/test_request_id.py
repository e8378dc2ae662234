"""The id of a request."""

from __future__ import annotations

import pytest

from yaoki.observe.request_id import is_request_id, new_request_id


def test_o3_a_new_id_is_another_one() -> None:
    """SPEC O3: and may come back from outside."""
    ids = {new_request_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(is_request_id(each) for each in ids)


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
