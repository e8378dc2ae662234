"""The Containerfile installs the wheel, by hashes, and starts a command."""

from __future__ import annotations

import json
import re

from tests.deploy.command_line import parse
from tests.deploy.manifests import ROOT
from yaoki import __version__

TEXT = (ROOT / "deploy" / "Containerfile").read_text("utf-8")


def instruction(name: str) -> str:
    """What stands after the one instruction of this name, its lines joined."""
    (found,) = re.findall(rf"^{name} ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
    return re.sub(r"\s*\\\n\s*", " ", found)


def test_the_image_is_built_from_a_named_release() -> None:
    """Neither `latest` nor no tag at all."""
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", instruction("FROM"))


def test_everything_is_installed_by_hash() -> None:
    """What comes from elsewhere is checked against the locked file; the wheel comes without anything."""
    installs = [step for step in instruction("RUN").split(" && ") if "pip install" in step]

    assert [("--require-hashes" in step, "--no-index --no-deps" in step) for step in installs] == [(True, False), (False, True)]


def test_what_is_copied_exists() -> None:
    """The locked requirements are a file of the project, the wheel what `make build` makes; both reach the builder."""
    sent = (ROOT / ".dockerignore").read_text("utf-8").split()
    *copied, _ = instruction("COPY").split()

    assert copied == ["requirements/run.txt", "dist/yaoki-*.whl"]
    assert sent == ["*", "!dist/yaoki-*.whl", "!requirements/run.txt"]
    assert (ROOT / copied[0]).is_file()


def test_the_image_starts_a_command() -> None:
    """Its entry point and its arguments, listening where the container can be reached."""
    entry, arguments = (json.loads(instruction(name)) for name in ("ENTRYPOINT", "CMD"))

    assert entry == ["yaoki"]
    assert parse(arguments)["host"] == "0.0.0.0"


def test_the_image_is_named_as_the_manifests_name_it() -> None:
    """The command in its first line makes the image that the pods start."""
    assert f"--tag yaoki:{__version__} ." in TEXT.splitlines()[0]
