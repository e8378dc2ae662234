"""The mirror: created once, fetched once, never without what slots borrow (SPEC W1, W3)."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systems.repopool.disk.world import World, tenant
from yaoki.core.faults.errors import CircuitOpenError
from yaoki.systems.repopool.errors import Failure, GitOperationError
from yaoki.systems.repopool.git.command import Git
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.git.remote import ask
from yaoki.systems.repopool.integrity import DamageClass
from yaoki.systems.repopool.mirror.mirror import Base
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.names import checked_address
from yaoki.testing import VirtualClock


def test_w1_the_mirror_has_what_the_remote_has(world: World) -> None:
    """SPEC W1: branches, tags, the default branch; nothing is ever collected."""
    base = world.mirror.create()

    assert base == Base("main", tenant(world.origin, "rev-parse", "main"))
    assert tenant(world.layout.mirror, "for-each-ref") == tenant(world.origin, "for-each-ref")
    assert tenant(world.layout.mirror, "config", "extensions.preciousObjects") == "true"
    assert "repositories" in subprocess.run(
        ["git", "prune"], cwd=world.layout.mirror, capture_output=True, text=True, check=False
    ).stderr.replace("precious-objects repo", "repositories")


def test_w1_creating_twice_asks_the_remote_once(world: World) -> None:
    """SPEC W1: what is complete is left alone."""
    world.mirror.create()
    before = world.git.commands

    world.mirror.create()

    assert world.git.commands == before


def test_w1_an_empty_remote_is_said_clearly(world: World, tmp_path: Path) -> None:
    """SPEC W1: there is nothing to start from, and the message says so."""
    shutil.rmtree(world.origin)
    tenant(tmp_path, "init", "--quiet", "--bare", str(world.origin))

    with pytest.raises(GitOperationError, match="has no commit; push one"):
        world.mirror.create()


def test_w1_a_remote_that_does_not_exist_is_not_asked_again(world: World) -> None:
    """SPEC W3: a permanent failure costs one attempt."""
    shutil.rmtree(world.origin)

    with pytest.raises(GitOperationError) as caught:
        world.mirror.create()

    assert caught.value.failure is Failure.PERMANENT
    assert world.git.commands == 1


def test_w3_a_fetch_brings_new_commits_branches_and_the_default_branch(world: World) -> None:
    """SPEC W1: pruned branches go, a new default branch is followed."""
    world.mirror.create()
    commit = world.push()
    tenant(world.origin, "branch", "--move", "other", "renamed")
    tenant(world.origin, "symbolic-ref", "HEAD", "refs/heads/renamed")

    fetched = world.mirror.refresh(older_than=0.0)

    assert (fetched.fetched, fetched.problem) == (True, "")
    assert tenant(world.layout.mirror, "rev-parse", "main") == commit
    assert tenant(world.layout.mirror, "branch", "--format=%(refname:short)").splitlines() == ["main", "renamed"]
    assert world.mirror.base().branch == "renamed"


def test_w3_a_fresh_mirror_is_not_fetched(world: World) -> None:
    """SPEC W1: within its time to live, the remote is left in peace."""
    world.mirror.create()
    before = world.git.commands

    fetched = world.mirror.refresh()

    assert not fetched.fetched
    assert fetched.staleness < 300.0
    assert world.git.commands == before


def test_w3_defect_8_a_dead_remote_is_reported_and_never_raised(world: World) -> None:
    """SPEC W3, defect 8: how stale the mirror is, and why; slots are built from it as before."""
    world.mirror.create()
    world.origin.rename(world.origin.with_name("gone"))

    fetched = world.mirror.refresh(older_than=0.0)

    assert not fetched.fetched
    assert "does not appear to be a git repository" in fetched.problem
    assert fetched.staleness < 300.0
    world.slot().build()
    assert world.slot().prepare().branch == "main"
    assert world.mirror.remote_answers() != ""


def test_w3_a_transient_failure_is_tried_three_times_then_the_breaker_opens(world: World, virtual_clock: VirtualClock) -> None:
    """SPEC R2, W3: 3 attempts with growing waits; after 5 failures in a row the remote is left alone."""
    address = checked_address("https://down.example/never.git")
    asked: list[float] = []

    def question() -> None:
        asked.append(virtual_clock.now())
        raise GitOperationError("x", failure=Failure.TRANSIENT)

    with pytest.raises(GitOperationError):
        ask(address, question)
    assert len(asked) == 3
    with pytest.raises(GitOperationError):
        ask(address, question)
    with pytest.raises(CircuitOpenError):
        ask(address, question)
    assert len(asked) == 5


def _refresh(folder: Path, origin: Path, gate: object, answers: object) -> None:
    world = World(folder, origin)
    gate.wait()  # type: ignore[attr-defined]
    answers.put((world.mirror.refresh(older_than=0.0).fetched, world.git.commands))  # type: ignore[attr-defined]


def test_w3_of_many_processes_one_fetches(world: World) -> None:
    """SPEC W3: single flight over all processes; the others wait and use what it brought."""
    world.mirror.create()
    commit = world.push()
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_refresh, args=(world.folder, world.origin, gate, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    results = [answers.get(timeout=30.0) for _ in processes]
    for process in processes:
        process.join(30.0)

    # Whoever comes when the first one is done already may fetch again; who waited does not.
    assert 1 <= sum(fetched for fetched, _ in results) <= 2
    assert world.mirror.base().commit == commit


def test_w3_locks_of_a_killed_fetch_do_not_stop_the_next_one(world: World) -> None:
    """SPEC W2: stale `*.lock` files in the mirror, also under refs."""
    world.mirror.create()
    world.push()
    for name in ("packed-refs.lock", "refs/heads/main.lock", "HEAD.lock", "config.lock"):
        (world.layout.mirror / name).write_text("")

    assert world.mirror.refresh(older_than=0.0).fetched


def _damage_pack(mirror: Path, how: str) -> None:
    (pack,) = packs_in(mirror / "objects")
    pack.chmod(0o644)
    index = pack.with_suffix(".idx")
    index.chmod(0o644)
    content = pack.read_bytes()
    if how == "truncated":
        pack.write_bytes(content[:-30])
    elif how == "header":
        pack.write_bytes(b"XXXX" + content[4:])
    elif how == "flipped":
        middle = len(content) // 2
        pack.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    elif how == "deleted":
        pack.unlink()
    elif how == "index truncated":
        index.write_bytes(index.read_bytes()[:100])
    elif how == "index deleted":
        index.unlink()


@pytest.mark.parametrize("how", ["truncated", "header", "deleted", "index truncated", "index deleted"])
def test_w2_defect_10_a_damaged_pack_is_seen_without_a_process(world: World, how: str) -> None:
    """SPEC W2, defect 10: tier 0 reads how files begin and end."""
    world.mirror.create()
    _damage_pack(world.layout.mirror, how)
    before = world.git.commands

    (damage,) = world.mirror.check()

    assert damage.kind is DamageClass.BAD_MIRROR
    assert "yaoki pool recover" in damage.command
    assert world.git.commands == before


def test_w2_a_flipped_bit_is_seen_by_the_checksum_once(world: World) -> None:
    """SPEC W2: a pack that was whole is summed up when its size, time or inode has changed; that costs a look at every tier."""
    world.mirror.create()
    assert world.mirror.check(tier=2) == []
    _damage_pack(world.layout.mirror, "flipped")

    assert [damage.kind for damage in world.mirror.check(tier=0)] == [DamageClass.BAD_MIRROR]
    assert [damage.kind for damage in world.mirror.check(tier=2)] == [DamageClass.BAD_MIRROR]


@pytest.mark.parametrize("how", ["truncated", "flipped", "deleted", "index truncated", "folder"])
@pytest.mark.parametrize("remote", ["up", "down"])
def test_w3_a_damaged_mirror_is_made_anew(world: World, how: str, remote: str) -> None:
    """SPEC W3: from the remote; from what this disk has if the remote is down; slots go on working on it."""
    workspace = world.built()
    # What the quarantine has is linked, so a second copy of the pack exists only if the file itself is replaced.
    world.quarantine.open()
    if how == "folder":
        shutil.rmtree(world.layout.mirror)
    elif how in {"truncated", "flipped", "index truncated"}:
        (pack,) = packs_in(world.mirror.objects)
        for path in (pack, pack.with_suffix(".idx")):
            path.write_bytes(_copy(path))
        _damage_pack(world.layout.mirror, how)
    else:
        _damage_pack(world.layout.mirror, how)
    if remote == "down":
        world.origin.rename(world.origin.with_name("gone"))

    source = rebuild(world.mirror, world.quarantine)

    assert source == ("remote" if remote == "up" else "local")
    assert world.mirror.check(tier=3) == []
    assert world.mirror.base().commit == tenant(world.tree(), "rev-parse", "HEAD")
    assert workspace.check(tier=3) == []


def _copy(path: Path) -> bytes:
    """The content, the file being gone from this name: a new one has another inode."""
    content = path.read_bytes()
    path.unlink()
    return content


def test_w3_a_rebuilt_mirror_still_has_what_a_slot_stands_on(world: World) -> None:
    """SPEC W3: a commit that the remote has forgotten is carried over."""
    workspace = world.built()
    old = workspace.head().commit
    clone = world.folder / "rewriter"
    tenant(world.folder, "clone", "--quiet", str(world.origin), str(clone))
    tenant(clone, "commit", "--quiet", "--amend", "--message=rewritten")
    tenant(clone, "push", "--quiet", "--force")
    tenant(world.origin, "gc", "--quiet", "--prune=now")
    (world.layout.mirror / "HEAD").write_text("nonsense")

    assert rebuild(world.mirror, world.quarantine) == "remote"

    assert world.mirror.base().commit != old
    assert tenant(world.tree(), "log", "-1", "--format=%s") == "second"
    assert workspace.check(tier=3) == []


def test_w3_a_mirror_that_nothing_can_replace_stays_where_it_is(world: World) -> None:
    """SPEC W3: the message says that it has to wait for the remote."""
    world.mirror.create()
    _damage_pack(world.layout.mirror, "truncated")
    world.origin.rename(world.origin.with_name("gone"))

    with pytest.raises(GitOperationError, match="recover it when the remote answers again"):
        rebuild(world.mirror, world.quarantine)

    assert world.mirror.exists


def test_w1_a_mirror_with_sha256_makes_slots_with_sha256(tmp_path: Path) -> None:
    """SPEC W1: the format of object ids is the remote's."""
    work = tmp_path / "work"
    work.mkdir()
    tenant(work, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    (work / "a.txt").write_text("a")
    tenant(work, "add", "--all")
    tenant(work, "commit", "--quiet", "--message=first")
    world = World(tmp_path, work, git=Git())
    workspace = world.built()
    (world.tree() / "mine.txt").write_text("mine")
    tenant(world.tree(), "add", "--all")
    tenant(world.tree(), "commit", "--quiet", "--message=mine")

    workspace.clean(ticket="1")

    assert (world.restored() / "mine.txt").read_text() == "mine"
    assert workspace.check(tier=2) == []
