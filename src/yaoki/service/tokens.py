"""The token without which nothing changes state (SPEC X5).

From a file, else from the environment, else made on the first start and kept in the data folder, readable by its owner alone.
Never from the command line, where every user of the machine could read it. It is compared in constant time, shows itself in no
`repr`, and is hidden from the logs.
"""

from __future__ import annotations

import hmac
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.observe.secrecy import hide
from yaoki.service.errors import CannotStartError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["Token"]

TOKEN_FILE = "token"  # noqa: S105  # the name of the file
_SHORTEST = 16
_LONGEST = 512


class Token:
    """A secret that entitles to change state. `source` says where it came from. Two are equal if their secrets are.

    Raises CannotStartError for a text shorter than 16 characters or with others than printable ASCII ones.
    """

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str = "given") -> None:
        if not _SHORTEST <= len(secret) <= _LONGEST or not all("!" <= char <= "~" for char in secret):
            raise CannotStartError(
                f"the token ({source}) must be {_SHORTEST} to {_LONGEST} printable ASCII characters without spaces",
                "Make one with: head -c 24 /dev/urandom | base64",
            )
        self._secret = secret
        self.source: str = source
        hide(secret)

    @classmethod
    def load(
        cls,
        system: str,
        place: str | os.PathLike[str],
        *,
        file: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """The token of `system`: from `file`, `$YAOKI_<SYSTEM>_TOKEN_FILE`, `$YAOKI_<SYSTEM>_TOKEN`, or the data folder `place`.

        In the data folder it is made if it is not there. Raises CannotStartError if a named file cannot be read, or if one in the
        data folder is readable by others.
        """
        environ = os.environ if environ is None else environ
        name = f"YAOKI_{system.upper()}_TOKEN"
        named = file or environ.get(f"{name}_FILE")
        if named:
            return cls(_read(Path(named)), f"from {named}")
        if environ.get(name):
            return cls(environ[name].strip(), f"from the environment variable {name}")
        own = Path(place) / TOKEN_FILE
        return cls(_made(own), f"from {own}")

    def matches(self, text: str | None) -> bool:
        """Whether `text` is this token; takes the same time whatever it is."""
        given = (text or "").encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, self._secret.encode())

    def reveal(self) -> str:
        """The secret itself, for the one place that hands it to its owner."""
        return self._secret

    def __eq__(self, other: object) -> bool:
        return self.matches(other._secret) if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        raise TypeError("a Token has no hash: it would tell about the secret")

    def __repr__(self) -> str:
        return f"<Token {self.source}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Token is not pickled: that would write the secret")


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise CannotStartError(
            f"the token file {file} cannot be read: {why}", "Name another file, or leave it out to have a token made."
        ) from error


def _made(file: Path) -> str:
    secret = os.urandom(24).hex()
    draft = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        # Complete before it has its name, and never with a mode that others could read, not even for a moment.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            opened.write(f"{secret}\n")
        try:
            os.link(draft, file)
        except FileExistsError:
            return _kept(file)
        finally:
            draft.unlink()
    except OSError as error:
        raise CannotStartError(
            f"the token file {file} cannot be written: {error.strerror}", "Choose another folder with --data FOLDER."
        ) from error
    return secret


def _kept(file: Path) -> str:
    mode = file.stat().st_mode
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise CannotStartError(
            f"the token file {file} can be read by other users of this machine",
            f"Delete it to have a new token made, or keep it with: chmod 600 {file}",
        )
    return _read(file)
