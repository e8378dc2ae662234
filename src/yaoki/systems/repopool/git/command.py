"""Runs git safely. (Skeleton.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Git", "GitResult"]


@dataclass(frozen=True, slots=True)
class GitResult:
    """What a git command said. `exit_code`: 0, or one that the caller allowed. `seconds`: how long it took."""

    stdout: bytes
    stderr: str
    exit_code: int
    seconds: float


class Git:
    """Runs git with a scrubbed environment, a fixed configuration and a limit on time and output.

    `settings`: git configuration of the operator's for commands that talk to a remote, such as `credential.helper`.
    `timeout`: seconds that one command may take unless told otherwise. Safe for threads and after fork; has no state but a count.
    """

    def __init__(self, *, timeout: float = 300.0, settings: Mapping[str, str] | None = None, program: str = "git") -> None:
        self.timeout = timeout
        self.commands = 0

    def check_version(self) -> tuple[int, int]:
        """The version of git, asked once. Raises PoolManagerError with a way out if git is missing or older than 2.31."""
        raise NotImplementedError

    def run(
        self,
        git_dir: Path,
        arguments: Sequence[str],
        *,
        tree: Path | None = None,
        index: Path | None = None,
        borrow: Sequence[Path] = (),
        stdin: bytes = b"",
        timeout: float | None = None,
        remote: bool = False,
        allowed: Sequence[int] = (0,),
    ) -> GitResult:
        """Run `git ARGUMENTS` on the git folder `git_dir`, which must be ours. `tree`: the work tree. `index`: another index file.
        `borrow`: object folders that are read too. `timeout`: seconds; the whole process group is killed then.

        Raises GitOperationError, its `failure` classified, for an exit code that is not in `allowed`.
        """
        raise NotImplementedError
