"""The names by which users and scripts set the chat: in the environment, in a file, as options."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from yaoki.cli.commands import app
from yaoki.core.faults.errors import ConfigurationError
from yaoki.service.configuration import load
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.embeddings.endpoint import EndpointEmbedder
from yaoki.systems.chat.embeddings.find import find_embedder

SETTINGS = {
    "port": ("8701", 8701),
    "vector_url": ("http://search.test:1", "http://search.test:1"),
    "vector_timeout": ("2.5", 2.5),
    "llm_url": ("http://model.test:1/v1", "http://model.test:1/v1"),
    "llm_model": ("mine", "mine"),
    "llm_timeout": ("20", 20.0),
    "embeddings_url": ("http://vectors.test:1", "http://vectors.test:1"),
    "breaker_failure_rate": ("0.4", 0.4),
    "breaker_window": ("20", 20.0),
    "breaker_minimum_calls": ("7", 7),
    "breaker_open_timeout": ("15", 15.0),
    "retry_max_attempts": ("2", 2),
    "data_dir": ("/somewhere", Path("/somewhere")),
}


def test_each_setting_has_its_name_in_the_environment() -> None:
    """SPEC G2: `YAOKI_CHAT_` and the name in capitals."""
    environ = {f"YAOKI_CHAT_{name.upper()}": text for name, (text, _) in SETTINGS.items()}
    settings = load(ChatConfiguration, section="chat", environ={**environ, "YAOKI_CHAT_LLM_API_KEY": "sk-1"})

    assert {name: getattr(settings, name) for name in SETTINGS} == {name: value for name, (_, value) in SETTINGS.items()}
    assert settings.llm_api_key is not None
    assert settings.llm_api_key.get_secret_value() == "sk-1"


def test_the_same_names_are_keys_of_the_file(tmp_path: Path) -> None:
    """SPEC G2: in the table `[chat]`."""
    file = tmp_path / "yaoki.toml"
    written = [
        f"{name} = {text!r}" if isinstance(value, str | Path) else f"{name} = {text}"
        for name, (text, value) in SETTINGS.items()
    ]
    file.write_text("\n".join(["[chat]", *written]), "utf-8")

    settings = load(ChatConfiguration, section="chat", config=file, environ={})

    assert {name: getattr(settings, name) for name in SETTINGS} == {name: value for name, (_, value) in SETTINGS.items()}


def test_the_same_names_are_options() -> None:
    """SPEC G2: with hyphens; the key of a model is none, since everybody can read the arguments of a process."""
    shown = CliRunner().invoke(app, ["chat", "serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output

    assert [name for name in SETTINGS if f"--{name.replace('_', '-')} " not in shown] == []
    assert "--llm-api-key " not in shown


def test_the_figures_of_the_source_document_are_the_defaults() -> None:
    """SPEC G2: 3 s and 30 s as whole budgets, half of the calls in a window, 30 s until a trial, three tries."""
    settings = load(ChatConfiguration, section="chat", environ={})

    assert (settings.vector_timeout, settings.llm_timeout, settings.retry_max_attempts) == (3.0, 30.0, 3)
    assert (settings.breaker_failure_rate, settings.breaker_open_timeout, settings.max_concurrent) == (0.5, 30.0, 256)


@pytest.mark.parametrize("url", ["http://model.test:1", "http://model.test:1/v1"])
def test_a_models_address_implies_none_for_embeddings(url: str) -> None:
    """SPEC G1: documents are sent to an endpoint only where it was named for that."""
    assert not isinstance(find_embedder(ChatConfiguration(llm_url=url)), EndpointEmbedder)
    assert isinstance(find_embedder(ChatConfiguration(embeddings_url=url)), EndpointEmbedder)


@pytest.mark.parametrize("name", ["vector_url", "llm_url", "embeddings_url"])
@pytest.mark.parametrize("url", ["ftp://x", "http://", "x:1", "http://me:secret@x", "http://x?a=b", "http://x:99999"])
def test_an_address_that_is_none_is_refused(name: str, url: str) -> None:
    """SPEC X5: the same rule for each, and the field is named."""
    with pytest.raises(ConfigurationError, match=name):
        load(ChatConfiguration, section="chat", environ={f"YAOKI_CHAT_{name.upper()}": url})


@pytest.mark.parametrize("name", ["llm_api_key", "embeddings_api_key"])
def test_a_key_that_fits_no_header_is_refused(name: str) -> None:
    """SPEC X5: and is not repeated."""
    with pytest.raises(ConfigurationError, match=name) as refused:
        load(ChatConfiguration, section="chat", environ={f"YAOKI_CHAT_{name.upper()}": "two words"})
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize("name", ["vector_url", "llm_url", "embeddings_url", "llm_api_key", "embeddings_api_key"])
def test_an_empty_text_is_unset(name: str) -> None:
    """SPEC X5: as files of an environment often have it."""
    assert getattr(load(ChatConfiguration, section="chat", environ={f"YAOKI_CHAT_{name.upper()}": ""}), name) is None
