"""SPEC W1, W2, W3: work of all kinds, damage of all kinds, ends of all kinds, at random: nothing is lost, and the pool goes on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import make_origin, tenant
from tests.systems.repopool.ordeal.damage import DAMAGES, Harm, bad_metadata
from tests.systems.repopool.ordeal.found import missing
from tests.systems.repopool.ordeal.tenancy import ENDS, SECONDS, End, Tenancy
from yaoki.core.clock import clock
from yaoki.systems.repopool import PoolConfig, PoolManager, SlotState

SLOTS, TENANCIES = 2, 4


@pytest.fixture
def manager(tmp_path: Path) -> PoolManager:
    manager = PoolManager(PoolConfig(tmp_path / "workspaces"))
    manager.create_pool("web", str(make_origin(tmp_path)), SLOTS)
    return manager


def ordeal(manager: PoolManager, end: End, seed: int, scratch: Path) -> None:
    """Some tenancies that end so, with damage before the end and after it."""
    chance = random.Random(f"{end} {seed}")
    for _ in range(TENANCIES):
        tenancy = Tenancy(manager, chance.getrandbits(32))
        tree = manager.get_slot(tenancy.slot_id).slot_path
        damage, later = chance.choice(DAMAGES), chance.choice(DAMAGES)
        told = f"{end}, seed {seed}, {tenancy.slot_id}: {damage.__name__}, then {later.__name__}; {tenancy.left}"
        damage(Harm(manager, tree, chance))
        end.act(tenancy)
        settle(manager)
        assert missing(manager, tenancy.left.all(taken=end.taken), scratch) == set(), told
        later(Harm(manager, manager.get_pool("web").slots[0].slot_path, chance))
        if later is bad_metadata or chance.random() < 0.5:
            settle(manager)
        every_slot_works(manager, told)


def settle(manager: PoolManager) -> None:
    """Recover; what is counted is what was found."""
    until = clock.now() + SECONDS
    manager.auto_recover(recover_corrupted=False)
    while any(slot.state is SlotState.CLEANING for slot in manager.get_pool("web").slots) and clock.now() < until:
        # A git that a killed manager had started may still be in its slot for a moment.
        clock.sleep(0.05)
        manager.auto_recover(recover_corrupted=False)
    found = manager.detect_corrupted_slots()
    done = manager.auto_recover()
    assert done["errors"] == []
    assert done["corrupted_recovered"] + done["corrupted_isolated"] == len(found), [slot.metadata for slot in found]
    if manager.get_pool("web").get_allocated_slots():
        # Of whoever had it nobody knows whether he lives, since what was said of him was damaged.
        manager.auto_recover(max_allocation_hours=0, force_release_long_allocated=True)
    assert [slot.state for slot in manager.get_pool("web").slots] == [SlotState.AVAILABLE] * SLOTS, [
        slot.metadata for slot in manager.get_pool("web").slots
    ]
    assert manager.detect_corrupted_slots() == []


def every_slot_works(manager: PoolManager, told: str) -> None:
    """Who is given a slot finds what a new one has, and can work."""
    slots = [manager.allocate_slot("web") for _ in range(SLOTS)]
    for slot in slots:
        tree = slot.slot_path
        assert tenant(tree, "status", "--porcelain", "--ignored") == "", told
        assert tenant(tree, "symbolic-ref", "HEAD") == "refs/heads/main", told
        assert (tree / "a.txt").read_text() == "a.txt, second\n", told
        assert sorted(tenant(tree, "for-each-ref", "--format=%(refname)").split()) == [
            "refs/heads/main",
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
            "refs/remotes/origin/other",
            "refs/tags/v1",
        ], told
        assert not list((tree / ".git").glob("hooks/*")), told
        assert tenant(tree, "fsck", "--no-dangling", "--no-progress") == "", told
        assert tenant(tree, "commit", "--quiet", "--allow-empty", "--message=works") == "", told
        tenant(tree, "reset", "--quiet", "--soft", "HEAD~1")
    for slot in slots:
        slot.release()


# A few of them everywhere, the others in `make test-pool`.
ALWAYS = {"released", "killed", "forced"}
CASES = [
    pytest.param(end, seed, id=f"{end} {seed}", marks=() if end.name in ALWAYS and not seed else pytest.mark.pool)
    for end in ENDS
    for seed in range(3)
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("end", "seed"), CASES)
def test_work_survives_and_the_pool_goes_on(manager: PoolManager, tmp_path: Path, end: End, seed: int) -> None:
    """SPEC W3: whatever a tenant has done, whatever is damaged, however his tenancy ends."""
    ordeal(manager, end, seed, tmp_path / "scratch")
