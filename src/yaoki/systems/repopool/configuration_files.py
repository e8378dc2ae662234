"""Files of a pool configuration: TOML, and YAML as the source document has it (SPEC W5).

| where `load_from_file()` looks | |
| --- | --- |
| `$YAOKI_POOL_CONFIG` | if it is set, nowhere else |
| `./pools.toml` | |
| `./pools.yaml` | |
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yaoki.systems.repopool.errors import ConfigValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_toml", "found_file", "read_configuration", "stamp_of", "usual_file", "write_configuration"]

VARIABLE = "YAOKI_POOL_CONFIG"
USUAL = ("pools.toml", "pools.yaml")
_YAML = (".yaml", ".yml")


def usual_file() -> Path:
    """The file to read if nobody names one. Raises ConfigValidationError, which says where it looked."""
    found = found_file()
    if found is not None:
        return found
    looked = [Path.cwd() / name for name in USUAL]
    raise ConfigValidationError(
        f"there is no configuration file: ${VARIABLE} is not set, and there is neither {looked[0]} nor {looked[1]}",
        field="config_file",
        way_out="name one, or write one with save_to_file()",
    )


def found_file() -> Path | None:
    """The file that the environment names or that stands in a usual place; None if there is neither."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return next((file for file in (Path.cwd() / name for name in USUAL) if file.is_file()), None)


def stamp_of(file: Path) -> tuple[int, int] | None:
    """What changes when the file does; None if it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def read_configuration(file: Path) -> dict[str, Any]:
    """The tables in the file. Raises ConfigValidationError if it cannot be read."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigValidationError(f"the configuration file {file} cannot be read: {why}", field="config_file") from error
    content = _from_yaml(file, text) if file.suffix in _YAML else _from_toml(file, text)
    if not isinstance(content, dict):
        raise ConfigValidationError(f"the configuration file {file} must hold tables", field="config_file")
    return content


def write_configuration(file: Path, content: Mapping[str, Any]) -> None:
    """Write the tables, whole or not at all. Raises ConfigValidationError if the file cannot be written."""
    text = _to_yaml(content) if file.suffix in _YAML else as_toml(content)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        aside.replace(file)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigValidationError(
            f"the configuration file {file} cannot be written: {error.strerror}", field="config_file"
        ) from error


def _from_toml(file: Path, text: str) -> object:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigValidationError(f"the configuration file {file} is no TOML: {error}", field="config_file") from error


def _from_yaml(file: Path, text: str) -> object:
    yaml = _yaml()
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigValidationError(f"the configuration file {file} is no YAML: {error}", field="config_file") from error


def _to_yaml(content: Mapping[str, Any]) -> str:
    text: str = _yaml().safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    return text


def _yaml() -> Any:
    from importlib import import_module

    try:
        return import_module("yaml")
    except ImportError:
        raise ConfigValidationError(
            "a configuration in YAML needs PyYAML",
            field="config_file",
            way_out="pip install 'yaoki[repopool]', or write it in TOML",
        ) from None


def as_toml(content: Mapping[str, Any], place: tuple[str, ...] = ()) -> str:
    """The content as TOML, with one table after the other. What JSON writes for texts, numbers and lists of texts is TOML as well."""
    own = [f"{_key(name)} = {_value(value)}" for name, value in content.items() if not isinstance(value, dict)]
    head = [f"[{'.'.join(_key(name) for name in place)}]"] if place and own else []
    parts = ["\n".join([*head, *own])] if own else []
    parts += [as_toml(value, (*place, name)) for name, value in content.items() if isinstance(value, dict)]
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else json.dumps(name)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
