"""Settings as a commented TOML file: the defaults of a model, or what is in force. What `config` prints.

Every field stands there with its description and its environment variable. A field without a value, and a secret, is commented
out. The text is read back by `load` to the same settings.
"""

from __future__ import annotations

from enum import Enum
from pathlib import PurePath
from textwrap import wrap
from typing import TYPE_CHECKING

from yaoki.service.fields import is_secret, model_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

__all__ = ["defaults", "toml_value", "written"]

_WIDTH = 100
_NONE = object()


def defaults(model: type[BaseModel], *, section: str) -> str:
    """The TOML text for `[section]`. Raises TypeError for a default that TOML cannot express."""
    return _text(_table(model, None, model, (section,)))


def written(settings: BaseModel, *, section: str) -> str:
    """The TOML text of these settings. Raises TypeError for a value that TOML cannot express."""
    return _text(_table(type(settings), settings, type(settings), (section,)))


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines).strip("\n") + "\n"


def _table(model: type[BaseModel], given: BaseModel | None, root: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    if model.__doc__:
        yield from _comment(model.__doc__.strip().split("\n\n")[0])
    yield f"[{'.'.join(path)}]"
    tables: list[tuple[str, type[BaseModel], object]] = []
    for name, field in model.model_fields.items():
        value = _NONE if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        if given is not None:
            value = getattr(given, name)
        inner = model_in(field.annotation)
        if inner is not None:
            tables.append((name, inner, value))
            continue
        yield ""
        yield from _comment(field.description or "")
        yield f"# environment: YAOKI_{path[0].upper()}_{'__'.join((*path[1:], name)).upper()}"
        yield _setting(name, value, secret=is_secret(root, (*path[1:], name)))
    # A table ends where the next begins, so plain settings come first.
    for name, inner, value in tables:
        yield ""
        yield ""
        lines = _table(inner, value if isinstance(value, inner) else None, root, (*path, name))
        # A table that is not there by default is shown, but not set.
        yield from (f"# {line}" if value is None and line and line[0] != "#" else line for line in lines)


def _setting(name: str, value: object, *, secret: bool) -> str:
    if value is _NONE:
        return f"# {name} =   (required)"
    if value is None or secret:
        return f"# {name} ="
    return f"{name} = {toml_value(value)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(" ".join(text.split()), _WIDTH)]


def toml_value(value: object) -> str:
    """A value as TOML. Raises TypeError for what TOML cannot express."""
    if isinstance(value, Enum):
        return toml_value(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        # `repr` writes inf, nan and exponents as TOML does.
        return repr(value)
    if isinstance(value, (str, PurePath)):
        return _quoted(str(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return f"[{', '.join(toml_value(item) for item in items)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_quoted(str(key))} = {toml_value(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    raise TypeError(f"{value!r} cannot be written as TOML")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in escaped) + '"'
