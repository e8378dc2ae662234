"""SPEC G1: docstrings read from source, each under the name that users write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.systems.chat.small_library import make_library
from yaoki.systems.chat.vector.corpus import docstrings, library
from yaoki.systems.chat.vector.corpus.c_modules import Documented
from yaoki.systems.chat.vector.corpus.passage import Passage, cut
from yaoki.systems.chat.vector.corpus.signature_lines import split_signature

LONG = "Does what its name says, as long as nobody stops it while it is at it."


def passages(folder: Path, files: dict[str, str], *c_entries: Documented) -> dict[str, Passage]:
    """The passages of a library of these files, by name."""
    make_library(folder, files)
    facts = docstrings.read_all(library.source_files(folder), folder, lambda share: None)
    return {passage.name: passage for passage in docstrings.passages(facts, c_entries)}


def test_g1_a_function_of_a_submodule_stands_under_its_package(tmp_path: Path) -> None:
    """SPEC G1: `asyncio.wait_for`, not `asyncio.tasks.wait_for`; the long name is a further name."""
    found = passages(
        tmp_path,
        {
            "loops/__init__.py": "from .tasks import *",
            "loops/tasks.py": f'''
                __all__ = ("wait_for",)
                async def wait_for(fut, timeout: float = 1.0, *, loop=None):
                    """{LONG}"""
                ''',
        },
    )

    assert set(found) == {"loops.wait_for"}
    assert found["loops.wait_for"].signature == "loops.wait_for(fut, timeout=1.0, *, loop=None)"
    assert found["loops.wait_for"].aliases == ("loops.tasks.wait_for",)
    assert found["loops.wait_for"].source == "loops/tasks.py, line 2"


def test_g1_what_a_function_imports_is_nobodys_public_name(tmp_path: Path) -> None:
    """SPEC G1: an import inside `__getattr__` publishes the listed name, not its own alias."""
    found = passages(
        tmp_path,
        {
            "futures/__init__.py": """
                __all__ = ("ThreadExecutor",)
                def __getattr__(name):
                    from .thread import ThreadExecutor as te
                    return te
                """,
            "futures/thread.py": f'class ThreadExecutor:\n    """{LONG}"""',
        },
    )

    assert set(found) == {"futures.ThreadExecutor"}


def test_g1_another_name_of_a_thing_is_a_further_name(tmp_path: Path) -> None:
    """SPEC G1: `insort = insort_right` at module level, and a bound method of a module's own instance."""
    found = passages(
        tmp_path,
        {
            "order.py": f'''
                def insort_right(a, x):
                    """{LONG}"""
                insort = insort_right
                ''',
            "chance.py": f'''
                class Random:
                    """A source of chance."""
                    def choice(self, seq):
                        """{LONG}"""
                _inst = Random()
                choice = _inst.choice
                ''',
        },
    )

    assert found["order.insort_right"].aliases == ("order.insort",)
    assert found["chance.choice"].aliases == ("chance.Random.choice",)
    assert found["chance.choice"].signature == "chance.choice(seq)"


def test_g1_a_docstring_that_was_assigned_counts(tmp_path: Path) -> None:
    """SPEC G1: `f.__doc__ = other.__doc__`, as `os.path.splitext` gets its docstring, and a literal one."""
    found = passages(
        tmp_path,
        {
            "genericpath.py": f'def _splitext(p):\n    """{LONG}"""',
            "posixpath.py": """
                import genericpath
                def splitext(p):
                    return p
                splitext.__doc__ = genericpath._splitext.__doc__
                def join(a):
                    return a
                join.__doc__ = "Joins one part with nothing."
                """,
        },
    )

    assert found["os.path.splitext"].text == LONG
    assert found["os.path.join"].text == "Joins one part with nothing."


def test_g1_what_is_taken_from_a_private_module_is_public(tmp_path: Path) -> None:
    """SPEC G1: `collections.deque` is written in `_collections`; who merely imports it does not publish it."""
    deque = Documented("_collections", "deque", LONG, "([iterable])")
    rotate = Documented("_collections", "deque.rotate", "Rotate the deque n steps to the right.", "(n=1)")
    found = passages(
        tmp_path,
        {
            "collections/__init__.py": 'try:\n    from _collections import deque\nexcept ImportError:\n    pass\n__all__ = ["deque"]',
            "asynchat.py": "from collections import deque",
        },
        deque,
        rotate,
    )

    assert set(found) == {"collections.deque", "collections.deque.rotate"}
    assert found["collections.deque.rotate"].signature == "collections.deque.rotate(n=1)"


def test_g1_a_class_that_hides_its_c_ancestor_has_that_ones_methods(tmp_path: Path) -> None:
    """SPEC G1: `socket.socket.connect` is documented on `_socket.socket` only."""
    connect = Documented("_socket", "socket.connect", "Connect the socket to a remote address.", "(address)")
    ancestor = Documented("_socket", "socket", LONG, None)
    found = passages(
        tmp_path,
        {"socket.py": "import _socket\nfrom _socket import *\nclass socket(_socket.socket):\n    pass"},
        ancestor,
        connect,
    )

    assert set(found) == {"socket.socket", "socket.socket.connect"}


def test_g1_python_goes_before_c(tmp_path: Path) -> None:
    """SPEC G1: what is documented twice is one passage, from the source."""
    found = passages(
        tmp_path,
        {"heap.py": f'def push(heap, item):\n    """{LONG}"""\ntry:\n    from _heap import *\nexcept ImportError:\n    pass'},
        Documented("_heap", "push", "Push, but in C, and told at some length too.", None),
    )

    assert found["heap.push"].text == LONG


def test_g1_builtins_need_no_module() -> None:
    """SPEC G1: users write `str.split`."""
    found = docstrings.passages([], [Documented("builtins", "str.split", LONG, "(sep=None)")])

    assert [passage.signature for passage in found] == ["str.split(sep=None)"]


def test_g1_private_names_and_empty_words_are_left_out(tmp_path: Path) -> None:
    """SPEC G1: no passage for `_private`, for a private class's methods, for docstrings under 15 characters."""
    found = passages(
        tmp_path,
        {
            "things.py": f'''
                def _hidden():
                    """{LONG}"""
                class _Hidden:
                    def method(self):
                        """{LONG}"""
                def short():
                    """Do it."""
                class Shown:
                    def _hidden(self):
                        """{LONG}"""
                ''',
            "_secret.py": f'def public():\n    """{LONG}"""',
        },
    )

    assert found == {}


def test_g1_one_docstring_under_one_last_name_is_one_passage(tmp_path: Path) -> None:
    """SPEC G1: copies of a method are further names of the one nearest to the surface."""
    found = passages(
        tmp_path,
        {
            "many.py": f'''
                class Base:
                    class Inner:
                        def close(self):
                            """{LONG}"""
                class Other:
                    def close(self):
                        """{LONG}"""
                ''',
        },
    )

    assert set(found) == {"many.Other.close"}
    assert found["many.Other.close"].aliases == ("many.Base.Inner.close",)


def test_g1_a_class_shows_how_it_is_made(tmp_path: Path) -> None:
    """SPEC G1: a class has the parameters and the docstring of its `__init__`; a property has none; annotations are left out."""
    found = passages(
        tmp_path,
        {
            "made.py": '''
                class Pool:
                    """A pool of workers."""
                    def __init__(self, size: int, *, name: str = "pool") -> None:
                        """size: how many workers there are at most."""
                    @property
                    def running(self):
                        """Whether any worker runs."""
                    @staticmethod
                    def limit(kind):
                        """The largest size of a pool of this kind."""
                    @classmethod
                    def of(cls, kind):
                        """A pool of the largest size of its kind."""
                ''',
        },
    )

    assert found["made.Pool"].signature == "made.Pool(size, *, name='pool')"
    assert found["made.Pool"].text == "A pool of workers.\n\nsize: how many workers there are at most."
    assert found["made.Pool.running"].signature == ""
    assert found["made.Pool.limit"].signature == "made.Pool.limit(kind)"
    assert found["made.Pool.of"].signature == "made.Pool.of(kind)"


def test_g1_much_used_modules_are_known(tmp_path: Path) -> None:
    """SPEC G1: a passage knows how many modules outside its package import its module, relative imports resolved."""
    found = passages(
        tmp_path,
        {
            "used/__init__.py": '"""A module that is used."""\nfrom .inner import thing',
            "used/inner.py": "from . import other",
            "used/other.py": "",
            "one.py": "import used.inner",
            "two.py": "def f():\n    from used import thing\n    import used",
            "alone.py": '"""A module that is not used."""',
        },
    )

    assert (found["used"].imported_by, found["alone"].imported_by) == (2, 0)


def test_g1_files_that_are_no_python_are_passed_over(tmp_path: Path) -> None:
    """SPEC G1: one unreadable file does not cost the others."""
    found = passages(tmp_path, {"broken.py": "def (:", "zeros.py": "\0", "good.py": f'def f():\n    """{LONG}"""'})

    assert set(found) == {"good.f"}


def test_g1_tests_and_bundled_tools_are_not_the_library(tmp_path: Path) -> None:
    """SPEC G1: nobody asks about them, and `antigravity` and `this` act when they are imported."""
    module = f'def f():\n    """{LONG}"""'
    names = ("test/a", "idlelib/a", "lib2to3/a", "encodings/a", "site-packages/a", "turtledemo/a", "ensurepip/a")
    skipped = {f"{name}.py": module for name in (*names, "antigravity", "this", "folder_without_init/a")}
    skipped |= {f"{name.partition('/')[0]}/__init__.py": "" for name in names}

    assert passages(tmp_path, skipped) == {}


@pytest.mark.parametrize(
    ("name", "doc", "expected"),
    [
        ("range", "range(stop) -> range object\nrange(start, stop) -> range object\n\nReturn it.", ("(stop)", "Return it.")),
        ("pop", "D.pop(k[,d]) -> v, remove specified key.", ("(k[,d])", "Remove specified key.")),
        ("update", "D.update([E, ]**F) -> None.  Update D from E.", ("([E, ]**F)", "Update D from E.")),
        ("index", "S.index(value) -> integer -- return first index.", ("(value)", "Return first index.")),
        ("items", "D.items() -> a set-like object for D's items", ("()", "A set-like object for D's items")),
        (
            "zip",
            "zip(*iterables) --> Yield tuples until one is exhausted.\n\n>>> x",
            ("(*iterables)", "Yield tuples until one is exhausted.\n\n>>> x"),
        ),
        ("sleep", "sleep(seconds)\n\nDelay execution.", ("(seconds)", "Delay execution.")),
        ("acquire", "acquire() -> bool\n(acquire_lock() is an obsolete synonym)\n\nLock the lock.", ("()", "Lock the lock.")),
        ("partial", "partial(func, *args) - new function.", ("(func, *args)", "New function.")),
        ("dict", "dict() -> new dictionary\ndict(x) -> another", ("()", "dict() -> new dictionary\ndict(x) -> another")),
        ("run", "run() is interrupted by raising.", ("", "run() is interrupted by raising.")),
        ("plain", "Plain words.", ("", "Plain words.")),
    ],
)
def test_g1_a_signature_is_no_lead_sentence(name: str, doc: str, expected: tuple[str, str]) -> None:
    """SPEC G1: the calls that begin a C docstring are its signature; what they say about the result stays if nothing else does."""
    assert split_signature(name, doc) == expected


def test_g1_long_documents_are_cut_between_blocks() -> None:
    """SPEC G1: pieces of about 150 words, never between a colon and what it announces."""
    paragraph = "Words " * 70
    announced = f"{paragraph.strip()}. The code is:\n\n    x = 1\n    y = 2"

    pieces = list(cut(f"{paragraph}\n\n{paragraph}\n\n{announced}"))

    assert [len(piece.split()) for piece in pieces] == [140, 79]
    assert pieces[1].endswith("y = 2")


def test_g1_a_very_long_list_is_cut_between_its_items() -> None:
    """SPEC G1: no passage is longer than what is read as a whole, as long as it has items to cut at."""
    items = "\n".join(f"- item {number} {'has many words ' * 8}\n  and a second line" for number in range(20))

    pieces = list(cut(items))

    assert len(pieces) > 2
    assert all(piece.startswith("- item") for piece in pieces)
    assert "\n".join(pieces).split() == items.split()


@pytest.mark.skipif(not library.source_files(library.standard_library()), reason="this Python has no sources")
def test_g1_the_running_pythons_names_are_those_that_users_write() -> None:
    """SPEC G1: the traps of the real library."""
    root = library.standard_library()
    modules = (
        "asyncio",
        "concurrent",
        "bisect",
        "random",
        "genericpath",
        "posixpath",
        "os",
        "collections",
        "_collections_abc",
        "json",
    )
    files = [file for file in library.source_files(root) if file.module.partition(".")[0] in modules]
    found = docstrings.passages(docstrings.read_all(files, root, lambda share: None))
    names = {passage.name for passage in found}

    assert {"asyncio.wait_for", "asyncio.timeout", "bisect.insort_right", "random.choice", "os.path.exists"} <= names
    assert {"concurrent.futures.wait", "os.walk", "collections.abc.MutableMapping", "json.JSONDecodeError"} <= names
    assert not [name for name in names if name.endswith(".te")]
    assert not [name for name in names if name.startswith(("_", "posixpath", "genericpath"))]
    if sys.version_info < (3, 14):
        assert "os.path.splitext" in names
