"""Docstrings of the modules written in C, the only source for `str`, `dict`, `itertools`, `math`, `socket`, most of `os` (SPEC G1).

They can only be read by importing. That happens in one child process that sees no site-packages and no environment, with
closed input and a deadline, and for a fixed list: importing whatever a directory holds would open browsers and print poems.
What fails is left out; without the child the corpus does without these modules.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from yaoki.systems.chat.vector.corpus.signature_lines import split_signature

__all__ = ["MODULES", "CDocs", "Documented", "read"]

# `re` is here for `Pattern` and `Match`. Not here: `_test*`, `xx*`, `_tkinter`, `readline` and what else acts when imported.
MODULES = tuple(
    """builtins sys _abc _asyncio _bisect _bz2 _codecs _collections _contextvars _csv _ctypes _curses _curses_panel _datetime
    _decimal _elementtree _functools _hashlib _heapq _imp _io _json _locale _lsprof _lzma _multiprocessing _opcode _operator
    _pickle _posixshmem _posixsubprocess _queue _random _signal _socket _sqlite3 _sre _ssl _stat _statistics _string _struct
    _symtable _thread _tracemalloc _typing _uuid _warnings _weakref _zoneinfo array atexit binascii cmath errno faulthandler
    fcntl gc grp itertools marshal math mmap posix pwd pyexpat re resource select syslog termios time unicodedata zlib""".split()
)
DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Documented:
    """One documented thing of a C module. `name`: "" for the module itself. `parameters`: as users write them, or None."""

    module: str
    name: str
    doc: str
    parameters: str | None


@dataclass(frozen=True, slots=True)
class CDocs:
    """What the child told. `notice`: one sentence where something is missing, else ""."""

    entries: tuple[Documented, ...]
    notice: str = ""


def read(modules: tuple[str, ...] = MODULES, *, deadline: float = DEADLINE, python: str = sys.executable) -> CDocs:
    """Import the modules in a child process and take their docstrings. Takes `deadline` seconds at most; never raises."""
    if not modules:
        return CDocs(())
    child = Path(__file__).with_name("_c_modules_child.py")
    command = [python, "-I", "-S", "-W", "ignore", str(child), *modules]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline, check=True, cwd=child.anchor
        )
        told = json.loads(done.stdout)
        entries = tuple(_documented(entry) for entry in told["entries"])
        failed = [str(name) for name, _ in told["failed"]]
    except subprocess.TimeoutExpired:
        return CDocs((), f"The modules written in C are not indexed: reading them took longer than {deadline:g} s.")
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        return CDocs((), f"The modules written in C are not indexed: reading them failed ({type(error).__name__}).")
    return CDocs(entries, f"These modules written in C are not indexed: {', '.join(failed)}." if failed else "")


def _documented(entry: dict[str, str]) -> Documented:
    doc = inspect.cleandoc(entry["doc"])
    name = entry["name"]
    calls, doc = split_signature(name.rpartition(".")[2], doc)
    given = _plain(entry["parameters"])
    return Documented(entry["module"], name, doc, given or calls or None)


def _plain(signature: str) -> str:
    """`($module, x, /)` as users write it: `(x, /)`."""
    return re.sub(r"^\(\$\w+(?:, )?(?:/(?:, )?)?", "(", " ".join(signature.split()))
