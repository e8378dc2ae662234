"""reStructuredText as sections: titles of any ornament, described objects of Sphinx, roles as their texts (SPEC G1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaoki.systems.chat.vector.documents.section import Outline

if TYPE_CHECKING:
    from yaoki.systems.chat.vector.documents.section import Section

__all__ = ["read"]

_ORNAMENT = re.compile(r"([!-/:-@\[-`{-~])\1*\s*$")
_DIRECTIVE = re.compile(r"(\s*)\.\.\s+(?:py:|c:)?([\w-]+)::\s*(.*)$")
_MARKUP = re.compile(r"(\s*)\.\.(?:\s|$)")
_ROLE = re.compile(r":[\w:+.-]+:`[~!]?([^`<]*?)(?:\s*<[^`>]*>)?`")
_REFERENCE = re.compile(r"`([^`<]*?)(?:\s*<[^`>]*>)?`__?(?!\w)")
_DESCRIBED = frozenset(
    """function class method classmethod staticmethod exception data attribute property decorator module macro type var option
    envvar cmdoption opcode describe object decoratormethod coroutinefunction coroutinemethod awaitablefunction abstractmethod
    """.split()
)
# Directives whose content is for machines.
_HIDDEN = frozenset(
    """toctree index image figure include contents only raw sectionauthor moduleauthor codeauthor highlight currentmodule
    module-author productionlist tabularcolumns testsetup testcleanup meta role default-role automodule autoclass autofunction""".split()
)
_CHANGES = {
    "versionadded": "Added in version ",
    "versionchanged": "Changed in version ",
    "deprecated": "Deprecated since version ",
}
_FIELD = re.compile(r"\s*:[\w -]+:(?:\s|$)")
_OBJECT_LEVEL = 100


def read(text: str) -> list[Section]:
    """The sections of a document in reStructuredText, in order."""
    outline = Outline()
    lines = text.expandtabs().split("\n")
    ornaments: list[str] = []
    hidden: int | None = None  # the indentation of a directive that is left out
    described: list[int] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        indent = len(line) - len(line.lstrip())
        if hidden is not None:
            if not line.strip() or indent > hidden:
                number += 1
                continue
            hidden = None
        while described and line.strip() and indent <= described[-1]:
            outline.leave(_OBJECT_LEVEL + described.pop())
        title, used, ornament = _title(lines, number)
        if title:
            if ornament not in ornaments:
                ornaments.append(ornament)
            outline.heading(ornaments.index(ornament) + 1, _plain(title))
            number += used
            continue
        directive = _DIRECTIVE.match(line)
        if directive and directive.group(2) in _DESCRIBED:
            signature = directive.group(3).strip()
            outline.heading(_OBJECT_LEVEL + indent, _plain(signature.partition("(")[0]), signature if "(" in signature else "")
            described.append(indent)
            # More signatures of the same object stand right below the first one.
            while (
                number + 1 < len(lines)
                and lines[number + 1][indent + 1 :].strip()
                and not lines[number + 1].lstrip().startswith(":")
            ):
                number += 1
        elif directive and directive.group(2) not in _HIDDEN:
            said = f"{_CHANGES.get(directive.group(2), '')}{_plain(directive.group(3))}"
            outline.line(" " * (0 if described else indent) + said, number + 1)
        elif directive or _MARKUP.match(line):
            hidden = indent
        elif not (described and _FIELD.match(line)):
            dedented = line[min(indent, described[-1] + 3) :] if described else line
            outline.line(_plain(dedented), number + 1)
        number += 1
    outline.end()
    return outline.sections


def _title(lines: list[str], number: int) -> tuple[str, int, str]:
    """The title that begins here, how many lines it takes, and its ornament; "" where none does."""
    line = lines[number].rstrip()
    after = lines[number + 1].rstrip() if number + 1 < len(lines) else ""
    if line and not line.startswith(" ") and _is_ornament(after, len(line)) and not _ORNAMENT.fullmatch(line):
        return line, 2, after[0]
    closing = lines[number + 2].rstrip() if number + 2 < len(lines) else ""
    if _is_ornament(line, 3) and after.strip() and closing == line and not _ORNAMENT.fullmatch(after):
        return after.strip(), 3, line[0] * 2
    return "", 0, ""


def _is_ornament(line: str, length: int) -> bool:
    # Wide characters take two columns, so an underline of Japanese may be longer, never shorter, than its title.
    return len(line) >= max(2, min(length, 4)) and _ORNAMENT.fullmatch(line) is not None


def _plain(text: str) -> str:
    return _REFERENCE.sub(r"\1", _ROLE.sub(r"\1", text)).replace("``", "`")
