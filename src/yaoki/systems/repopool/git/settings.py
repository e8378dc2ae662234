"""Git configuration of the operator's, for commands that talk to a remote: credentials, proxies, other addresses (SPEC W1, W5).

Only what is about the way to the remote may be set, since everything else could undo what keeps tenants apart: hooks, aliases, file
system monitors, transports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from yaoki.systems.repopool.errors import ConfigValidationError

__all__ = ["ALLOWED", "checked_settings"]

ALLOWED = (
    *("credential.*", "http.*", "url.*.insteadOf", "core.sshCommand", "core.gitProxy", "ssh.variant"),
    *("protocol.version", "fetch.fsckObjects", "transfer.fsckObjects"),
)
"""What may be set, as patterns; git tells no capital letters apart in the first and last part of a name."""

_WORD = r"[A-Za-z][A-Za-z0-9-]*"
_NAME = re.compile(rf"{_WORD}\.(?:.+\.)?{_WORD}")
_PATTERNS = tuple(pattern.lower() for pattern in ALLOWED)


def checked_settings(name: str, value: object) -> Mapping[str, str]:
    """The settings, which do not change any more. `name`: of the field. Raises ConfigValidationError, which names the setting."""
    if not isinstance(value, Mapping):
        raise ConfigValidationError(f"{name} must be a table of git's settings by name, not {value!r}", field=name)
    for setting, text in value.items():
        place = f"{name}.{setting}"
        if not isinstance(setting, str) or not _NAME.fullmatch(setting) or not setting.isprintable():
            raise ConfigValidationError(f"{place} is no name of a git setting", field=place, way_out="write it like http.proxy")
        if not any(fnmatchcase(setting.lower(), pattern) for pattern in _PATTERNS):
            raise ConfigValidationError(
                f"{place} may not be set: it could undo what keeps tenants apart",
                field=place,
                way_out=f"there are {', '.join(ALLOWED)}",
            )
        # What stands there may be a password, so it is not shown.
        if not isinstance(text, str):
            raise ConfigValidationError(f"{place} must be a text", field=place, way_out="put it in quotation marks")
        if not text.isprintable():
            raise ConfigValidationError(f"{place} must be a text of one line", field=place)
    return MappingProxyType(dict(value))
