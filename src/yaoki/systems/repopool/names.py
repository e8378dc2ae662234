"""Names of repositories, ids of slots and addresses of remotes: what is allowed, and the parts (SPEC W1).

Names become folders, and addresses become arguments of git, so everything is refused that could leave its folder or be read as an
option or as a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from yaoki.systems.repopool.errors import ConfigValidationError

__all__ = ["Address", "checked_address", "checked_repo_name", "slot_id_of", "split_slot_id"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SLOT_ID = re.compile(r"workspace-(?P<repo>.+)-slot(?P<number>0|[1-9][0-9]{0,5})")
# What the pool keeps beside the repositories' folders.
_RESERVED = frozenset({"locks", "quarantine", "exports"})
_SCHEMES = frozenset({"https", "ssh", "git", "file"})
_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
_SCP = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?(?P<host>{_HOST}):(?!:)(?P<path>[^-:\s][^\s]*)")
_ALLOWED = "use https://…, ssh://…, user@host:path, git://…, file:///… or an absolute path"


def checked_repo_name(name: object) -> str:
    """`name`, if it may name a repository: letters, digits, `.`, `_`, `-`, at most 100, no `.` or `-` first.

    Raises ConfigValidationError.
    """
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or ".." in name
        or name.lower() in _RESERVED
        or name.lower().startswith("pool.db")
        or name.lower().endswith((".lock", "."))
    ):
        raise ConfigValidationError(
            f"repo_name must not be {name!r}",
            field="repo_name",
            way_out="use at most 100 letters, digits, '.', '_' and '-', a letter or digit first",
        )
    return name


def slot_id_of(repo_name: str, number: int) -> str:
    """The id of a slot: `workspace-{repo}-slot{N}`. Raises ConfigValidationError for a bad name or a negative number."""
    if isinstance(number, bool) or not 0 <= number < 1_000_000:
        raise ConfigValidationError(f"the number of a slot must be from 0 to 999999, not {number!r}", field="number")
    return f"workspace-{checked_repo_name(repo_name)}-slot{number}"


def split_slot_id(slot_id: object) -> tuple[str, int]:
    """The repository's name and the number in the id of a slot. Raises ConfigValidationError if it is none."""
    found = _SLOT_ID.fullmatch(slot_id) if isinstance(slot_id, str) else None
    if found is None:
        raise ConfigValidationError(
            f"slot_id must not be {slot_id!r}", field="slot_id", way_out="it looks like workspace-REPO-slot1"
        )
    return checked_repo_name(found["repo"]), int(found["number"])


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository comes from. `text`: as git is given it. `transport`: https, ssh, git or file.

    `host`: "" for a folder of this machine. `path`: the folder of this machine, or "".
    """

    text: str
    transport: str
    host: str = ""
    path: str = ""

    @property
    def shown(self) -> str:
        """The address without a password, for messages and logs."""
        if self.transport != "https" or "@" not in self.text:
            return self.text
        parts = urlsplit(self.text)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def checked_address(text: object) -> Address:
    """The address, if git may be given it: https, ssh, the scp form, git, `file://`, or an absolute local path.

    Raises ConfigValidationError for everything else: options, `ext::` and other remote helpers, relative paths, http.
    """
    if (
        not isinstance(text, str)
        or not text
        or text.startswith("-")
        or any(ord(sign) <= 32 or ord(sign) == 127 for sign in text)
    ):
        raise _refused(text)
    if text.startswith("/"):
        return Address(text, "file", path=text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        found = _SCP.fullmatch(text)
        if found is None:
            raise _refused(text)
        return Address(text, "ssh", host=found["host"])
    if scheme not in _SCHEMES:
        raise _refused(text)
    if scheme == "file":
        if not rest.startswith("/") or rest.startswith("//"):
            raise _refused(text)
        return Address(text, "file", path=rest)
    try:
        host = urlsplit(text).hostname or ""
        _ = urlsplit(text).port
    except ValueError:
        host = ""
    user = rest.partition("/")[0].rpartition("@")[0]
    if not re.fullmatch(_HOST, f"[{host}]" if ":" in host else host) or user.startswith("-") or not rest.partition("/")[2]:
        raise _refused(text)
    return Address(text, scheme, host=host)


def _refused(text: object) -> ConfigValidationError:
    return ConfigValidationError(f"repo_url must not be {text!r}", field="repo_url", way_out=_ALLOWED)
