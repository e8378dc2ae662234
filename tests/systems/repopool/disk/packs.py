"""Packs in a mirror, one after the other, as fetches bring them; some hold what nothing leads to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.systems.repopool.disk.world import TENANT, World, tenant
from yaoki.systems.repopool.git.packs import packs_in

__all__ = ["add_pack", "grow", "names_of", "objects_of"]


def add_pack(mirror: Path, text: str, content: bytes, *, on: str = "") -> None:
    """A pack with one blob, or with a commit `on` that branch, whose file `grown.txt` has the content."""
    blob = f"blob\nmark :1\ndata {len(content)}\n".encode() + content + b"\n"
    if on:
        person = "committer Somebody <somebody@example.org> 1700000000 +0000"
        blob += f"commit refs/heads/{on}\n{person}\ndata {len(text)}\n{text}\nfrom refs/heads/{on}^0\n".encode()
        blob += b"M 100644 :1 grown.txt\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | TENANT
    words = ["git", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--force"]
    subprocess.run(words, cwd=mirror, env=environment, input=blob, check=True, capture_output=True)


def grow(world: World, count: int) -> None:
    """So many packs more: commits on main and blobs that nothing leads to, in turns; what is in them is as deep as it can be."""
    for number in range(count):
        before = len(packs_in(world.mirror.objects))
        content = b"".join(b"line %d of %d\n" % (line, number) for line in range(20 * (number + 1)))
        add_pack(world.layout.mirror, f"grown {number} after {before}", content, on="main" if number % 2 else "")
        assert len(packs_in(world.mirror.objects)) == before + 1


def objects_of(folder: Path) -> list[str]:
    """Every object in a repository, whatever leads to it: its id, kind and size. Each is read."""
    words = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    return sorted(set(tenant(folder, *words).splitlines()))


def names_of(objects: Path) -> set[str]:
    """The names of all files in the folder of packs."""
    return {path.name for path in (objects / "pack").iterdir()}
