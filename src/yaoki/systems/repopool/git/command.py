"""Runs git safely: the one place where a git process is started (SPEC W1, W3).

Nothing but our own words decides what git does: the environment is scrubbed of `GIT_*`, the user's and the system's configuration
are not read, hooks, file system monitors, external programs and prompts are off, and transports other than those that addresses
may have are refused. The git folder is always named, and it is ours: git never looks for one, so it never opens a tenant's.

What an operator sets for the way to a remote is given in the environment, where no list of processes shows it, and where our own
settings, given as arguments, outrank it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from yaoki.core import deadline
from yaoki.core.clock import clock
from yaoki.core.faults.errors import DeadlineExceededError
from yaoki.systems.repopool.errors import GitOperationError, PoolManagerError
from yaoki.systems.repopool.git.failures import classified, way_out
from yaoki.systems.repopool.git.process import kill, talk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["OLDEST", "Git", "GitResult"]

OLDEST = (2, 31)
"""The oldest git that will do."""

_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "submodule.recurse=false",
    "advice.detachedHead=false",
    "protocol.allow=never",
)
_REMOTE_SETTINGS = (
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.git.allow=always",
    "protocol.file.allow=always",
    # Every fetch becomes one pack, which can be linked elsewhere as it is.
    "fetch.unpackLimit=1",
    "transfer.unpackLimit=1",
)
_REMOTE_DEFAULTS = {
    "core.sshCommand": "ssh -oBatchMode=yes",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "credential.helper": "",
}
# The second one is for git before 2.36.
_DURABLE = ("core.fsync=committed", "core.fsyncObjectFiles=true")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_AUTHOR_NAME": "Yaoki",
    "GIT_AUTHOR_EMAIL": "yaoki@localhost",
    "GIT_COMMITTER_NAME": "Yaoki",
    "GIT_COMMITTER_EMAIL": "yaoki@localhost",
}
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class GitResult:
    """What a git command said. `exit_code`: 0, or one that the caller allowed. `seconds`: how long it took."""

    stdout: bytes
    stderr: str
    exit_code: int
    seconds: float


class Git:
    """Runs git with a scrubbed environment, a fixed configuration and a limit on time and output.

    `settings`: tells the git configuration of the operator's for commands that talk to a remote, checked by `checked_settings`.
    `timeout`: seconds that one command may take unless told otherwise; a deadline in force shortens it. `held`: descriptors that git
    inherits, so that a lock on them outlives us as long as our git does. Safe for threads and after fork.
    """

    def __init__(
        self,
        *,
        timeout: float = 300.0,
        settings: Callable[[], Mapping[str, str]] = dict,
        program: str = "git",
        held: Sequence[int] = (),
        started: list[int] | None = None,
    ) -> None:
        self.timeout = timeout
        self.settings = settings
        self.program = program
        self._held = tuple(held)
        # Shared by all that `holding` has made.
        self._started = [0] if started is None else started

    @property
    def commands(self) -> int:
        """How many commands have been started, those of `holding` included; for reports: with threads it may be a little low."""
        return self._started[0]

    def holding(self, *descriptors: int) -> Git:
        """The same, with further descriptors that git inherits."""
        return Git(
            timeout=self.timeout,
            settings=self.settings,
            program=self.program,
            held=(*self._held, *descriptors),
            started=self._started,
        )

    def check_version(self) -> tuple[int, int]:
        """The version of git, asked once. Raises PoolManagerError with a way out if git is missing or older than 2.31."""
        return _checked_version(self.program)

    def run(
        self,
        git_dir: Path | None,
        arguments: Sequence[str],
        *,
        tree: Path | None = None,
        index: Path | None = None,
        objects: Path | None = None,
        borrow: Sequence[Path] = (),
        stdin: bytes | Iterator[bytes] = b"",
        timeout: float | None = None,
        remote: bool = False,
        durable: bool = False,
        allowed: Sequence[int] = (0,),
    ) -> GitResult:
        """Run `git ARGUMENTS` on the git folder `git_dir`, which must be ours; None: on none. `tree`: the work tree. `index`: another
        index file. `objects`: where new objects go. `borrow`: object folders that are read too. `remote`: it may talk to one. `durable`: what
        it writes shall survive a power cut. `stdin`: what it reads, as a whole or piece by piece. `timeout`: seconds; the whole process group
        is killed then.

        Raises GitOperationError, its `failure` classified, for an exit code that is not in `allowed`; DeadlineExceededError if the
        caller's deadline ended it.
        """
        environment = _environment(git_dir, tree=tree, index=index, objects=objects, borrow=borrow)
        settings = [*_SETTINGS]
        if remote:
            settings += _REMOTE_SETTINGS
            environment.update(_as_environment([*_REMOTE_DEFAULTS.items(), *self.settings().items()]))
        if durable:
            settings += _DURABLE
        words = [_found(self.program), *(word for setting in settings for word in ("-c", setting)), *arguments]
        where = tree or git_dir
        started = clock.now()
        until = min(started + (self.timeout if timeout is None else timeout), deadline.current())
        if until <= started:
            raise DeadlineExceededError(None, until, _said(arguments))
        self._started[0] += 1
        try:
            process = subprocess.Popen(
                words,
                env=environment,
                cwd=where,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                pass_fds=self._held,
            )
        except FileNotFoundError as error:
            if where is not None and not where.is_dir():
                raise GitOperationError(f"{where} does not exist", command=arguments, way_out="recover the slot") from error
            raise _missing(self.program) from error
        try:
            stdout, said, in_time = talk(process, iter((stdin,)) if isinstance(stdin, bytes) else stdin, until)
        except BaseException:
            # Nobody waits for it any more, an interrupted caller least of all.
            kill(process)
            raise
        finally:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        stderr = _PASSWORD.sub("", said.decode("utf-8", "replace"))
        if not in_time and deadline.current() <= clock.now():
            raise DeadlineExceededError(None, until, _said(arguments))
        code = process.returncode if in_time else None
        if code is not None and code in allowed:
            return GitResult(stdout, stderr, code, clock.now() - started)
        raise _failed(arguments, code, stderr, clock.now() - started)


def _environment(
    git_dir: Path | None, *, tree: Path | None, index: Path | None, objects: Path | None, borrow: Sequence[Path]
) -> dict[str, str]:
    """Ours, without anything that the caller's says to git, and with the places of this command."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT
    places = {
        "GIT_DIR": git_dir,
        "GIT_WORK_TREE": tree,
        "GIT_INDEX_FILE": index,
        "GIT_OBJECT_DIRECTORY": objects,
    }
    environment |= {name: str(place) for name, place in places.items() if place is not None}
    if borrow:
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(_quoted(folder) for folder in borrow)
    return environment


def _as_environment(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as git reads them from its environment, the later ones over the former."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _failed(arguments: Sequence[str], code: int | None, stderr: str, seconds: float) -> GitOperationError:
    failure = classified(stderr, code)
    end = f"was stopped after {seconds:.3g} s" if code is None else f"ended with {code}"
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return GitOperationError(
        f"git {_said(arguments)} {end}{f': {told.strip()[:300]}' if told else ''}",
        failure=failure,
        command=("git", *(_PASSWORD.sub("", word) for word in arguments)),
        exit_code=code,
        stderr=stderr,
        way_out=way_out(failure),
    )


def _said(arguments: Sequence[str]) -> str:
    """The name of the command: the first word that is neither an option nor the setting behind `-c`."""
    before = ("", *arguments)
    return next((word for last, word in zip(before, arguments, strict=False) if not word.startswith("-") and last != "-c"), "")


def _quoted(folder: Path) -> str:
    text = str(folder)
    if ":" not in text and not text.startswith('"'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _missing(program: str) -> PoolManagerError:
    return PoolManagerError(f"{program} is not installed", way_out="install git 2.31 or newer")


@lru_cache(maxsize=8)
def _found(program: str) -> str:
    """Where a program is; as it was named if it is nowhere, so that starting it says so."""
    return shutil.which(program) or program


@lru_cache(maxsize=8)
def _checked_version(program: str) -> tuple[int, int]:
    try:
        done = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30.0, check=False)
    except OSError as error:
        raise _missing(program) from error
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    if found is None:
        raise PoolManagerError(
            f"{program} does not tell its version: {done.stdout[:100]!r}", way_out="install git 2.31 or newer"
        )
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        raise PoolManagerError(f"git {version[0]}.{version[1]} is too old", way_out="install git 2.31 or newer")
    return version
