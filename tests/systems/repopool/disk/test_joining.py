"""The packs of a mirror become few again, and nothing that was in them is lost (SPEC W1, W3)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.systems.repopool.disk.packs import add_pack, grow, names_of, objects_of
from tests.systems.repopool.disk.world import World, tenant
from yaoki.systems.repopool.errors import GitOperationError
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.mirror.joining import MOST_PACKS, join, small_ones, to_be_joined
from yaoki.systems.repopool.mirror.packs import looked_at
from yaoki.systems.repopool.mirror.rebuild import rebuild
from yaoki.systems.repopool.mirror.state import MirrorState

_FEW = "yaoki.systems.repopool.mirror.joining.MOST_PACKS"


@pytest.fixture
def grown(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A mirror of six packs, which are more than are left alone here."""
    monkeypatch.setattr(_FEW, 3)
    world.mirror.create()
    grow(world, 5)
    return world


@given(st.lists(st.integers(1, 10**9), max_size=60).map(sorted))
def test_w1_what_is_left_is_three_times_as_large_from_one_to_the_next(sizes: list[int]) -> None:
    """SPEC W1: so few are left, and no smaller choice would do."""
    count = small_ones(sizes)
    left = [sum(sizes[:count]), *sizes[count:]] if count else sizes

    assert count != 1
    assert all(size >= 2 * sum(left[:number]) for number, size in enumerate(left))
    assert count == 0 or sizes[count - 1] < 2 * sum(sizes[: count - 1])


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=400), st.integers(0, 10**9))
@settings(max_examples=50)
def test_w1_a_large_pack_is_not_written_with_every_fetch(fetched: list[int], cloned: int) -> None:
    """SPEC W1: whoever fetches all the time writes each byte anew only as often as the mirror grows by a half."""
    packs, written = [cloned], 0
    for size in fetched:
        packs = sorted([*packs, size])
        if len(packs) > MOST_PACKS:
            count = small_ones(packs)
            written += sum(packs[:count])
            packs = sorted([sum(packs[:count]), *packs[count:]]) if count else packs
    doublings = (sum(fetched) + cloned).bit_length()

    assert written <= 2 * (sum(fetched) + min(cloned, 2 * sum(fetched))) * (doublings + 1)


def test_w1_a_mirror_of_few_packs_is_left_alone(world: World) -> None:
    """SPEC W1: nothing is written, and no git is asked."""
    world.mirror.create()
    grow(world, MOST_PACKS - 1)
    before, commands = names_of(world.mirror.objects), world.git.commands

    assert (to_be_joined(world.mirror), join(world.mirror, world.quarantine)) == ([], 0)
    assert (names_of(world.mirror.objects), world.git.commands) == (before, commands)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=2000)), min_size=1, max_size=8), st.booleans())
@settings(max_examples=15, deadline=None)
def test_w1_no_object_is_lost(
    tmp_path_factory: pytest.TempPathFactory, first_origin: Path, packs: list[tuple[bool, bytes]], between: bool
) -> None:
    """SPEC W1: every object has its kind and size after it, also those that nothing leads to; all are found whole."""
    world = World(tmp_path_factory.mktemp("joined"), first_origin)
    world.mirror.create()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_FEW, 2)
        added = set(objects_of(world.layout.mirror))
        for number, (reachable, content) in enumerate(packs):
            add_pack(world.layout.mirror, f"pack {number}", content, on="main" if reachable else "")
            added |= set(objects_of(world.layout.mirror))
            if between:
                join(world.mirror, world.quarantine)

        join(world.mirror, world.quarantine)

        assert to_be_joined(world.mirror) == []
    assert set(objects_of(world.layout.mirror)) == added
    assert world.mirror.check(tier=3) == []


def test_w1_the_joined_packs_are_one_file_with_its_index(grown: World) -> None:
    """SPEC W1: nothing else is left, here and in the quarantine; the next look reads no pack and finds all well."""
    grown.quarantine.open()
    before = objects_of(grown.quarantine.folder)

    assert join(grown.mirror, grown.quarantine) == 6

    (joined,) = packs_in(grown.mirror.objects)
    assert {name for name in names_of(grown.mirror.objects) if not name.endswith(".rev")} == {joined.name, f"{joined.stem}.idx"}
    assert names_of(grown.quarantine.objects) == {joined.name, f"{joined.stem}.idx"}
    assert objects_of(grown.quarantine.folder) == before
    assert joined.samefile(grown.quarantine.objects / "pack" / joined.name)
    assert grown.mirror.check(tier=2) == []
    assert join(grown.mirror, grown.quarantine) == 0


def test_w1_what_a_killed_git_has_left_is_removed(grown: World) -> None:
    """SPEC W1: half a pack, and the mark of a fetch on its pack; an operator's mark is respected."""
    kept, marked, *_ = packs_in(grown.mirror.objects)
    folder = kept.parent
    (folder / "tmp_pack_x1y2z3").write_bytes(b"PACK")
    (folder / "tmp_idx_x1y2z3").write_bytes(b"")
    marked.with_suffix(".keep").write_text("fetch-pack 4711 on host\n")
    kept.with_suffix(".keep").write_text("for the audit\n")

    assert join(grown.mirror, grown.quarantine) == 5

    assert len(packs_in(grown.mirror.objects)) == 2
    assert kept.with_suffix(".keep").exists()
    assert not [name for name in names_of(grown.mirror.objects) if name.startswith("tmp_")]
    assert not marked.with_suffix(".keep").exists()


def test_w1_a_git_that_was_reading_goes_on(grown: World) -> None:
    """SPEC W1: a process that has the old packs open, or knows their names only, finds every object afterwards."""
    grown.slot().build()
    wanted = [line.split() for line in objects_of(grown.layout.mirror)]
    with subprocess.Popen(
        ["git", "cat-file", "--batch-check"], cwd=grown.tree(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(f"{wanted[0][0]}\n")
        reader.stdin.flush()
        assert reader.stdout.readline().split() == wanted[0]

        join(grown.mirror, grown.quarantine)

        told, _ = reader.communicate("".join(f"{identity}\n" for identity, _, _ in wanted), timeout=60.0)
    assert [line.split() for line in told.splitlines()] == wanted


def test_w3_a_damaged_pack_is_not_joined(grown: World) -> None:
    """SPEC W3: what is damaged stays where it is, and so does everything else; the message names the command that mends it."""
    pack = packs_in(grown.mirror.objects)[2]
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(bytes(content))
    before = names_of(grown.mirror.objects)

    with pytest.raises(
        GitOperationError, match=r"cannot be joined: the checksum of .* is wrong; run `yaoki pool recover --mirror web`"
    ):
        join(grown.mirror, grown.quarantine)

    assert names_of(grown.mirror.objects) == before


def test_w3_what_is_kept_comes_back_after_the_join_and_without_the_mirror(grown: World) -> None:
    """SPEC W3: a commit of a tenant's that was kept before the packs were joined; then the mirror is lost, and the remote with it."""
    workspace = grown.slot()
    workspace.build()
    workspace.prepare()
    (grown.tree() / "mine.txt").write_text("mine")
    tenant(grown.tree(), "add", "--all")
    tenant(grown.tree(), "commit", "--quiet", "--message=mine")
    workspace.clean(ticket="1")

    join(grown.mirror, grown.quarantine)

    assert (grown.restored() / "mine.txt").read_text() == "mine"
    shutil.rmtree(grown.layout.mirror)
    grown.origin.rename(grown.origin.with_name("gone"))
    restored = grown.restored()
    assert (restored / "mine.txt").read_text() == "mine"
    assert (restored / "grown.txt").read_text().startswith("line 0 of 3\n")
    assert rebuild(grown.mirror, grown.quarantine) == "local"
    assert grown.mirror.check(tier=3) == []
    assert workspace.check(tier=3) == []


def test_w3_a_release_passes_over_a_pack_that_a_fetch_is_writing(grown: World) -> None:
    """SPEC W3: git writes the index last, and does not see the pack before; one that stood there whole is missed."""
    state = MirrorState.read(grown.mirror.state_file)
    (first,) = state.whole
    # The oldest: nothing of the newest commit is in it.
    others = (pack for pack in packs_in(grown.mirror.objects) if pack.name != first)
    fetched = min(others, key=lambda pack: pack.stat().st_mtime_ns)
    index = fetched.with_suffix(".idx")
    hidden = index.rename(index.with_name("tmp_idx_1"))

    grown.quarantine.open()
    assert grown.mirror.check(tier=2) == []
    hidden.rename(index)
    grown.quarantine.open()
    assert {fetched.name, index.name} <= names_of(grown.quarantine.objects)

    shutil.rmtree(grown.quarantine.folder)
    (grown.mirror.objects / "pack" / first).with_suffix(".idx").unlink()
    with pytest.raises(FileNotFoundError, match=first.removesuffix(".pack")):
        grown.quarantine.open()


def test_w2_what_a_join_has_taken_away_meanwhile_is_no_damage(grown: World) -> None:
    """SPEC W2: a look that began before it is repeated; what is still wrong then is a problem."""
    assert grown.mirror.check(tier=2) == []
    looks: list[int] = []

    def look(state: MirrorState) -> str:
        looks.append(len(state.whole))
        if len(looks) == 1:
            join(grown.mirror, grown.quarantine)
        missing = [name for name in state.whole if not (grown.mirror.objects / "pack" / name).exists()]
        return f"{missing[0]} is missing" if missing else ""

    assert looked_at(grown.mirror.state_file, look) == ""
    assert looks == [6, 1]
    (joined,) = packs_in(grown.mirror.objects)
    joined.unlink()
    assert looked_at(grown.mirror.state_file, look) == f"{joined.name} is missing"


def test_w3_a_join_half_done_says_nothing_about_another_mirror(grown: World) -> None:
    """SPEC W3: a mirror that was made anew keeps its packs, whatever was being removed in the one before it."""
    grown.mirror.remember(superseded={pack.name: "pack-none.pack" for pack in packs_in(grown.mirror.objects)})
    before = objects_of(grown.layout.mirror)

    join(grown.mirror, grown.quarantine)

    assert objects_of(grown.layout.mirror) == before
    assert grown.mirror.check(tier=3) == []


def test_w1_packs_of_sha256_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC W1: the ids of objects are longer, and all are there."""
    monkeypatch.setattr(_FEW, 3)
    work = tmp_path / "work"
    work.mkdir()
    tenant(work, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    (work / "a.txt").write_text("a")
    tenant(work, "add", "--all")
    tenant(work, "commit", "--quiet", "--message=first")
    world = World(tmp_path, work)
    world.mirror.create()
    world.quarantine.open(digest_size=32)
    grow(world, 5)
    before = objects_of(world.layout.mirror)

    assert join(world.mirror, world.quarantine) == 6

    assert objects_of(world.layout.mirror) == before
    assert objects_of(world.quarantine.folder) == before
    assert world.mirror.check(tier=3) == []
