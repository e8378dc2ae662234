"""What the documentation shows works: its Python runs, its TOML parses, its make targets and links exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks

SHELLS = {"sh", "console", "bash", "shell"}


def where(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def pages_with(*languages: str) -> list[Path]:
    return [page for page in PAGES if any(block.language in languages for block in blocks(page))]


@pytest.mark.parametrize("page", pages_with("python"), ids=where)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """All Python blocks of the page, in order, in a new interpreter where warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.run_page", str(page)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=18,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", pages_with("python"), ids=where)
def test_no_python_is_left_out(page: Path) -> None:
    """A block may be marked as not run only if it is not Python."""
    assert [block.line for block in blocks(page) if block.language == "python" and block.not_run] == []


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_every_block_names_its_language(page: Path) -> None:
    """A block without a language would escape from these tests."""
    assert [block.line for block in blocks(page) if not block.language] == []


def test_the_toml_of_the_pages_parses() -> None:
    """Every TOML block is a whole document."""
    wrong = []
    for page in PAGES:
        for block in blocks(page):
            try:
                tomllib.loads(block.text if block.language == "toml" else "")
            except tomllib.TOMLDecodeError as error:
                wrong.append(f"{where(page)}:{block.line}: {error}")

    assert wrong == []


@pytest.mark.parametrize("page", pages_with(*SHELLS), ids=where)
def test_the_make_targets_of_a_page_exist(page: Path) -> None:
    """`make something` in a shell block is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    shells = [block.text for block in blocks(page) if block.language in SHELLS]
    named = {
        target
        for text in shells
        for line in re.findall(r"^(?:\$ )?make ([a-z -]+)", text, re.MULTILINE)
        for target in line.split()
    }

    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    """Every relative link is a file or directory of the project."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", link)]

    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []
