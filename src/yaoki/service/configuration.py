"""Configuration: a file, then the environment, then options; the later wins, and every mistake says where it was made.

The file is TOML with a table for each system: `--config`, else `$YAOKI_CONFIG`, else `./yaoki.toml` if it is there. Environment
variables are `YAOKI_<SECTION>_<FIELD>`, with two underscores before a field of a field: `YAOKI_CHAT_LLM__URL` is `llm.url` of
`[chat]`. What nobody knows is refused, so that a misspelt name is no silent default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from yaoki.core.faults.errors import ConfigurationError
from yaoki.service.fields import did_you_mean, fields_of, is_secret, may_hold, model_of, strangers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any, TypeVar

    from pydantic import BaseModel, ValidationError

    Model = TypeVar("Model", bound=BaseModel)

__all__ = ["SECTIONS", "load"]

SECTIONS = ("chat", "console", "diameter", "mesh", "repopool")
"""The tables that a configuration file may have."""

NOT_FIELDS = ("TOKEN", "TOKEN_FILE")
"""Variables of a section that are read elsewhere: a token is no setting, and is never shown as one."""

_LIST_TYPES = {"list_type", "tuple_type", "set_type", "frozen_set_type"}
_NO_LIST = 'should be a list such as ["one", "another"]'


def load(
    model: type[Model],
    *,
    section: str,
    config: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
    sections: Collection[str] = SECTIONS,
) -> Model:
    """The settings of one system, as an object of `model`.

    `config`: the file; one that is named must be there. `environ`: the environment, the process's own by default. `options`:
    values from the command line by field, with dots for fields of fields (`"llm.url"`); None is an option not given.
    `sections`: the tables that the file may have beside this one.

    Raises ConfigurationError that tells all mistakes at once, each with the path of the field and where the value came from;
    values of secret fields are not repeated.
    """
    environ = os.environ if environ is None else environ
    gathered = _Gathered(model, section)
    file = _file(config, environ)
    if file is not None:
        gathered.take_file(file, sections)
    gathered.take_environment(environ)
    gathered.take_options(options or {})
    return gathered.validated(model)


def _file(config: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    named = config or environ.get("YAOKI_CONFIG")
    if named:
        return Path(named)
    usual = Path("yaoki.toml")
    return usual if usual.is_file() else None


class _Gathered:
    """What the sources say: the values as a tree, where each came from, and the mistakes so far."""

    def __init__(self, model: type[BaseModel], section: str) -> None:
        self.model = model
        self.section = section
        self.prefix = f"YAOKI_{section.upper()}_"
        self.values: dict[str, Any] = {}
        self.sources: dict[tuple[str, ...], str] = {}
        self.mistakes: list[str] = []

    # The sources

    def take_file(self, file: Path, sections: Collection[str]) -> None:
        import tomllib

        try:
            with file.open("rb") as opened:
                content = tomllib.load(opened)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ConfigurationError(f"the configuration file {file} cannot be read: {why}") from error
        known = sorted({*sections, self.section})
        for name, value in content.items():
            if name not in known:
                self.mistakes.append(f"{name}: no such section{did_you_mean(name, known)}; from {file}")
            elif not isinstance(value, dict):
                self.mistakes.append(f"{name}: is a section, so it must be a table [{name}]; from {file}")
        own = content.get(self.section)
        if isinstance(own, dict):
            for name, value in own.items():
                self._take((name,), value, f"from {file}")

    def take_environment(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            name = variable.removeprefix(self.prefix)
            if name == variable or name in NOT_FIELDS:
                continue
            path = tuple(name.lower().split("__"))
            value: object = environ[variable]
            if may_hold(self.model, path, (list, dict)):
                value = _structured(environ[variable])
            self._take(path, value, f"from the environment variable {variable}")

    def take_options(self, options: Mapping[str, object]) -> None:
        for name, value in options.items():
            if value is not None:
                path = tuple(name.split("."))
                self._take(path, value, f"from the option --{'-'.join(path).replace('_', '-')}")

    def _take(self, path: tuple[str, ...], value: object, source: str) -> None:
        for depth, name in enumerate(path):
            known = fields_of(self.model, path[:depth])
            if known is not None and name not in known:
                self._refuse(path[: depth + 1], known, source)
                return
        if isinstance(value, dict) and model_of(self.model, path) is not None:
            for name, inner in value.items():
                self._take((*path, name), inner, source)
            return
        for inside, known in strangers(self.model, path, value):
            self._refuse(inside, known, source)
        place = self.values
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[path[-1]] = value
        self.sources[path] = source

    def _refuse(self, path: tuple[str, ...], known: Collection[str], source: str) -> None:
        self.mistakes.append(f"{self._name(path)}: no such setting{did_you_mean(path[-1], known)}; {source}")

    # The outcome

    def validated(self, model: type[Model]) -> Model:
        from pydantic import ValidationError

        try:
            settings = model.model_validate(self.values)
        except ValidationError as error:
            self._note(error)
        else:
            if not self.mistakes:
                return settings
        # Not chained: pydantic's own text repeats the values, secret ones too.
        raise ConfigurationError("\n".join(self.mistakes)) from None

    def _note(self, error: ValidationError) -> None:
        for each in error.errors(include_url=False, include_context=False):
            path = tuple(str(part) for part in each["loc"])
            names = tuple(part for part in path if not part.isdigit())
            if each["type"] == "missing":
                variable = self.prefix + "__".join(names).upper()
                self.mistakes.append(
                    f"{self._name(path)}: is required; set it in [{self.section}] of the configuration file, or {variable}"
                )
                continue
            source = self._source(path)
            said = "" if is_secret(self.model, names) else _shown(each["input"])
            wrong = _NO_LIST if each["type"] in _LIST_TYPES else _lower(each["msg"])
            self.mistakes.append(f"{self._name(path)}: {wrong}{said}; {source}")

    def _name(self, path: tuple[str, ...]) -> str:
        return ".".join((self.section, *path))

    def _source(self, path: tuple[str, ...]) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        inside = [source for known, source in self.sources.items() if known[: len(path)] == path]
        return inside[-1] if inside else "by default"


def _structured(text: str) -> object:
    """A list or table written as in TOML; any other text is left as it is, for the model to judge."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _shown(value: object) -> str:
    return f", not {value!r}" if isinstance(value, (str, int, float, bool)) and len(str(value)) <= 200 else ""


def _lower(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]
