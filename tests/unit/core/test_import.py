"""SPEC X3: a program pays only for what it uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import yaoki

SOURCE = Path(yaoki.__file__).parents[1]

HEAVY = [
    "asyncio",
    "dataclasses",
    "datetime",
    "email",
    "inspect",
    "logging",
    "random",
    "re",
    "socket",
    "ssl",
    "traceback",
    "typing",
]


def loaded(program: str) -> list[str]:
    """Which heavy modules are there after the program, in an interpreter without site-packages."""
    text = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_x3_the_package_alone_loads_nothing_of_its_own() -> None:
    """SPEC X3: `import yaoki` is a table of names."""
    text = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import yaoki; print([n for n in sys.modules if n.startswith('yaoki')])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['yaoki']"


USES = {
    "import": "import yaoki",
    "names": "from yaoki import Pipeline, Retry, CircuitBreaker, Timeout, Fallback, Bulkhead, RateLimiter, Budget, constant",
    "call": """
from yaoki import Pipeline, Retry, CircuitBreaker, Timeout, Fallback
assert Pipeline(Fallback(value=0), Timeout(3.0), Retry(), CircuitBreaker(), Timeout(1.0)).call(abs, -1) == 1
""",
    "retry": """
from yaoki import Retry, constant
script = [ConnectionError, None]
@Retry(3, constant(0.0))
def function():
    error = script.pop(0)
    if error: raise error
    return "well"
assert function() == "well"
""",
    "give_up": """
from yaoki import CircuitBreaker, CircuitOpenError, Pipeline, Retry, constant
guard = Pipeline(Retry(3, constant(0.0)), CircuitBreaker(failure_threshold=2))
def fails(): raise ConnectionError
for expected in (ConnectionError, CircuitOpenError):
    try: guard.call(fails)
    except expected as error: str(error)
""",
    "fallback": """
from yaoki import Fallback
def fails(): raise ConnectionError
assert Fallback(lambda: "instead").call(fails) == "instead"
""",
    "execute": """
from yaoki import Retry
assert Retry().execute(abs, -1).value == 1
""",
    "keyed": """
from yaoki import CircuitBreaker
assert CircuitBreaker().keyed()["key"].call(abs, -1) == 1
""",
    "deadline": """
from yaoki import deadline
with deadline.within(5.0), deadline.from_headers(deadline.headers()): deadline.remaining()
""",
    "events": """
from yaoki import Retry, constant, events
seen = []
events.subscribe(seen.append)
def fails(): raise ConnectionError
try: Retry(2, constant(0.0)).call(fails)
except ConnectionError: pass
assert [event.to_dict() for event in seen]
""",
}


@pytest.mark.parametrize("compiled", ["0", "1"])
@pytest.mark.parametrize("use", USES)
def test_x3_synchronous_use_loads_nothing_heavy(use: str, compiled: str) -> None:
    """SPEC X3: asyncio alone would cost more than the whole core; logging is loaded when there is something to log."""
    assert loaded(f"import os; os.environ['YAOKI_COMPILE'] = {compiled!r}\n{USES[use]}") == []


def test_x3_asyncio_comes_with_the_first_guarded_coroutine_function() -> None:
    """SPEC X3: and not before."""
    program = "from yaoki import Retry; guard = Retry(); assert 'asyncio' not in sys.modules\n@guard\nasync def f(): pass"

    assert "asyncio" in loaded(program)


def test_x3_unknown_names_are_refused_and_known_ones_listed() -> None:
    """SPEC X4: the package behaves like a module that imported everything."""
    with pytest.raises(AttributeError, match="module 'yaoki' has no attribute 'Retrying'"):
        yaoki.Retrying  # type: ignore[attr-defined]  # noqa: B018  # what the test is about
    assert set(yaoki.__all__) <= set(dir(yaoki))
    assert yaoki.Retry is yaoki.Retry
