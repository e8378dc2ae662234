"""What users are told, in the language they ask for (SPEC K3). `Accept-Language` is read as RFC 9110 §12.5.4 and RFC 4647 say."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from yaoki.core.degradation.ladder import Mode

__all__ = ["DEFAULT_LANGUAGE", "apology", "notice"]

DEFAULT_LANGUAGE = "en"
"""Who names no language that there is a text in, gets this one, or else the first."""


def notice(mode: Mode, accept_language: str | None = None, *, default: str = DEFAULT_LANGUAGE) -> str | None:
    """What to tell the user about this mode; None if it has nothing to tell, as the normal mode.

    `accept_language`: the header of the request, or None; what is malformed in it is passed over.
    """
    raise NotImplementedError


def apology(
    mode: Mode, accept_language: str | None = None, *, maintenance: bool = False, default: str = DEFAULT_LANGUAGE
) -> str | None:
    """The answer where there is no other; None if the mode has none. `maintenance`: whether maintenance is declared."""
    raise NotImplementedError
