"""Uses an installed wheel as a stranger would: `python -I use_wheel.py WHEEL SOURCE`.

It holds what the source directory holds and nothing else; it retries, opens a breaker and answers instead, in sync and async.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path


def check_contents(wheel: Path, source: Path) -> None:
    """Every file of the package is in the wheel, and nothing that is not."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    packed = {name for name in names if name.split("/")[0].partition("-")[0] == "yaoki"}
    expected = {
        file.relative_to(source).as_posix()
        for file in (source / "yaoki").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    described = {name for name in packed if name.split("/")[0].endswith(".dist-info")}
    assert names == packed, f"foreign files: {sorted(names - packed)}"
    assert packed - described == expected, f"differs from the source: {sorted((packed - described) ^ expected)}"
    assert "yaoki/py.typed" in packed
    assert any(name.endswith("/licenses/LICENSE") for name in described)


def check_metadata() -> None:
    """The core needs nothing; pytest finds the plugin, and a shell the command."""
    distribution = metadata.distribution("yaoki")
    needed = [requirement for requirement in distribution.requires or () if "extra ==" not in requirement]
    assert needed == [], needed
    assert distribution.version == __import__("yaoki").__version__
    points = {(point.group, point.name, point.value) for point in distribution.entry_points}
    assert points == {("pytest11", "yaoki", "yaoki.testing.pytest_plugin"), ("console_scripts", "yaoki", "yaoki.cli:main")}


def check_command() -> None:
    """Without the extras the command says in two lines what is missing and how to get it."""
    done = subprocess.run([sys.executable, "-I", "-m", "yaoki", "up"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1] == "Install it with: pip install 'yaoki[chat]'", done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr


def check_use() -> None:
    """Retries, an opening breaker and a fallback, with sync and async functions."""
    from yaoki import CircuitBreaker, CircuitOpenError, Fallback, Pipeline, Retry, constant

    failures = [ConnectionError("first"), ConnectionError("second")]

    @Pipeline(Retry(max_attempts=3, backoff=constant(0.0)), CircuitBreaker(failure_threshold=5))
    def heals() -> str:
        if failures:
            raise failures.pop()
        return "healed"

    assert heals() == "healed"

    breaker = CircuitBreaker(failure_threshold=2, name="down")

    @breaker
    async def down() -> str:
        raise ConnectionError("down")

    async def call() -> list[str]:
        seen = []
        for _ in range(3):
            try:
                await down()
            except (ConnectionError, CircuitOpenError) as error:
                seen.append(type(error).__name__)
        return seen

    assert asyncio.run(call()) == ["ConnectionError", "ConnectionError", "CircuitOpenError"]
    assert breaker.state == "open"
    assert Pipeline(Fallback(value="instead"), breaker).call(heals) == "instead"


if __name__ == "__main__":
    check_contents(Path(sys.argv[1]), Path(sys.argv[2]))
    check_metadata()
    check_use()
    check_command()
    print("the wheel holds what it must, and works")
