"""The settings of the pools and their files (SPEC W1, W5)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from yaoki.systems.repopool import PoolConfig, PoolManager
from yaoki.systems.repopool.configuration import CleanupOptions, ConfigWatcher, PoolDefinition
from yaoki.systems.repopool.errors import ConfigValidationError

YAML = """\
defaults:
  num_slots: 3
  lock_timeout: 10
  cleanup_timeout: 45.0
  stale_lock_hours: 12
  enable_metrics: false
pools:
  web:
    repo_url: https://example.org/web.git
    num_slots: 5
    cleanup_options:
      fetch_on_allocate: true
      clean_on_release: true
      warmup_enabled: false
  api:
    repo_url: git@example.org:api.git
"""

TOML = """\
workspaces_dir = "/srv/workspaces"

[defaults]
num_slots = 3
lock_timeout = 10

[pools.web]
repo_url = "https://example.org/web.git"
cleanup_options = { keep_ignored = ["node_modules/"] }
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_the_yaml_of_the_source_document_is_read(tmp_path: Path) -> None:
    """SPEC W5: defaults, pools, and the options of each."""
    config = PoolConfig.load_from_file(write(tmp_path, "pools.yaml", YAML))

    assert (config.default_num_slots, config.lock_timeout, config.cleanup_timeout) == (3, 10.0, 45.0)
    assert (config.stale_lock_hours, config.enable_metrics) == (12.0, False)
    assert config.get_pool_definition("web") == PoolDefinition(
        "web", "https://example.org/web.git", 5, CleanupOptions(fetch_on_allocate=True)
    )
    api = config.get_pool_definition("api")
    assert api is not None
    assert api.num_slots == 3
    assert config.config_file == tmp_path / "pools.yaml"


def test_toml_is_read(tmp_path: Path) -> None:
    """SPEC W5: and may name the folder for workspaces."""
    config = PoolConfig.load_from_file(write(tmp_path, "pools.toml", TOML))

    assert config.workspaces_dir == Path("/srv/workspaces")
    assert config.pools["web"].cleanup_options.keep_ignored == ("node_modules/",)
    assert config.pools["web"].num_slots == 3


@pytest.mark.parametrize("name", ["saved.toml", "saved.yaml"])
def test_what_is_saved_is_what_is_read(tmp_path: Path, name: str) -> None:
    """SPEC W5: TOML or YAML by the name of the file."""
    config = PoolConfig(tmp_path / "ws", lock_timeout=7.5, pools={"web": PoolDefinition("web", "/repo/日本", 4)})

    saved = config.save_to_file(tmp_path / name)

    assert PoolConfig.load_from_file(saved).to_dict() == config.to_dict()


def test_assignments_are_checked() -> None:
    """SPEC W5: the error names the field, and the value stays."""
    config = PoolConfig("/srv/ws")
    config.lock_timeout = 5
    config.workspaces_dir = "/srv/other"  # type: ignore[assignment]

    assert (config.lock_timeout, config.workspaces_dir) == (5.0, Path("/srv/other"))
    with pytest.raises(ConfigValidationError, match="lock_timeout") as caught:
        config.lock_timeout = -1
    assert caught.value.field == "lock_timeout"
    assert config.lock_timeout == 5.0
    with pytest.raises(ConfigValidationError, match="lock_timeuot is no setting"):
        config.lock_timeuot = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("workspaces_dir", ""),
        ("workspaces_dir", 3),
        ("default_num_slots", 0),
        ("default_num_slots", 1.5),
        ("lock_timeout", "soon"),
        ("lock_timeout", float("nan")),
        ("cleanup_timeout", 0),
        ("stale_lock_hours", -1),
        ("enable_metrics", 1),
        ("disk_reserve", 2),
        ("pools", []),
        ("pools", {"web": "https://example.org"}),
    ],
)
def test_a_value_out_of_its_range_is_refused(field: str, value: object) -> None:
    """SPEC W5: at construction too."""
    with pytest.raises(ConfigValidationError, match=field):
        PoolConfig(**{"workspaces_dir": "/srv/ws", field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("defaults: {num_slot: 3}", "defaults.num_slot"),
        ("defaults: {num_slots: many}", "defaults.num_slots"),
        ("defaults: 3", "defaults"),
        ("pools: {web: {num_slots: 2}}", "pools.web.repo_url"),
        ("pools: {web: {repo_url: 'ext::sh'}}", "pools.web.repo_url"),
        ("pools: {web: {repo_url: /r, num_slots: 0}}", "pools.web.num_slots"),
        ("pools: {web: {repo_url: /r, cleanup_options: {clean: true}}}", "pools.web.cleanup_options.clean"),
        (
            "pools: {web: {repo_url: /r, cleanup_options: {clean_on_release: 'no'}}}",
            "pools.web.cleanup_options.clean_on_release",
        ),
        ("pools: {../web: {repo_url: /r}}", "pools.../web.repo_name"),
        ("poolz: {}", "poolz"),
        ("- a list", "config_file"),
        ("a: [", "config_file"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_field(tmp_path: Path, text: str, field: str) -> None:
    """Defect 19 of the original: what was misspelt was silently left out."""
    with pytest.raises(ConfigValidationError, match=r"pools\.yaml|must be") as caught:
        PoolConfig.load_from_file(write(tmp_path, "pools.yaml", text))
    assert caught.value.field == field


def test_a_file_that_is_not_there_is_no_error_until_it_is_read(tmp_path: Path) -> None:
    """SPEC W5: PoolConfig(config_file=…) only remembers it."""
    config = PoolConfig(tmp_path / "ws", config_file=tmp_path / "none.toml")

    assert not config.has_changed()
    with pytest.raises(ConfigValidationError, match=r"none\.toml cannot be read"):
        config.reload()


def test_where_it_was_looked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W5: the variable, then pools.toml, then pools.yaml, of the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YAOKI_POOL_CONFIG", raising=False)
    with pytest.raises(ConfigValidationError, match=r"YAOKI_POOL_CONFIG is not set.*pools\.toml nor .*pools\.yaml"):
        PoolConfig.load_from_file()

    write(tmp_path, "pools.yaml", "defaults: {num_slots: 4}")
    assert PoolConfig.load_from_file().default_num_slots == 4
    write(tmp_path, "pools.toml", "defaults.num_slots = 5")
    assert PoolConfig.load_from_file().default_num_slots == 5
    monkeypatch.setenv("YAOKI_POOL_CONFIG", str(write(tmp_path, "mine.toml", "defaults.num_slots = 6")))
    assert PoolConfig.load_from_file().default_num_slots == 6


def test_yaml_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC X6: the extra is named."""
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(ConfigValidationError, match=r"yaoki\[repopool\]"):
        PoolConfig.load_from_file(write(tmp_path, "pools.yaml", YAML))


def test_pools_are_added_and_taken_out() -> None:
    """SPEC W5: the definitions of pools are a part of the configuration."""
    config = PoolConfig("/srv/ws")
    config.add_pool_definition(PoolDefinition("web", "/repo"))

    assert config.remove_pool_definition("web") is True
    assert config.remove_pool_definition("web") is False


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """SPEC W5: the watcher calls on_change; the folder for workspaces does not move."""
    file = write(tmp_path, "pools.toml", TOML)
    config = PoolConfig.load_from_file(file)
    changed: list[PoolConfig] = []
    watcher = ConfigWatcher(config, changed.append)
    assert watcher.check_and_reload() is False

    file.write_text(TOML.replace("lock_timeout = 10", "lock_timeout = 1").replace("/srv/workspaces", "/elsewhere"))

    assert watcher.check_and_reload() is True
    assert watcher.check_and_reload() is False
    assert changed == [config]
    assert (config.lock_timeout, config.workspaces_dir) == (1.0, Path("/srv/workspaces"))


def test_a_mistake_in_a_changed_file_leaves_the_former_settings(tmp_path: Path) -> None:
    """SPEC W5: all or nothing."""
    file = write(tmp_path, "pools.toml", TOML)
    config = PoolConfig.load_from_file(file)
    file.write_text("[defaults]\nlock_timeout = 1\nnum_slots = 0\n")

    with pytest.raises(ConfigValidationError):
        ConfigWatcher(config).check_and_reload()
    assert config.lock_timeout == 10.0


def test_a_manager_makes_the_pools_of_its_configuration(
    tmp_path: Path, pool_origin: Path, make_manager: Callable[..., PoolManager]
) -> None:
    """SPEC W5: and leaves those that there are as they are."""
    text = f'workspaces_dir = "{tmp_path}/workspaces"\n[pools.web]\nrepo_url = "{pool_origin}"\nnum_slots = 1\n'
    file = write(tmp_path, "pools.toml", text)

    manager = PoolManager.from_config_file(file)
    assert [pool.num_slots for pool in manager.initialize_pools_from_config().values()] == [1]
    assert manager.allocate_slot("web").slot_path.is_dir()

    file.write_text(text + "[defaults]\nlock_timeout = 3\n")
    manager.reload_config()
    assert manager.config.lock_timeout == 3.0
    manager.close()
