"""The public interface changes on purpose only."""

from __future__ import annotations

import difflib

from tests.unit.house.public_api import SNAPSHOT, describe


def test_the_public_interface_is_the_recorded_one() -> None:
    """A name, parameter or default that users can see has changed: if that is meant, `make api-snapshot` records it."""
    recorded = SNAPSHOT.read_text("utf-8")

    difference = "\n".join(
        difflib.unified_diff(recorded.splitlines(), describe().splitlines(), "recorded", "present", lineterm="")
    )

    assert not difference, f"\n{difference}\n\nIf this change is meant: make api-snapshot, and a line in CHANGELOG.md"
