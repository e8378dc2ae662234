"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import yaoki

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src"
CORE = SOURCE / "yaoki" / "core"
TESTING = SOURCE / "yaoki" / "testing"
FILES = sorted((SOURCE / "yaoki").rglob("*.py"))

LINES = 500

# Each would cost every user of the core more than the whole core does; what needs one loads it when it is first used.
DEAR = {"asyncio", "dataclasses", "datetime", "email", "inspect", "logging", "random", "re", "socket", "ssl", "typing"}

# Hosts of package registries and directories of one machine.
HOSTS = re.compile(r"pypi[.]org|pythonhosted[.]|registry[.]npmjs|deb[.]debian")
PLACES = re.compile(r"(?<![\w./~-])/(?:home|root|Users|work|farm|mnt)/(?!somebody)\w")


def where(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> set[str]:
    """Every module that the file imports at run time, wherever in the file."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        waiting.extend(ast.iter_child_nodes(node))
    return found


def isolated(program: str) -> str:
    """What the program prints in an interpreter that sees the standard library and Yaoki's source, nothing installed."""
    program = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("file", FILES, ids=where)
def test_a_file_holds_one_idea(file: Path) -> None:
    """No file grows beyond what can be read at one sitting."""
    assert len(file.read_text("utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("file", [file for file in FILES if not file.name.startswith("_")], ids=where)
def test_a_public_module_says_what_is_public(file: Path) -> None:
    """`__all__` stands in every module whose name is public."""
    assigned = [node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.Assign)]

    assert any(isinstance(target, ast.Name) and target.id == "__all__" for node in assigned for target in node.targets)


@pytest.mark.parametrize("file", [file for file in FILES if not file.is_relative_to(TESTING)], ids=where)
def test_only_the_clock_knows_time_and_chance(file: Path) -> None:
    """SPEC X2: time can be replaced in tests because one module alone asks for it.

    The fault proxy may be seeded, so that an attack can be repeated to the letter.
    """
    if file not in (CORE / "clock.py", CORE.parent / "chaos" / "proxy.py"):
        assert imports(file).isdisjoint({"time", "random", "_random", "secrets"})


@pytest.mark.parametrize("file", sorted(CORE.rglob("*.py")), ids=where)
def test_core_imports_the_standard_library_only(file: Path) -> None:
    """What the core imports is Python's or the core's."""
    strangers = {
        name
        for name in imports(file)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and f"{name}.".partition("yaoki.core.")[:2] != ("", "yaoki.core.")
    }

    assert not strangers


def test_core_works_where_nothing_is_installed() -> None:
    """Every module of the core can be imported from an interpreter without site-packages."""
    modules = [
        ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for file in sorted(CORE.rglob("*.py"))
    ]
    program = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint('all')"

    assert isolated(program) == "all\n"


def test_the_first_use_is_light() -> None:
    """Importing and using the blocks that most programs use loads none of the standard library's heavy modules."""
    program = f"""
from yaoki import CircuitBreaker, Fallback, Pipeline, Retry, Timeout, exponential
guard = Pipeline(Fallback(value=0), Timeout(3.0), Retry(backoff=exponential(0.5, cap=5.0)), CircuitBreaker(), Timeout(1.0))
assert guard.call(abs, -1) == 1
print(sorted({DEAR!r} & set(sys.modules)))
"""

    assert isolated(program) == "[]\n"


@pytest.mark.parametrize("name", sorted(yaoki.__all__))
def test_a_public_name_is_documented(name: str) -> None:
    """Every public name has a docstring; so has every public method, its own or its base's."""
    thing = getattr(yaoki, name)
    members = vars(thing).items() if inspect.isclass(thing) else ()
    silent = [
        member
        for member, value in members
        if not member.startswith("_") and callable(value) and not inspect.getdoc(getattr(thing, member))
    ]

    if inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
        assert inspect.getdoc(thing)
    assert not silent


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    """The project can be built from any index and on any machine, so it names none."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        if not file.is_file():
            continue
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            if HOSTS.search(line) or PLACES.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")

    assert not found


def test_the_locked_requirements_are_hashed_and_name_no_index() -> None:
    """Every package is locked to hashes, none to an address."""
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        text = re.sub(r"^\s*#.*$", "", file.read_text("utf-8"), flags=re.MULTILINE)
        packages = [block for block in re.split(r"\n(?=\S)", text) if block.strip()]

        assert packages
        assert "://" not in text
        assert "--index" not in text
        assert "--find-links" not in text
        assert [block.split()[0] for block in packages if "==" not in block or "--hash=sha256:" not in block] == []
