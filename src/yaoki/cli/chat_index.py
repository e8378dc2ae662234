"""`yaoki chat index PATH…`: the user's own documents into the index."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from yaoki.cli.problems import plainly

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress, TaskID

    from yaoki.systems.chat.vector.documents.indexing import IndexingReport

__all__ = ["index"]

_SHOWN_PROBLEMS = 20


def index(
    paths: Annotated[
        list[Path], typer.Argument(help="Files, and folders with files, in text, Markdown, reStructuredText, HTML.")
    ],
    with_python: Annotated[
        bool | None,
        typer.Option(
            "--with-python/--without-python",
            help="Whether Python's documentation is searched beside your documents.",
            show_default="as it was set before, at first without",
        ),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Remove what was indexed of these paths.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", "--data-dir", help="The data folder of the chat.", show_default="the user's data directory"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", show_default="yaoki.toml, if it is there")
    ] = None,
) -> None:
    """Index your documents: what is new or changed is read, what is gone leaves. A service that runs finds them at once.

    Once there are documents of your own, they are what is searched. A run that was interrupted goes on where it was.
    """
    with plainly():
        from yaoki.service.configuration import load
        from yaoki.service.data_directory import data_directory
        from yaoki.systems.chat.configuration import ChatConfiguration
        from yaoki.systems.chat.vector.documents.indexing import forget_files, index_files

        settings = load(ChatConfiguration, section="chat", config=config, options={"data_dir": data})
        folder = data_directory("chat", settings.data_dir)
        if forget:
            count = forget_files(folder, paths)
            typer.echo(f"Removed: {count}" if count else "Nothing was indexed of these paths.")
            return
        with _Bar() as bar:
            report = index_files(folder, paths, with_python=with_python, progress=bar.show)
        _tell(report)
        if report.problems:
            raise typer.Exit(1)


def _tell(report: IndexingReport) -> None:
    for notice in report.notices:
        typer.echo(notice, err=True)
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        typer.echo(problem, err=True)
    if len(report.problems) > _SHOWN_PROBLEMS:
        typer.echo(f"{len(report.problems) - _SHOWN_PROBLEMS} further files could not be read.", err=True)
    if not report.files:
        typer.echo("No files were found that can be read.", err=True)
    typer.echo(
        f"{report.new} new, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed; "
        f"{report.passages} passages indexed."
    )


class _Bar:
    """How far it is: a bar on a terminal, lines elsewhere. What it shows as done is on the disk."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if console.is_terminal:
            columns = (TextColumn("Indexing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._progress = Progress(*columns, console=console, transient=True)
            self._task = self._progress.add_task("Indexing", total=None)
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, done: int, of: int) -> None:
        """So many files are done."""
        if self._progress is None or self._task is None:
            typer.echo(f"{done} / {of} files", err=True)
        else:
            self._progress.update(self._task, completed=done, total=of)
