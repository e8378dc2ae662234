"""Settings come from a file, the environment and options; every mistake is told with its place (SPEC X5)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, SecretStr

from yaoki import ConfigurationError
from yaoki.service.configuration import load


class Engine(StrEnum):
    fast = "fast"
    good = "good"


class Llm(BaseModel):
    url: str = "http://127.0.0.1:8080"
    timeout: float = Field(30.0, gt=0)
    key: SecretStr | None = None
    password_length: int = 8


class Rule(BaseModel):
    name: str
    weight: float = 1.0


class Settings(BaseModel):
    port: int = Field(8700, ge=0, le=65535)
    engine: Engine = Engine.fast
    data: Path | None = None
    names: list[str] = []
    rules: list[Rule] = []
    limits: dict[str, int] = {}
    llm: Llm = Llm()
    second: Llm | None = None


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a configuration file; the working directory is an empty one."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> Path:
        file = tmp_path / "settings.toml"
        file.write_text(text, "utf-8")
        return file

    return written


def settings(config: Path | None = None, environ: dict[str, str] | None = None, **options: object) -> Settings:
    return load(Settings, section="chat", config=config, environ=environ or {}, options=options)


def mistakes(config: Path | None = None, environ: dict[str, str] | None = None, **options: object) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        settings(config, environ, **options)
    assert raised.value.__cause__ is None
    return str(raised.value).splitlines()


# Where values come from


def test_x5_without_any_source_the_defaults_hold(write: Write) -> None:
    """SPEC X5: nothing has to be configured."""
    assert settings() == Settings()


def test_x5_the_later_source_wins(write: Write) -> None:
    """SPEC X5: the file, then the environment, then the options."""
    file = write('[chat]\nport = 1\nengine = "good"\n[chat.llm]\nurl = "file"\ntimeout = 5')

    loaded = settings(file, {"YAOKI_CHAT_PORT": "2", "YAOKI_CHAT_LLM__URL": "environment"}, port=3)

    assert (loaded.port, loaded.engine, loaded.llm.url, loaded.llm.timeout) == (3, Engine.good, "environment", 5.0)


def test_x5_an_option_not_given_changes_nothing(write: Write) -> None:
    """SPEC X5: None is an option that is not on the command line."""
    assert settings(write("[chat]\nport = 1"), port=None).port == 1


def test_x5_the_file_is_found_in_three_ways(write: Write, tmp_path: Path) -> None:
    """SPEC X5: the one that was named, else the one in the environment, else the usual one in the working directory."""
    named = write("[chat]\nport = 1")
    (tmp_path / "other.toml").write_text("[chat]\nport = 2")
    (tmp_path / "yaoki.toml").write_text("[chat]\nport = 3")
    environ = {"YAOKI_CONFIG": str(tmp_path / "other.toml")}

    assert [settings(named, environ).port, settings(None, environ).port, settings().port] == [1, 2, 3]


def test_x5_options_reach_fields_of_fields(write: Write) -> None:
    """SPEC X5: by a dot."""
    loaded = load(Settings, section="chat", environ={}, options={"llm.url": "option", "second.url": "other"})

    assert (loaded.llm.url, loaded.second.url if loaded.second else None) == ("option", "other")


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("NAMES", '["a", "b"]', "names", ["a", "b"]),
        ("LIMITS", "{x = 1}", "limits", {"x": 1}),
        ("RULES", '[{name = "a"}]', "rules", [Rule(name="a")]),
        ("DATA", "[odd]", "data", Path("[odd]")),
        ("LLM", '{url = "all"}', "llm", Llm(url="all")),
    ],
)
def test_x5_lists_and_tables_stand_in_the_environment_as_in_toml(
    write: Write, variable: str, text: str, field: str, value: object
) -> None:
    """SPEC X5: and only where a list or a table is wanted."""
    assert getattr(settings(environ={f"YAOKI_CHAT_{variable}": text}), field) == value


def test_x5_the_token_is_no_setting(write: Write) -> None:
    """SPEC X5: its variables belong to the same system and are read elsewhere."""
    assert settings(environ={"YAOKI_CHAT_TOKEN": "x", "YAOKI_CHAT_TOKEN_FILE": "y"}) == Settings()


def test_x5_other_systems_may_be_in_the_file(write: Write) -> None:
    """SPEC X5: one file configures all systems of a machine."""
    assert settings(write('[mesh]\nname = "a"\n[chat]\nport = 1')).port == 1


# Mistakes


def test_x5_a_text_where_a_list_is_wanted_is_told_how_one_is_written(write: Write) -> None:
    """SPEC X5: users know no tuples, and an environment has no lists of its own."""
    assert mistakes(environ={"YAOKI_CHAT_NAMES": "a"}) == [
        """chat.names: should be a list such as ["one", "another"], not 'a'; from the environment variable YAOKI_CHAT_NAMES"""
    ]


def test_x5_a_bad_value_is_told_with_its_path_and_source(write: Write) -> None:
    """SPEC X5: from each of the three sources."""
    file = write("[chat.llm]\ntimeout = -1")

    assert mistakes(file, {"YAOKI_CHAT_PORT": "many"}, engine="slow") == [
        (
            "chat.port: should be a valid integer, unable to parse string as an integer, not 'many'; "
            "from the environment variable YAOKI_CHAT_PORT"
        ),
        "chat.engine: should be 'fast' or 'good', not 'slow'; from the option --engine",
        f"chat.llm.timeout: should be greater than 0, not -1; from {file}",
    ]


def test_x5_unknown_names_are_refused(write: Write) -> None:
    """SPEC X5: from each source, with the name that was perhaps meant."""
    file = write("[chat]\nprot = 1\n[chat.llm]\nuri = 'x'")

    assert mistakes(file, {"YAOKI_CHAT_LLM__TIMEOUTS": "1"}, ports=1) == [
        f"chat.prot: no such setting, did you mean 'port'; from {file}",
        f"chat.llm.uri: no such setting, did you mean 'url'; from {file}",
        "chat.llm.timeouts: no such setting, did you mean 'timeout'; from the environment variable YAOKI_CHAT_LLM__TIMEOUTS",
        "chat.ports: no such setting, did you mean 'port'; from the option --ports",
    ]


def test_x5_unknown_names_in_lists_of_tables_are_refused(write: Write) -> None:
    """SPEC X5: however deep they are."""
    file = write('[[chat.rules]]\nname = "a"\nwheight = 2')

    assert mistakes(file) == [f"chat.rules.0.wheight: no such setting, did you mean 'weight'; from {file}"]


def test_x5_a_misspelt_section_is_refused(write: Write) -> None:
    """SPEC X5: its settings would be lost in silence."""
    file = write("port = 1\n[chta]\nport = 1")

    assert mistakes(file) == [
        f"port: no such section, there are chat, console, diameter, mesh, repopool; from {file}",
        f"chta: no such section, did you mean 'chat'; from {file}",
    ]


def test_x5_a_section_that_is_no_table_is_refused(write: Write) -> None:
    """SPEC X5: `chat = 1` is a mistake."""
    file = write("chat = 1")

    assert mistakes(file) == [f"chat: is a section, so it must be a table [chat]; from {file}"]


@pytest.mark.parametrize(
    ("variable", "value"), [("YAOKI_CHAT_LLM__KEY", "[1, 2"), ("YAOKI_CHAT_LLM__PASSWORD_LENGTH", "hunter2")]
)
def test_x5_a_secret_is_not_repeated(write: Write, variable: str, value: str) -> None:
    """SPEC X5: neither one that is a secret by its type, nor one that is so by its name."""
    environ = {variable: value, "YAOKI_CHAT_PORT": "x"}

    assert all(value not in mistake for mistake in mistakes(environ=environ))


def test_x5_a_required_field_says_where_to_set_it() -> None:
    """SPEC X5: in the file or in the environment."""

    class Needs(BaseModel):
        llm: Rule

    with pytest.raises(ConfigurationError, match=r"chat.llm.name: is required; .* or YAOKI_CHAT_LLM__NAME") as raised:
        load(Needs, section="chat", environ={"YAOKI_CHAT_LLM__WEIGHT": "2"})

    assert "[chat]" in str(raised.value)


@pytest.mark.parametrize(("text", "why"), [("[chat]\nport = ?\n", "line 2"), ("\xff", "decode")])
def test_x5_a_file_that_is_no_toml_is_named(write: Write, tmp_path: Path, text: str, why: str) -> None:
    """SPEC X5: with the line, where there is one."""
    file = tmp_path / "broken.toml"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(ConfigurationError, match=rf"{file} cannot be read: .*{why}"):
        settings(file)


def test_x5_a_file_that_was_named_must_be_there(write: Write, tmp_path: Path) -> None:
    """SPEC X5: otherwise a misspelt path would be a silent default."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml cannot be read: No such file"):
        settings(None, {"YAOKI_CONFIG": str(tmp_path / "nowhere.toml")})


def test_x5_a_value_and_a_table_in_one_place_are_not_mixed(write: Write) -> None:
    """SPEC X5: the environment puts a table where the file had a value."""
    file = write("[chat]\nllm = 1")

    assert settings(file, {"YAOKI_CHAT_LLM__URL": "x"}).llm == Llm(url="x")
