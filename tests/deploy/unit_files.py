"""The unit files of `deploy/systemd`, read as systemd reads them."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
DROP_INS = sorted(FOLDER.glob("*.service.d/*.conf"))
INSTALLED = "/opt/yaoki/bin/yaoki"


@dataclass(frozen=True)
class UnitFile:
    """Its sections: for each key every value, since some add up."""

    sections: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, file: Path) -> UnitFile:
        sections: dict[str, dict[str, list[str]]] = {}
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if not line.strip() or line.startswith(("#", ";")):
                continue
            if line.startswith("["):
                section = sections.setdefault(line.strip("[]"), defaultdict(list))
                continue
            key, equals, value = line.partition("=")
            assert equals, f"{file.name}:{number}: {line}"
            section[key].append(value.strip())
        return cls(sections)

    def all(self, key: str, section: str = "Service") -> list[str]:
        """Every value of the key."""
        return self.sections[section].get(key, [])

    def one(self, key: str, section: str = "Service") -> str:
        """The value of a key that stands once."""
        (value,) = self.all(key, section)
        return value

    @property
    def command(self) -> list[str]:
        """What it starts, for the folder /srv/handbook where it asks for one."""
        return shlex.split(self.one("ExecStart").replace("%f", "/srv/handbook"))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        pairs = [pair for line in self.all("Environment") for pair in shlex.split(line)]
        return dict(pair.split("=", 1) for pair in pairs)
