"""A remote, a mirror, a quarantine and slots on a real disk, and git as a tenant uses it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from yaoki.systems.repopool.git.command import Git
from yaoki.systems.repopool.mirror.mirror import Mirror
from yaoki.systems.repopool.names import checked_address
from yaoki.systems.repopool.quarantine.entry import Entry
from yaoki.systems.repopool.quarantine.quarantine import Quarantine
from yaoki.systems.repopool.slot.cleaning import CleanPolicy
from yaoki.systems.repopool.slot.layout import RepositoryLayout
from yaoki.systems.repopool.slot.workspace import Workspace

TENANT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Tenant",
    "GIT_AUTHOR_EMAIL": "tenant@example.org",
    "GIT_COMMITTER_NAME": "Tenant",
    "GIT_COMMITTER_EMAIL": "tenant@example.org",
    "LC_ALL": "C",
}


def tenant(folder: Path, *words: str, check: bool = True) -> str:
    """git, as somebody uses it who works in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | TENANT
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make_origin(folder: Path) -> Path:
    """A bare repository with a default branch of two commits, another branch and a tag."""
    work = folder / "work"
    work.mkdir()
    tenant(work, "init", "--quiet", "--initial-branch=main")
    for name in ("a.txt", "src/b.txt", "src/deep/c.txt", "docs/d.txt"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(f"{name} as it was\n")
    (work / ".gitignore").write_text("*.log\nbuild/\n.cache/\n")
    tenant(work, "add", "--all")
    tenant(work, "commit", "--quiet", "--message=first")
    tenant(work, "tag", "--annotate", "--message=v1", "v1")
    tenant(work, "branch", "other")
    (work / "a.txt").write_text("a.txt, second\n")
    tenant(work, "commit", "--quiet", "--all", "--message=second")
    tenant(folder, "clone", "--quiet", "--bare", "work", "origin.git")
    return folder / "origin.git"


class World:
    """Everything of one repository under `folder`, whose remote is `origin`."""

    def __init__(self, folder: Path, origin: Path, *, git: Git | None = None, policy: CleanPolicy | None = None) -> None:
        self.folder = folder
        self.origin = origin
        self.git = git or Git()
        self.layout = RepositoryLayout(folder / "pools", "web")
        self.mirror = Mirror(self.layout, checked_address(str(origin)), self.git)
        self.quarantine = Quarantine(self.layout, self.git)
        self.policy = policy

    def slot(self, number: int = 1) -> Workspace:
        return Workspace(self.layout.slot(number), self.mirror, self.quarantine, self.git, self.policy)

    def tree(self, number: int = 1) -> Path:
        return self.layout.slot(number).tree

    def built(self, number: int = 1) -> Workspace:
        """A slot that a tenant was just given."""
        self.mirror.create()
        workspace = self.slot(number)
        workspace.build()
        workspace.prepare()
        return workspace

    def push(self, name: str = "pushed.txt", branch: str = "main") -> str:
        """A new commit on the remote, from somebody else."""
        clone = self.folder / "somebody"
        if not clone.exists():
            tenant(self.folder, "clone", "--quiet", str(self.origin), str(clone))
        tenant(clone, "checkout", "--quiet", branch)
        (clone / name).write_text("pushed\n")
        tenant(clone, "add", "--all")
        tenant(clone, "commit", "--quiet", f"--message={name}")
        tenant(clone, "push", "--quiet", "origin", branch)
        return tenant(clone, "rev-parse", "HEAD")

    def kept(self) -> Entry:
        """The one entry of the quarantine."""
        (entry,) = self.quarantine.entries()
        return entry

    def restored(self, entry: Entry | None = None) -> Path:
        """The folder into which an entry (the only one) was restored."""
        target = self.folder / f"restored-{len(list(self.folder.glob('restored-*')))}"
        self.quarantine.restore((entry or self.kept()).ticket, target)
        return target


def files_in(folder: Path) -> dict[str, str]:
    """What stands in a work tree, `.git` aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != ".git"
    }
