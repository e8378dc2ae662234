"""`config --defaults` prints a file that can be used as it is."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from yaoki.service.configuration import load
from yaoki.service.defaults import defaults, toml_value, written


class Colour(StrEnum):
    red = "red"


class Inner(BaseModel):
    """The inner part."""

    url: str = Field("http://127.0.0.1", description="Where it is.")
    api_key: str = Field("hunter2", description="Who we are.")


class Settings(BaseModel):
    """All there is.

    Further text is not for the file.
    """

    name: str = Field(description="What it is called.")
    port: int = Field(8700, description="The port to listen on.")
    share: float = Field(float("inf"), description="As much as wanted.")
    colour: Colour = Colour.red
    data: Path | None = Field(None, description="The data folder.")
    names: tuple[str, ...] = ('with "quotes"', "back\\slash")
    inner: Inner = Inner(url="http://other")
    optional: Inner | None = None


def test_x5_the_defaults_are_a_commented_file() -> None:
    """SPEC X5: each setting with its description, its variable, its default; what has none is commented out."""
    assert (
        defaults(Settings, section="chat")
        == """\
# All there is.
[chat]

# What it is called.
# environment: YAOKI_CHAT_NAME
# name =   (required)

# The port to listen on.
# environment: YAOKI_CHAT_PORT
port = 8700

# As much as wanted.
# environment: YAOKI_CHAT_SHARE
share = inf

# environment: YAOKI_CHAT_COLOUR
colour = "red"

# The data folder.
# environment: YAOKI_CHAT_DATA
# data =

# environment: YAOKI_CHAT_NAMES
names = ["with \\"quotes\\"", "back\\\\slash"]


# The inner part.
[chat.inner]

# Where it is.
# environment: YAOKI_CHAT_INNER__URL
url = "http://other"

# Who we are.
# environment: YAOKI_CHAT_INNER__API_KEY
# api_key =


# The inner part.
# [chat.optional]

# Where it is.
# environment: YAOKI_CHAT_OPTIONAL__URL
# url = "http://127.0.0.1"

# Who we are.
# environment: YAOKI_CHAT_OPTIONAL__API_KEY
# api_key =
"""
    )


def test_x5_the_file_is_read_back_to_the_defaults(tmp_path: Path) -> None:
    """SPEC X5: to use the file as it is changes nothing."""
    file = tmp_path / "file.toml"
    file.write_text(defaults(Settings, section="chat"), "utf-8")

    loaded = load(Settings, section="chat", config=file, environ={}, options={"name": "n"})

    assert loaded == Settings(name="n")


def test_x5_settings_in_force_are_written_with_their_own_values(tmp_path: Path) -> None:
    """SPEC X5: what was set from anywhere; a secret is not shown."""
    settings = Settings(name="日本", port=1, optional=Inner(url="there", api_key="geheim"))
    text = written(settings, section="chat")
    file = tmp_path / "file.toml"
    file.write_text(text, "utf-8")

    loaded = load(Settings, section="chat", config=file, environ={})

    assert "geheim" not in text
    assert (loaded.name, loaded.port, loaded.optional) == ("日本", 1, Inner(url="there"))


toml_values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(toml_values)
def test_x5_every_value_is_read_back_as_it_was(value: Any) -> None:
    """SPEC X5: quotes, control characters, endless numbers, nested lists and tables."""
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}


def test_x5_what_toml_cannot_say_is_refused() -> None:
    """SPEC X5: instead of written wrong."""
    with pytest.raises(TypeError, match="cannot be written as TOML"):
        toml_value(object())
