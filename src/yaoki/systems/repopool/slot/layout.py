"""Where the parts of one repository's pool lie on the disk (docs/adr: the layout of the repo pool)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaoki.systems.repopool.names import checked_repo_name, slot_id_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RepositoryLayout", "SlotLayout"]


@dataclass(frozen=True, slots=True)
class SlotLayout:
    """The places of one slot.

    `tree`: the work tree that a tenant is given, `tree/.git` included, which is the tenant's. `control`: our own folder for this tree
    (base, index, proof), which no tenant is given. `mirror`: the repository that all commands of ours run on. `discarded`: where
    everything goes that nobody needs.
    """

    slot_id: str
    repo_name: str
    number: int
    tree: Path
    control: Path
    mirror: Path
    discarded: Path

    @property
    def index(self) -> Path:
        """Our own index of the tree."""
        return self.control / "index"

    @property
    def git(self) -> Path:
        """The tenant's git folder. Never opened by git as a repository of ours."""
        return self.tree / ".git"


@dataclass(frozen=True, slots=True)
class RepositoryLayout:
    """The places of one repository under `workspaces_dir`. Raises ConfigValidationError for a bad name."""

    workspaces_dir: Path
    repo_name: str

    def __post_init__(self) -> None:
        checked_repo_name(self.repo_name)

    @property
    def folder(self) -> Path:
        """Everything of this repository, but for what was renamed away."""
        return self.workspaces_dir / self.repo_name

    @property
    def mirror(self) -> Path:
        """The bare mirror of the remote, whose objects all slots borrow."""
        return self.folder / "mirror.git"

    @property
    def quarantine(self) -> Path:
        """The bare repository in which work of former tenants is kept."""
        return self.folder / "quarantine.git"

    @property
    def set_aside(self) -> Path:
        """The folder of trees, git folders and nested repositories that were renamed away."""
        return self.workspaces_dir / "quarantine" / self.repo_name

    @property
    def discarded(self) -> Path:
        """The folder of what nobody needs any more."""
        return self.folder / "discarded"

    @property
    def control(self) -> Path:
        """The folder of our own folders, one for each slot."""
        return self.folder / "control"

    def slot(self, number: int) -> SlotLayout:
        """The places of slot `number`."""
        return SlotLayout(
            slot_id=slot_id_of(self.repo_name, number),
            repo_name=self.repo_name,
            number=number,
            tree=self.folder / f"slot{number}",
            control=self.control / f"slot{number}",
            mirror=self.mirror,
            discarded=self.discarded,
        )
