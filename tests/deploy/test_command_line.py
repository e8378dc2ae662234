"""The judge of these tests refuses what `yaoki` refuses."""

from __future__ import annotations

import pytest

from tests.deploy.command_line import parse


@pytest.mark.parametrize(
    "arguments", ["chat vektor", "chat serve --prot 1", "chat serve --port x", "chat serve more", "chat index", "cat"]
)
def test_what_is_no_command_is_refused(arguments: str) -> None:
    """A wrong command, a wrong option, a wrong value, too much and too little."""
    with pytest.raises(Exception) as refusal:
        parse(arguments.split())

    assert refusal.value.exit_code == 2  # type: ignore[attr-defined]  # that of a usage error, of whichever click


def test_what_is_a_command_is_read() -> None:
    """The parameters come back."""
    assert parse(["chat", "serve", "--port", "0"])["port"] == 0
