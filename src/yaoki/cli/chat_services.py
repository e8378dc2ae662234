"""`yaoki chat serve` and `yaoki chat llm`: the services of the chat, for those who run them as services."""

from __future__ import annotations

from pathlib import Path  # typer reads the annotations
from typing import Annotated

import typer

from yaoki.cli.problems import plainly

__all__ = ["llm", "serve"]

Host = Annotated[str | None, typer.Option("--host", help="The address to listen on.", show_default="127.0.0.1")]
Config = Annotated[
    Path | None, typer.Option("--config", help="The configuration file.", show_default="yaoki.toml, if it is there")
]


def serve(
    port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.", show_default="8700")
    ] = None,
    host: Host = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "--data-dir", help="Where the index and the token are kept.", show_default="the user's data directory"
        ),
    ] = None,
    config: Config = None,
    vector_url: Annotated[
        str | None,
        typer.Option("--vector-url", help="The root of a search service, asked at /search.", show_default="in this process"),
    ] = None,
    vector_timeout: Annotated[
        float | None, typer.Option("--vector-timeout", help="Seconds for the search, retries included.", show_default="3")
    ] = None,
    llm_url: Annotated[
        str | None,
        typer.Option("--llm-url", help="An OpenAI-compatible endpoint: its root or its /v1.", show_default="no model"),
    ] = None,
    llm_model: Annotated[
        str | None, typer.Option("--llm-model", help="The model that it is asked for.", show_default="default")
    ] = None,
    llm_timeout: Annotated[
        float | None, typer.Option("--llm-timeout", help="Seconds for the answer, retries included.", show_default="30")
    ] = None,
    embeddings_url: Annotated[
        str | None,
        typer.Option("--embeddings-url", help="An OpenAI-compatible endpoint for embeddings.", show_default="none"),
    ] = None,
    breaker_failure_rate: Annotated[
        float | None,
        typer.Option("--breaker-failure-rate", help="The share of failures that opens a circuit.", show_default="0.5"),
    ] = None,
    breaker_window: Annotated[
        float | None, typer.Option("--breaker-window", help="Seconds over which it is taken.", show_default="30")
    ] = None,
    breaker_minimum_calls: Annotated[
        int | None,
        typer.Option("--breaker-minimum-calls", help="Fewer calls never open a circuit.", show_default="10"),
    ] = None,
    breaker_open_timeout: Annotated[
        float | None,
        typer.Option("--breaker-open-timeout", help="Seconds until an open circuit tries a call.", show_default="30"),
    ] = None,
    retry_max_attempts: Annotated[
        int | None, typer.Option("--retry-max-attempts", help="Tries in one request, the first included.", show_default="3")
    ] = None,
) -> None:
    """Serve the chat: all in this process, or with a search service and an LLM elsewhere.

    With --vector-url nothing is indexed here. The start waits for no other service. The key of an LLM is never an option: set
    YAOKI_CHAT_LLM_API_KEY.
    """
    options = {
        "port": port,
        "host": host,
        "data_dir": data,
        "vector_url": vector_url,
        "vector_timeout": vector_timeout,
        "llm_url": llm_url,
        "llm_model": llm_model,
        "llm_timeout": llm_timeout,
        "embeddings_url": embeddings_url,
        "breaker_failure_rate": breaker_failure_rate,
        "breaker_window": breaker_window,
        "breaker_minimum_calls": breaker_minimum_calls,
        "breaker_open_timeout": breaker_open_timeout,
        "retry_max_attempts": retry_max_attempts,
    }
    with plainly():
        from yaoki.cli.chat_process import run_chat

        run_chat(options, config, at_a_terminal=False)


def llm(
    port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.", show_default="8702")
    ] = None,
    host: Host = None,
    config: Config = None,
) -> None:
    """Serve the built-in answerer behind an OpenAI-compatible API: it quotes the passages of a prompt, and needs no model."""
    with plainly():
        from yaoki.service.configuration import load
        from yaoki.service.logs import setup_logs
        from yaoki.service.serving import leave
        from yaoki.systems.chat.configuration import ChatConfiguration
        from yaoki.systems.chat.llm.process import run

        settings = load(ChatConfiguration, section="chat", config=config, options={"llm_port": port, "host": host})
        setup_logs(level="warning")
        code = run(settings, lambda address: typer.echo(f"The answerer is at  {address}/v1"))
        if code == 0:
            typer.echo("Stopped.")
        leave(code)
