"""The process of the chat as `yaoki up` and `yaoki chat serve` start it, and what it prints meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from yaoki.service.data_directory import Instance
    from yaoki.service.tokens import Token
    from yaoki.systems.chat.opening import Opening
    from yaoki.systems.chat.vector.preparation import Preparation

__all__ = ["run_chat"]


def run_chat(options: Mapping[str, object], config: Path | None, *, at_a_terminal: bool, browser: bool = False) -> None:
    """Serve the chat until the process is to end, then end it with its exit code. `options`: settings by name.

    Raises ConfigurationError for wrong settings, CannotStartError and ChatIndexError for what keeps it from starting.
    """
    from yaoki.systems.chat.embeddings.threads import one_thread_each

    # Before anything imports numpy.
    one_thread_each()
    from yaoki.service.configuration import load
    from yaoki.service.data_directory import Instance, data_directory
    from yaoki.service.logs import setup_logs
    from yaoki.service.serving import leave
    from yaoki.service.tokens import Token
    from yaoki.systems.chat.configuration import ChatConfiguration
    from yaoki.systems.chat.process import run

    settings = load(ChatConfiguration, section="chat", config=config, options=options)
    folder = data_directory("chat", settings.data_dir)
    with Instance("chat", folder) as instance:
        token = Token.load("chat", folder)
        setup_logs(level="warning")
        terminal = _Terminal(instance, token, at_a_terminal=at_a_terminal, browser=browser)
        try:
            code = run(settings, folder, token, terminal)
        finally:
            terminal.end()
    if code == 0:
        typer.echo("Stopped.")
    leave(code)


class _Terminal:
    """Tells who started the service where it is, and how far. `at_a_terminal`: a person, who is shown the token as well."""

    def __init__(self, instance: Instance, token: Token, *, at_a_terminal: bool, browser: bool) -> None:
        self._instance = instance
        self._token = token
        self._at_a_terminal = at_a_terminal
        self._browser = browser
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._told = -1
        self._finished = False

    def listening(self, address: str, opening: Opening) -> None:
        self._instance.address = address
        if not self._at_a_terminal:
            # What is printed here ends in a log.
            typer.echo(f"The chat is at  {address}")
            return
        typer.echo(f"The chat is at  {address}/#token={self._token.reveal()}")
        typer.echo(f"The token for breaking and healing parts ({self._token.source}): {self._token.reveal()}")
        typer.echo("Ctrl-C stops it.")
        if self._browser and _has_browser():
            import threading
            import webbrowser

            page = f"{address}/#code={opening.code()}"
            # Some browsers keep their caller waiting.
            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

    def preparing(self, preparation: Preparation) -> None:
        import sys

        if preparation.index is not None:
            self._finish(preparation)
        elif not sys.stderr.isatty():
            step = preparation.percent // 25
            if step > self._told:
                self._told = step
                typer.echo(f"Preparing the index, {preparation.percent} %: {preparation.stage}", err=True)
        else:
            self._show_bar(preparation)

    def _show_bar(self, preparation: Preparation) -> None:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task(preparation.stage, total=100)
            self._progress.start()
        assert self._task is not None
        self._progress.update(self._task, completed=preparation.percent, description=preparation.stage)

    def _finish(self, preparation: Preparation) -> None:
        index = preparation.index
        assert index is not None
        if self._finished:
            return
        self._finished = True
        self.end()
        for notice in index.notices:
            typer.echo(notice, err=True)
        done = "indexed" if index.built else "in the index"
        typer.echo(f"{len(index)} passages {done}, {preparation.took or 0.0:.1f} s.")

    def end(self) -> None:
        """Clear the progress bar away, whatever ended the service."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _has_browser() -> bool:
    """Whether a page can be shown here. A browser for the terminal would take the terminal away."""
    import os
    import sys

    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
