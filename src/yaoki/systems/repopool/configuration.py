"""What can be set about the pools, with the figures of the source document (SPEC W1, W5).

    config = PoolConfig(workspaces_dir="/srv/workspaces", lock_timeout=10.0)
    config.default_num_slots = 4                     # checked, like every later assignment

Times are seconds. The files that a configuration can be read from and written to are the business of `configuration_files`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from yaoki.service.data_directory import usual_place
from yaoki.systems.repopool.configuration_files import read_configuration, stamp_of, usual_file, write_configuration
from yaoki.systems.repopool.errors import ConfigValidationError
from yaoki.systems.repopool.git.settings import checked_settings
from yaoki.systems.repopool.names import checked_address, checked_repo_name
from yaoki.systems.repopool.parameters import duration, share, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["CleanupOptions", "ConfigValidationError", "ConfigWatcher", "PoolConfig", "PoolDefinition"]


_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CleanupOptions:
    """How the slots of one pool are kept.

    `fetch_on_allocate`: ask the remote before a slot is given out, if the mirror is older than `fetch_ttl`; a remote that does not
    answer is no error. `clean_on_release`: clean at release, or not before the next allocation. `warmup_enabled`: make all slots
    ready when the pool is made. `keep_ignored`: patterns of ignored files that stay in the slot (caches), for tenants who trust
    each other. Raises ConfigValidationError.
    """

    fetch_on_allocate: bool = False
    clean_on_release: bool = True
    warmup_enabled: bool = False
    keep_ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fetch_on_allocate", "clean_on_release", "warmup_enabled"):
            _flag(f"cleanup_options.{name}", getattr(self, name))
        patterns = self.keep_ignored
        object.__setattr__(self, "keep_ignored", _patterns("cleanup_options.keep_ignored", patterns))


@dataclass(frozen=True, slots=True)
class PoolDefinition:
    """One pool that the configuration asks for. Raises ConfigValidationError for a value out of its range."""

    repo_name: str
    repo_url: str
    num_slots: int = 2
    cleanup_options: CleanupOptions = field(default_factory=CleanupOptions)

    def __post_init__(self) -> None:
        checked_repo_name(self.repo_name)
        checked_address(self.repo_url)
        whole(f"pools.{self.repo_name}.num_slots", self.num_slots)


class PoolConfig:
    """The settings of a PoolManager. Every assignment is checked: ConfigValidationError names the field.

    `workspaces_dir`: where everything is kept; unset: `$STATE_DIRECTORY`, else the user's data folder. `config_file`: where
    `load_from_file` and `reload` read; it need not exist before. `default_num_slots`: slots of a pool that says no number.
    `lock_timeout`: seconds to wait for the lock of a slot. `cleanup_timeout`: seconds for cleaning one slot. `stale_lock_hours`: when a
    lock that was left behind by nobody knows whom is stale. `enable_metrics`: whether allocations are counted. `fetch_ttl`: how old the
    mirror may be, in seconds, before it is fetched anew, in the background. `heartbeat_interval`: seconds from one word of a lease that it
    is in use to the next. `disk_reserve`: the share that a new slot must leave free, of its own size. `git_settings`: git configuration for
    the way to the remotes, such as `http.proxy` or `credential.helper`. `pools`: the pools by name.
    """

    workspaces_dir: Path
    config_file: Path | None
    default_num_slots: int
    lock_timeout: float
    cleanup_timeout: float
    stale_lock_hours: float
    enable_metrics: bool
    fetch_ttl: float
    heartbeat_interval: float
    disk_reserve: float
    git_settings: Mapping[str, str]
    pools: dict[str, PoolDefinition]

    def __init__(
        self,
        workspaces_dir: str | os.PathLike[str] | None = None,
        config_file: str | os.PathLike[str] | None = None,
        default_num_slots: int = 2,
        lock_timeout: float = 30.0,
        cleanup_timeout: float = 60.0,
        stale_lock_hours: float = 24,
        enable_metrics: bool = True,
        pools: Mapping[str, PoolDefinition] | None = None,
        *,
        fetch_ttl: float = 300.0,
        heartbeat_interval: float = 30.0,
        disk_reserve: float = 0.05,
        git_settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> None:
        values: dict[str, Any] = {
            "workspaces_dir": usual_place("repopool")[0] if workspaces_dir is None else workspaces_dir,
            "config_file": config_file,
            "default_num_slots": default_num_slots,
            "lock_timeout": lock_timeout,
            "cleanup_timeout": cleanup_timeout,
            "stale_lock_hours": stale_lock_hours,
            "enable_metrics": enable_metrics,
            "fetch_ttl": fetch_ttl,
            "heartbeat_interval": heartbeat_interval,
            "disk_reserve": disk_reserve,
            "git_settings": git_settings,
            "pools": {} if pools is None else pools,
        }
        for name, value in values.items():
            setattr(self, name, value)
        self._read_from: tuple[Path, tuple[int, int] | None] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        check = _CHECKS.get(name)
        if check is None:
            if not name.startswith("_"):
                raise _refused(name, f"is no setting; there are {', '.join(_CHECKS)}")
            object.__setattr__(self, name, value)
            return
        object.__setattr__(self, name, check(name, value))

    def validate(self) -> None:
        """Check all fields, also what was put into `pools` by hand. Raises ConfigValidationError."""
        for name in _CHECKS:
            setattr(self, name, getattr(self, name))

    # --- pools

    def get_pool_definition(self, repo_name: str) -> PoolDefinition | None:
        """What the configuration says about a pool, or None."""
        return self.pools.get(repo_name)

    def add_pool_definition(self, definition: PoolDefinition) -> None:
        """Ask for a pool, or say something else about it."""
        self.pools = {**self.pools, definition.repo_name: definition}

    def remove_pool_definition(self, repo_name: str) -> bool:
        """Ask for a pool no longer; whether it was asked for. The pool itself stays."""
        left = {name: definition for name, definition in self.pools.items() if name != repo_name}
        asked = len(left) < len(self.pools)
        self.pools = left
        return asked

    # --- files

    @classmethod
    def load_from_file(cls, path: str | os.PathLike[str] | None = None) -> PoolConfig:
        """The configuration in a file, TOML or YAML. Without a path: `$YAOKI_POOL_CONFIG`, `./pools.toml`, `./pools.yaml`.

        Raises ConfigValidationError, which says where it looked or which field is wrong.
        """
        file = usual_file() if path is None else Path(path)
        config = cls(**_settings(read_configuration(file), file))
        config.config_file = file
        config._read_from = (file, stamp_of(file))
        return config

    def reload(self) -> None:
        """Read `config_file` again; `workspaces_dir` stays. Raises ConfigValidationError; then everything stays as it was."""
        fresh = type(self).load_from_file(self.config_file)
        for name in _CHECKS:
            # The folder of a running manager does not move.
            if name != "workspaces_dir":
                setattr(self, name, getattr(fresh, name))
        self._read_from = fresh._read_from

    def has_changed(self) -> bool:
        """Whether the file that this was read from is another one by now."""
        if self._read_from is None:
            return self.config_file is not None and self.config_file.exists()
        file, stamp = self._read_from
        return stamp_of(file) != stamp

    def save_to_file(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the configuration to a file, TOML or YAML by its name; `config_file` by default. Raises ConfigValidationError."""
        if path is None and self.config_file is None:
            raise _refused("config_file", "is not set, and no path was given")
        file = Path(path) if path is not None else Path(str(self.config_file))
        write_configuration(file, self.to_dict())
        if file == self.config_file:
            self._read_from = (file, stamp_of(file))
        return file

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a file."""
        defaults = {name: getattr(self, name) for name in _DEFAULTS.values()}
        return {
            "workspaces_dir": str(self.workspaces_dir),
            "defaults": {name: defaults[own] for name, own in _DEFAULTS.items()},
            "git": dict(self.git_settings),
            "pools": {
                name: {
                    "repo_url": each.repo_url,
                    "num_slots": each.num_slots,
                    "cleanup_options": {
                        "fetch_on_allocate": each.cleanup_options.fetch_on_allocate,
                        "clean_on_release": each.cleanup_options.clean_on_release,
                        "warmup_enabled": each.cleanup_options.warmup_enabled,
                        "keep_ignored": list(each.cleanup_options.keep_ignored),
                    },
                }
                for name, each in self.pools.items()
            },
        }

    def __repr__(self) -> str:
        return f"<PoolConfig {self.workspaces_dir}: {', '.join(self.pools) or 'no pools'}>"


class ConfigWatcher:
    """Reads a configuration again when its file has changed, and calls `on_change` with it.

    Nothing happens by itself: somebody calls `check_and_reload`.
    """

    def __init__(self, config: PoolConfig, on_change: Callable[[PoolConfig], object] | None = None) -> None:
        self.config: PoolConfig = config
        self.on_change: Callable[[PoolConfig], object] | None = on_change

    def check_and_reload(self) -> bool:
        """Whether the file had changed and was read. Raises ConfigValidationError; then the former settings stay."""
        if not self.config.has_changed():
            return False
        self.config.reload()
        if self.on_change is not None:
            self.on_change(self.config)
        return True


# --- checks -----------------------------------------------------------------------------------------------------------------

_DEFAULTS = {
    "num_slots": "default_num_slots",
    "lock_timeout": "lock_timeout",
    "cleanup_timeout": "cleanup_timeout",
    "stale_lock_hours": "stale_lock_hours",
    "enable_metrics": "enable_metrics",
    "fetch_ttl": "fetch_ttl",
    "heartbeat_interval": "heartbeat_interval",
    "disk_reserve": "disk_reserve",
}
"""The names in the table `defaults` of a file, and the fields that they set."""


def _settings(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The parameters of PoolConfig that a file names."""
    _known("", content, ("workspaces_dir", "defaults", "git", "pools"), file)
    settings: dict[str, Any] = {}
    defaults = _table("defaults", content.get("defaults"), file)
    _known("defaults.", defaults, _DEFAULTS, file)
    for name, value in defaults.items():
        settings[_DEFAULTS[name]] = _CHECKS[_DEFAULTS[name]](f"defaults.{name}", value)
    if content.get("workspaces_dir") is not None:
        settings["workspaces_dir"] = content["workspaces_dir"]
    settings["git_settings"] = checked_settings("git", dict(_flat(_table("git", content.get("git"), file))))
    number = settings.get("default_num_slots", 2)
    settings["pools"] = {
        name: _definition(name, _table(f"pools.{name}", each, file), number, file)
        for name, each in _table("pools", content.get("pools"), file).items()
    }
    return settings


def _flat(table: Mapping[str, object], place: str = "") -> Iterator[tuple[str, object]]:
    """The names and values of git's settings: to TOML, `http.proxy` without quotation marks is a table in a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def _definition(name: str, stored: Mapping[str, Any], num_slots: int, file: Path) -> PoolDefinition:
    place = f"pools.{name}."
    _known(place, stored, ("repo_url", "num_slots", "cleanup_options"), file)
    if "repo_url" not in stored:
        raise _refused(f"{place}repo_url", f"is required; from {file}")
    options = _table(f"{place}cleanup_options", stored.get("cleanup_options"), file)
    _known(
        f"{place}cleanup_options.", options, ("fetch_on_allocate", "clean_on_release", "warmup_enabled", "keep_ignored"), file
    )
    try:
        return PoolDefinition(name, stored["repo_url"], stored.get("num_slots", num_slots), CleanupOptions(**options))
    except ConfigValidationError as error:
        inside = error.field if error.field.startswith("pools.") else f"{place}{error.field}"
        raise ConfigValidationError(f"{error.problem}; from {file}", field=inside, way_out=error.way_out) from error


def _definitions(name: str, value: object) -> dict[str, PoolDefinition]:
    if not isinstance(value, dict):
        raise _refused(name, f"must be a table of pools by name, not {value!r}")
    for key, each in value.items():
        if not isinstance(each, PoolDefinition) or each.repo_name != key:
            raise _refused(f"{name}.{key}", f"must be the PoolDefinition of that name, not {each!r}")
    return dict(value)


def _table(name: str, value: object, file: Path) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refused(name, f"must be a table, not {value!r}; from {file}")
    return value


def _known(place: str, given: Mapping[str, Any], known: Iterable[str], file: Path) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            raise _refused(f"{place}{name}", f"is no setting; there are {', '.join(names)}; from {file}")


def _patterns(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (tuple, list)) or not all(isinstance(each, str) and each for each in value):
        raise _refused(name, f"must be a list of patterns, not {value!r}")
    return tuple(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refused(name, f"must be true or false, not {value!r}")
    return value


def _path(name: str, value: object) -> Path:
    if not isinstance(value, (str, os.PathLike)) or not str(value) or "\0" in str(value):
        raise _refused(name, f"must be a path, not {value!r}")
    return Path(value).expanduser().absolute()


def _refused(name: str, problem: str) -> ConfigValidationError:
    return ConfigValidationError(f"{name} {problem}", field=name)


def _file(name: str, value: object) -> Path | None:
    return None if value is None else _path(name, value)


def _seconds(name: str, value: object) -> float:
    return duration(name, value, zero=True)


def _share(name: str, value: object) -> float:
    return share(name, value, zero=True)


_CHECKS: dict[str, Callable[[str, Any], object]] = {
    "workspaces_dir": _path,
    "config_file": _file,
    "default_num_slots": whole,
    "lock_timeout": _seconds,
    "cleanup_timeout": duration,
    "stale_lock_hours": _seconds,
    "enable_metrics": _flag,
    "fetch_ttl": _seconds,
    "heartbeat_interval": duration,
    "disk_reserve": _share,
    "git_settings": checked_settings,
    "pools": _definitions,
}
"""The settings, and what their values must be."""
