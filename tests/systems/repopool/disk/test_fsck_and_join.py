"""What git says about packs that are being joined is no damage (SPEC W2)."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.systems.repopool.disk.world import World
from yaoki.systems.repopool.exclusive import exclusive
from yaoki.systems.repopool.git.command import Git, GitResult
from yaoki.systems.repopool.git.packs import packs_in
from yaoki.systems.repopool.integrity import Damage


class Told(Git):
    """Tells when a git fsck has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = threading.Event()

    def run(self, *arguments: object, **settings: object) -> GitResult:
        try:
            return super().run(*arguments, **settings)  # type: ignore[arg-type]  # passed on as they are
        finally:
            if "fsck" in str(arguments[1]):
                self.ended.set()


def test_w2_a_pack_that_goes_away_while_git_reads_is_looked_for_again_when_nobody_joins(origin: Path, tmp_path: Path) -> None:
    """SPEC W2: the joined pack has its objects, and so the second look finds nothing."""
    git = Told()
    world = World(tmp_path, origin, git=git)
    workspace = world.built()
    (pack,) = packs_in(world.mirror.objects)
    found: list[list[Damage]] = []

    with exclusive(world.mirror.lock_file, timeout=0.0):
        content = pack.read_bytes()
        pack.chmod(0o644)
        pack.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        looking = threading.Thread(target=lambda: found.append(workspace.check(tier=3)))
        looking.start()
        assert git.ended.wait(60.0)
        pack.write_bytes(content)
    looking.join(60.0)

    assert found == [[]]


def test_w2_what_stays_wrong_is_told(world: World) -> None:
    """SPEC W2: the second look finds it, too."""
    workspace = world.built()
    (pack,) = packs_in(world.mirror.objects)
    content = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    assert len(workspace.check(tier=3)) == 1
