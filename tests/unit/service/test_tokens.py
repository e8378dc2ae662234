"""The token that entitles to change state."""

from __future__ import annotations

import copy
import pickle
import stat
from pathlib import Path

import pytest

from yaoki.observe.secrecy import HIDDEN, cleaned
from yaoki.service.errors import CannotStartError
from yaoki.service.tokens import Token

SECRET = "correct-horse-battery"


def test_x5_a_token_is_made_once_and_kept(tmp_path: Path) -> None:
    """SPEC X5: for its owner alone, long enough never to be guessed."""
    first = Token.load("chat", tmp_path, environ={})
    second = Token.load("chat", tmp_path, environ={})

    assert first == second
    assert len(first.reveal()) == 48
    assert [file.name for file in tmp_path.iterdir()] == ["token"]
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_x5_two_folders_have_two_tokens(tmp_path: Path) -> None:
    """SPEC X5: no default that is the same everywhere."""
    (tmp_path / "other").mkdir()

    assert Token.load("chat", tmp_path, environ={}) != Token.load("chat", tmp_path / "other", environ={})


def test_x5_a_named_file_comes_before_the_environment(tmp_path: Path) -> None:
    """SPEC X5: the file of the option, the file of the environment, the text in the environment."""
    option, variable = tmp_path / "option", tmp_path / "variable"
    option.write_text(f"{SECRET}-option\n")
    variable.write_text(f"{SECRET}-variable\n")
    both = {"YAOKI_CHAT_TOKEN_FILE": str(variable), "YAOKI_CHAT_TOKEN": f"{SECRET}-text"}

    assert Token.load("chat", tmp_path, file=option, environ=both).matches(f"{SECRET}-option")
    assert Token.load("chat", tmp_path, environ=both).matches(f"{SECRET}-variable")
    del both["YAOKI_CHAT_TOKEN_FILE"]
    assert Token.load("chat", tmp_path, environ=both).matches(f"{SECRET}-text")
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize("given", [None, "", "wrong", SECRET[:-1], SECRET + "x", "ü" * 20, "\ud800" * 20, SECRET.upper()])
def test_x5_nothing_else_matches(given: str | None) -> None:
    """SPEC X5: whatever a header may hold."""
    assert not Token(SECRET).matches(given)
    assert Token(SECRET).matches(SECRET)


@pytest.mark.parametrize(
    "secret", ["short", "", "with spaces in between", "ünïcödé-is-not-ascii", "x" * 513, "line\nbreak-line-break"]
)
def test_x5_a_weak_or_odd_token_is_refused(secret: str) -> None:
    """SPEC X5: with a way to make a good one; the text is not repeated."""
    with pytest.raises(CannotStartError, match="16 to 512 printable ASCII") as raised:
        Token(secret)

    assert not secret or secret not in str(raised.value)


def test_x5_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """SPEC X5: with what to do about it."""
    Token.load("chat", tmp_path, environ={})
    (tmp_path / "token").chmod(0o644)

    with pytest.raises(CannotStartError, match="can be read by other users") as raised:
        Token.load("chat", tmp_path, environ={})
    assert "chmod 600" in raised.value.way_out


def test_x5_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """SPEC X5: no token is made in its place."""
    with pytest.raises(CannotStartError, match="nowhere cannot be read: No such file"):
        Token.load("chat", tmp_path, file=tmp_path / "nowhere", environ={})


def test_x5_a_token_shows_itself_nowhere() -> None:
    """SPEC X5: neither in `repr`, nor in a log, nor in a pickle, nor by a hash."""
    token = Token(SECRET, "from a test")

    assert repr(token) == "<Token from a test>"
    assert cleaned(f"Bearer {SECRET}!") == f"Bearer {HIDDEN}!"
    for spread in (pickle.dumps, copy.copy, hash):
        with pytest.raises(TypeError):
            spread(token)  # type: ignore[operator]  # three functions of one argument
