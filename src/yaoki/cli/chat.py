"""`yaoki chat …`: serve the chat, ask a running chat service, break and heal its parts, show its settings."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from yaoki.cli import chat_index, chat_services, chat_vector
from yaoki.cli.problems import plainly

__all__ = ["app"]

app = typer.Typer(
    help="Serve the chat, ask a running service, break and heal its parts, show its settings.", no_args_is_help=True
)
app.command()(chat_services.serve)
app.command()(chat_services.llm)
app.command("index")(chat_index.index)
app.command("vector")(chat_vector.vector)


class Part(StrEnum):
    """A part that can be broken."""

    vector = "vector"
    llm = "llm"


class FaultChoice(StrEnum):
    """What can be wrong with it."""

    hang = "hang"
    fail = "fail"
    slow = "slow"


Data = Annotated[Path | None, typer.Option("--data", help="The data folder of the running service.", show_default=False)]
Config = Annotated[Path | None, typer.Option("--config", help="The configuration file.", show_default=False)]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Where the service is; by default it is found by its data folder.", show_default=False),
]


@app.command("break")
def break_(
    part: Annotated[Part, typer.Argument(help="vector (the search) or llm (the answerer).")],
    fault: Annotated[FaultChoice, typer.Argument(help="hang, fail or slow.")],
    data: Data = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Break a part of the running service on purpose, to see what is answered without it."""
    with plainly():
        service = _running(data, config, url)
        service.switch(part.value, fault.value)
        typer.echo(f"{part.value} is broken ({fault.value}). Heal it with: yaoki chat heal {part.value}")


@app.command()
def heal(
    part: Annotated[Part | None, typer.Argument(help="The part to heal; both if none is named.", show_default=False)] = None,
    data: Data = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Heal what was broken on purpose."""
    with plainly():
        service = _running(data, config, url)
        parts = [part.value] if part is not None else [each.value for each in Part]
        for each in parts:
            service.switch(each, None)
        typer.echo(f"Healed: {', '.join(parts)}. An open circuit closes with the first trial call that succeeds.")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    language: Annotated[str, typer.Option("--language", help="en or ja.")] = "en",
    data: Data = None,
    config: Config = None,
    url: Url = None,
) -> None:
    """Ask the running service a question. Mode and notice go to the standard error stream if the answer is degraded."""
    with plainly():
        reply = _running(data, config, url).ask(question, language)
        if reply["notice"]:
            typer.echo(f"[{reply['mode']}] {reply['notice']}", err=True)
        typer.echo(reply["message"])


@app.command()
def config(
    defaults: Annotated[bool, typer.Option("--defaults", help="Show the defaults, not the settings in force.")] = False,
    file: Annotated[Path | None, typer.Option("--config", help="The configuration file.", show_default=False)] = None,
) -> None:
    """Print the settings as a commented TOML file."""
    with plainly():
        from yaoki.service.configuration import load
        from yaoki.service.defaults import defaults as default_text
        from yaoki.service.defaults import written
        from yaoki.systems.chat.configuration import ChatConfiguration

        if defaults:
            text = default_text(ChatConfiguration, section="chat")
        else:
            text = written(load(ChatConfiguration, section="chat", config=file), section="chat")
        typer.echo(text, nl=False)


def _running(data: Path | None, config: Path | None, url: str | None) -> Any:
    from yaoki.service.configuration import load
    from yaoki.systems.chat.client import find_service
    from yaoki.systems.chat.configuration import ChatConfiguration

    settings = load(ChatConfiguration, section="chat", config=config, options={"data_dir": data})
    return find_service(settings, url)
