"""What users are told, in the language they ask for (SPEC K3).

`Accept-Language` is read as RFC 9110 §12.5.4 says, and matched by the lookup of RFC 4647 §3.4: `ja-JP` finds `ja`, and `en`
finds `en-GB`. Whoever asks for no language that there is a text in is told all the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from yaoki.core.degradation.ladder import Mode

__all__ = ["DEFAULT_LANGUAGE", "apology", "language_of", "notice"]

DEFAULT_LANGUAGE = "en"
"""Who names no language that there is a text in, gets this one, or else the first that there is."""

_LONGEST_HEADER = 1000
_MOST_RANGES = 50


def notice(mode: Mode, accept_language: str | None = None, *, default: str = DEFAULT_LANGUAGE) -> str | None:
    """What to tell the user about this mode; None if it has nothing to tell, as the normal mode.

    `accept_language`: the header of the request, or None; what is malformed in it is passed over. `default`: the language for
    whom no text can be found otherwise.
    """
    return _text(mode.notices, accept_language, default)


def apology(
    mode: Mode, accept_language: str | None = None, *, maintenance: bool = False, default: str = DEFAULT_LANGUAGE
) -> str | None:
    """The answer where there is no other; None if the mode has none. `maintenance`: whether maintenance is declared."""
    texts = mode.maintenance if maintenance and mode.maintenance else mode.apologies
    return _text(texts, accept_language, default)


def _text(texts: Mapping[str, str], accept_language: str | None, default: str) -> str | None:
    return texts[language_of(accept_language, texts, default)] if texts else None


def language_of(accept_language: str | None, offered: Collection[str], default: str = DEFAULT_LANGUAGE) -> str:
    """Which of the `offered` languages, in lower case, the header asks for. Raises ValueError if nothing is offered."""
    if not offered:
        raise ValueError("no language is offered")
    ranges = _ranges(accept_language or "")
    refused = {wanted for wanted, quality in ranges if not quality}
    allowed = [language for language in offered if not any(_matches(each, language) for each in refused)]
    named = {wanted for wanted, _ in ranges}
    # The sort is stable: of two that are wanted alike, the first named is taken.
    for wanted, quality in sorted(ranges, key=lambda each: -each[1]):
        found = _find(wanted, allowed, default, named) if quality else None
        if found is not None:
            return found
    return _fallback(allowed or offered, default)


def _find(wanted: str, allowed: Collection[str], default: str, named: Collection[str]) -> str | None:
    if wanted == "*":
        # It stands for what the header does not name.
        others = [language for language in allowed if not any(_matches(each, language) for each in named)]
        return _fallback(others, default) if others else None
    tag = wanted
    while tag:
        for language in allowed:
            if _matches(tag, language):
                return language
        tag = tag.rpartition("-")[0]
    return None


def _matches(tag: str, language: str) -> bool:
    return language == tag or language.startswith(f"{tag}-")


def _fallback(offered: Collection[str], default: str) -> str:
    default = default.lower()
    return default if default in offered else next(iter(offered))


def _ranges(header: str) -> list[tuple[str, float]]:
    ranges: list[tuple[str, float]] = []
    for part in header[:_LONGEST_HEADER].lower().split(",")[:_MOST_RANGES]:
        wanted, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        if wanted and quality is not None:
            ranges.append((wanted, quality))
    return ranges


def _quality(parameters: list[str]) -> float | None:
    if not parameters:
        return 1.0
    name, equals, value = parameters[0].partition("=")
    digits = value.strip()
    # `float` alone would also take "nan", "1e3", "1_0" and digits of other scripts.
    if name.strip() != "q" or not equals or not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        return None
    quality = float(digits)
    return quality if quality <= 1.0 else None
