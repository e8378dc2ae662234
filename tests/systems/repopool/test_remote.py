"""The remote and its mirror, as an agent notices them: new commits, an outage, a damaged mirror (SPEC W1, W2)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.systems.repopool.conftest import git
from tests.systems.repopool.disk.packs import add_pack, objects_of
from yaoki.core.clock import clock
from yaoki.systems.repopool import PoolConfig, PoolManager, SlotState
from yaoki.systems.repopool.configuration import CleanupOptions, PoolDefinition
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.mirror.joining import MOST_PACKS
from yaoki.systems.repopool.mirror.state import MirrorState

ONE = "workspace-web-slot1"


@pytest.fixture
def origin(tmp_path: Path, pool_origin: Path) -> Path:
    """A remote of the test's own, that may change and go away."""
    shutil.copytree(pool_origin, tmp_path / "origin")
    return tmp_path / "origin"


@pytest.fixture
def manager_of(tmp_path: Path, origin: Path) -> Iterator[Callable[..., PoolManager]]:
    """A function that makes a pool of it, with these options."""
    made: list[PoolManager] = []

    def make(slots: int = 1, **options: object) -> PoolManager:
        definition = PoolDefinition("web", str(origin), slots, CleanupOptions(**options))  # type: ignore[arg-type]
        config = PoolConfig(tmp_path / "workspaces", pools={"web": definition}, fetch_ttl=0.0)
        made.append(PoolManager(config, auto_init_pools=True))
        return made[-1]

    yield make
    for manager in made:
        manager.close()


def commit(origin: Path) -> str:
    """A new commit of the remote."""
    (origin / "news.txt").write_text("news")
    git(origin, "add", ".")
    git(origin, "commit", "-q", "-m", "news")
    return git(origin, "rev-parse", "HEAD").strip()


def flip(file: Path) -> None:
    """One bit in the middle of the file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)


def test_the_next_tenant_starts_at_the_commit_that_was_fetched(manager_of: Callable[..., PoolManager], origin: Path) -> None:
    """Defect 6 of the original: reuse never came to a new base commit."""
    manager = manager_of()
    news = commit(origin)
    manager.warmup_pool_parallel("web")

    slot = manager.allocate_slot("web")

    assert slot.current_commit == news
    assert git(slot.slot_path, "rev-parse", "HEAD").strip() == news
    assert (slot.slot_path / "news.txt").read_text() == "news"


def test_a_pool_can_ask_the_remote_before_each_allocation(manager_of: Callable[..., PoolManager], origin: Path) -> None:
    """SPEC W1: fetch_on_allocate; without it the remote is not asked."""
    asked, silent = manager_of(fetch_on_allocate=True), manager_of()
    news = commit(origin)

    former = silent.allocate_slot("web")
    assert former.current_commit != news
    former.release()
    assert asked.allocate_slot("web").current_commit == news


def test_a_mirror_that_is_old_is_fetched_behind_the_back_of_the_tenant(
    manager_of: Callable[..., PoolManager], origin: Path
) -> None:
    """SPEC W1: nobody waits for the remote, and whoever comes next has what it has."""
    manager = manager_of()
    news = commit(origin)

    first = manager.allocate_slot("web")
    assert first.current_commit != news
    base = manager.config.workspaces_dir / "web" / "mirror.git" / "refs" / "heads" / "main"
    while not base.exists() or base.read_text().strip() != news:
        clock.sleep(0.01)
    first.release()

    assert manager.allocate_slot("web").current_commit == news


def test_many_packs_are_joined_behind_the_back_of_the_tenant(manager_of: Callable[..., PoolManager]) -> None:
    """SPEC W1: whoever takes a slot of a mirror that has grown does not wait, and it is small again for those who come after him."""
    manager = manager_of()
    mirror = manager.config.workspaces_dir / "web" / "mirror.git"
    for number in range(MOST_PACKS):
        add_pack(mirror, f"pack {number}", b"x" * number)
    before = objects_of(mirror)

    slot = manager.allocate_slot("web")
    state = manager._resources.mirror("web", slot.repo_url).state_file
    while len(packs_in(mirror / "objects")) > MOST_PACKS or MirrorState.read(state).superseded:
        clock.sleep(0.01)
    git(slot.slot_path, "fsck", "--full")
    slot.release()

    assert objects_of(mirror) == before
    assert manager.detect_corrupted_slots() == []


def test_a_mirror_is_not_asked_for_again_within_its_time(manager_of: Callable[..., PoolManager], origin: Path) -> None:
    """SPEC W3: also if the remote did not answer, so that an outage costs one question, not one for each tenant."""
    manager = manager_of()
    mirror = manager._resources.mirror("web", str(origin))
    origin.rename(origin.with_name("gone"))
    mirror.refresh()

    mirror.ttl = 300.0
    assert not mirror.is_due()
    mirror.ttl = 0.0
    assert mirror.is_due()


@pytest.mark.parametrize("asks", [False, True])
def test_all_free_slots_are_allocated_while_the_remote_is_down(
    manager_of: Callable[..., PoolManager], origin: Path, asks: bool
) -> None:
    """Defect 8 of the original: an outage of the remote turned the pool to ERROR."""
    manager = manager_of(slots=2, fetch_on_allocate=asks)
    origin.rename(origin.with_name("gone"))

    slots = [manager.allocate_slot("web") for _ in range(2)]

    assert all(slot.staleness_seconds is not None and slot.staleness_seconds >= 0 for slot in slots)
    assert all((slot.slot_path / "file0.txt").exists() for slot in slots)


@pytest.mark.parametrize("remote", ["up", "down"])
def test_a_damaged_mirror_is_found_and_made_anew(manager_of: Callable[..., PoolManager], origin: Path, remote: str) -> None:
    """SPEC W2: every free slot borrows from it, and what is counted is what was found."""
    manager = manager_of(slots=2)
    mirror = manager.quarantine("web").layout.mirror
    for pack in mirror.rglob("*.pack"):
        flip(pack)
    if remote == "down":
        origin.rename(origin.with_name("gone"))

    found = manager.detect_corrupted_slots()
    done = manager.auto_recover()

    assert len(found) == 2
    assert done["corrupted_recovered"] + done["corrupted_isolated"] == 2
    if remote == "up":
        assert done["corrupted_recovered"] == 2
        assert manager.detect_corrupted_slots() == []
        assert git(manager.allocate_slot("web").slot_path, "status", "--porcelain") == ""
    else:
        # No copy of the damaged object is left anywhere.
        assert [slot.state for slot in manager.get_pool("web").slots] == [SlotState.ERROR] * 2
        assert all(slot.metadata["isolation_reason"] for slot in manager.get_pool("web").slots)


def test_what_is_counted_is_what_was_found(manager_of: Callable[..., PoolManager]) -> None:
    """SPEC W2: corrupted_recovered + corrupted_isolated, whatever was broken."""
    manager = manager_of(slots=5)
    trees = [slot.slot_path for slot in manager.get_pool("web").slots]
    shutil.rmtree(trees[0])
    shutil.rmtree(trees[1] / ".git")
    (trees[2] / ".git" / "HEAD").write_text("nonsense")
    (trees[3] / ".git" / "index").write_bytes(b"DIRC" + bytes(40))
    (trees[4] / ".git" / "index.lock").write_bytes(b"")

    found = manager.detect_corrupted_slots()
    done = manager.auto_recover()

    assert [slot.slot_id for slot in found] == [f"workspace-web-slot{number}" for number in range(1, 6)]
    assert done == {
        "long_allocated_released": 0,
        "corrupted_recovered": 5,
        "corrupted_isolated": 0,
        "orphaned_locks_cleaned": 0,
        "errors": [],
    }
    assert manager.detect_corrupted_slots() == []


def _flipped(mirror: Path) -> None:
    for pack in mirror.rglob("*.pack"):
        flip(pack)


def _without_packs(mirror: Path) -> None:
    for part in [*mirror.rglob("*.pack"), *mirror.rglob("*.idx"), *mirror.rglob("*.rev")]:
        part.unlink()


@pytest.mark.parametrize("harm", [_flipped, _without_packs])
def test_no_slot_is_given_out_over_a_damaged_mirror(
    manager_of: Callable[..., PoolManager], origin: Path, harm: Callable[[Path], None]
) -> None:
    """SPEC W1: a slot on offer works, also where nobody has looked for damage before; the rest of what it needs is in the mirror."""
    manager = manager_of(slots=1)
    for _ in range(3):
        # So often that the slot is believed without a look by git.
        manager.allocate_slot("web").release()
        clock.sleep(0.05)
    harm(manager.quarantine("web").layout.mirror)

    slot = manager.allocate_slot("web")

    assert git(slot.slot_path, "log", "--format=%s") == git(origin, "log", "--format=%s")
    assert git(slot.slot_path, "fsck", "--no-dangling", "--no-progress") == ""
