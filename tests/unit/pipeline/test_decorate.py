"""SPEC R6: decoration keeps what others read from a function, and guards whatever can be called."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import subprocess
import sys
import traceback
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from yaoki import CircuitBreaker, ConfigurationError, Fallback, Pipeline, Retry, Timeout, constant
from yaoki.testing import VirtualClock, run

NOW = constant(0.0)

pytestmark = pytest.mark.usefixtures("either_path", "virtual_clock")

GUARDS: dict[str, Callable[[], Any]] = {
    "retry": lambda: Retry(3, NOW),
    "standard": lambda: Pipeline(
        Fallback(value=0, on=KeyError), Timeout(9.0), Retry(3, NOW), CircuitBreaker(failure_threshold=9), Timeout(3.0)
    ),
    "by_thread": lambda: Pipeline(Timeout(60.0, mode="thread"), Retry(3, NOW)),
}


@pytest.fixture(params=GUARDS)
def guard(request: pytest.FixtureRequest) -> Any:
    """A pipeline or a policy that makes three attempts."""
    return GUARDS[request.param]()


class Twice:
    """Fails twice, then returns what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if len(self.calls) < 3:
            raise ConnectionError
        return args, kwargs


# What can be guarded


def test_r6_a_method(guard: Any) -> None:
    """SPEC R6: `self` is passed like any argument; the class and its instances see a method."""
    twice = Twice()

    class Client:
        @guard
        def get(self, path: str, *, deep: bool = False) -> Any:
            return self, twice(path, deep=deep)

    client = Client()

    assert client.get("/", deep=True) == (client, (("/",), {"deep": True}))
    assert len(twice.calls) == 3
    assert inspect.ismethod(client.get)
    assert inspect.isfunction(Client.get)


def test_r6_an_async_method(guard: Any) -> None:
    """SPEC R6: the same for coroutine functions."""
    twice = Twice()

    class Client:
        @guard
        async def get(self, path: str) -> Any:
            return self, twice(path)

    client = Client()

    assert run(client.get("/")) == (client, (("/",), {}))


@pytest.mark.parametrize("outside", [True, False])
def test_r6_class_and_static_methods(guard: Any, outside: bool) -> None:
    """SPEC R6: whichever decorator is written first."""
    on_class, on_nothing = Twice(), Twice()

    def make(cls: type, number: int) -> Any:
        return cls, on_class(number)

    def add(number: int) -> Any:
        return on_nothing(number)

    class Client:
        make_one = guard(classmethod(make)) if outside else classmethod(guard(make))
        add_one = guard(staticmethod(add)) if outside else staticmethod(guard(add))

    class Special(Client):
        pass

    assert Special.make_one(1) == (Special, ((1,), {}))
    assert Client().add_one(2) == ((2,), {})
    assert isinstance(vars(Client)["make_one"], classmethod)
    assert isinstance(vars(Client)["add_one"], staticmethod)


def test_r6_a_partial(guard: Any) -> None:
    """SPEC R6: with arguments of its own."""
    twice = Twice()
    guarded = guard(functools.partial(twice, 1, two=2))

    assert guarded(3, four=4) == ((1, 3), {"two": 2, "four": 4})


def test_r6_a_partial_of_a_coroutine_function(guard: Any) -> None:
    """SPEC R6: told apart through the partial."""
    twice = Twice()

    async def get(*args: Any) -> Any:
        return twice(*args)

    guarded = guard(functools.partial(functools.partial(get, 1), 2))

    assert inspect.iscoroutinefunction(guarded)
    assert run(guarded(3)) == ((1, 2, 3), {})


def test_r6_a_callable_object(guard: Any) -> None:
    """SPEC R6: its call is guarded."""
    twice = Twice()

    assert guard(twice)(1, two=2) == ((1,), {"two": 2})


def test_r6_a_callable_object_that_is_awaited(guard: Any) -> None:
    """SPEC R6: told apart by its `__call__`."""
    twice = Twice()

    class Client:
        async def __call__(self, path: str) -> Any:
            return twice(path)

    guarded = guard(Client())

    assert inspect.iscoroutinefunction(guarded)
    assert run(guarded("/")) == (("/",), {})


def test_r6_a_bound_method(guard: Any) -> None:
    """SPEC R6: of an instance, plain and awaited."""
    twice, awaited = Twice(), Twice()

    class Client:
        def get(self, path: str) -> Any:
            return twice(path)

        async def get_async(self, path: str) -> Any:
            return awaited(path)

    assert guard(Client().get)("/") == (("/",), {})
    assert run(guard(Client().get_async)("/")) == (("/",), {})


def test_r6_a_built_in_function(guard: Any) -> None:
    """SPEC R6: which has no code to read its parameters from."""
    assert guard(divmod)(7, 2) == (3, 1)
    assert guard("{} {x}".format)(1, x=2) == "1 2"
    with pytest.raises(ZeroDivisionError):
        guard(divmod)(7, 0)


def test_r6_functions_marked_as_coroutine_functions(guard: Any) -> None:
    """SPEC R6: generators by `types.coroutine`, and what `inspect` was told."""
    twice = Twice()

    @types.coroutine
    def old_style(path: str) -> Any:
        yield from asyncio.sleep(0).__await__()
        return twice(path)

    assert run(guard(old_style)("/")) == (("/",), {})

    if sys.version_info >= (3, 12):
        marked = inspect.markcoroutinefunction(functools.partial(old_style))
        assert inspect.iscoroutinefunction(guard(marked))


def test_r6_a_lambda(guard: Any) -> None:
    """SPEC R6: whose name is no identifier."""
    twice = Twice()
    guarded = guard(lambda first, *, second=2: twice(first, second))

    assert guarded(1) == ((1, 2), {})
    assert guarded.__name__ == "<lambda>"


@pytest.mark.parametrize("thing", [5, "text", None, property(lambda self: 1)], ids=["number", "text", "none", "property"])
def test_r6_what_cannot_be_called_is_refused(guard: Any, thing: Any) -> None:
    """SPEC R6: at decoration."""
    with pytest.raises(ConfigurationError, match="only what can be called can be guarded"):
        guard(thing)


def test_r6_a_class_is_refused(guard: Any) -> None:
    """SPEC R6: guarded, it would be a class no more."""

    class Client:
        pass

    with pytest.raises(ConfigurationError, match="Client is a class: guard its methods"):
        guard(Client)


# What is kept


def example(a: int, /, b: str = "b", *args: float, c: bytes, d: list[int] | None = None, **kwargs: object) -> dict[str, Any]:
    """What it does."""
    return {"a": a, "b": b, "args": args, "c": c, "d": d, "kwargs": kwargs}


async def example_async(a: int, b: str = "b", *, c: bytes = b"c") -> dict[str, Any]:
    """What it does, awaited."""
    return {"a": a, "b": b, "c": c}


@pytest.mark.parametrize("function", [example, example_async])
def test_r6_the_signature_is_kept(guard: Any, function: Any) -> None:
    """SPEC R6: for `inspect`, for frameworks, for help."""
    guarded = guard(function)

    assert inspect.signature(guarded) == inspect.signature(function)
    assert typing.get_type_hints(guarded) == typing.get_type_hints(function)
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(guarded, name) == getattr(function, name)
    assert guarded.__wrapped__ is function
    assert inspect.iscoroutinefunction(guarded) == inspect.iscoroutinefunction(function)


def test_r6_the_functions_own_parameters_are_those_of_the_guarded_one() -> None:
    """SPEC R6: defaults and all, also for who does not follow `__wrapped__`; where the target has no boundary below."""
    guarded = GUARDS["standard"]()(example)

    assert inspect.signature(guarded, follow_wrapped=False).parameters.keys() == inspect.signature(example).parameters.keys()
    assert guarded.__defaults__ == ("b",)
    assert guarded.__kwdefaults__ == {"d": None}
    assert guarded(1, c=b"c", e=5) == {"a": 1, "b": "b", "args": (), "c": b"c", "d": None, "kwargs": {"e": 5}}
    assert guarded(1, "x", 2.0, 3.0, c=b"c", d=[1])["args"] == (2.0, 3.0)


def test_r6_defaults_are_the_very_objects(guard: Any) -> None:
    """SPEC R6: a mutable default is shared, as without the guard."""

    def append(item: int, items: list[int] = [], *, more: list[int] = []) -> tuple[list[int], list[int]]:  # noqa: B006
        items.append(item)
        more.append(item)
        return items, more

    guarded = guard(append)
    append(1)

    assert guarded(2) == ([1, 2], [1, 2])


def test_r6_attributes_are_kept(guard: Any) -> None:
    """SPEC R6: what other decorators have left on the function."""

    def route() -> None:
        return None

    route.methods = ["GET"]  # type: ignore[attr-defined]  # as frameworks do
    guarded = guard(route)

    assert guarded.methods == ["GET"]


def test_r6_guards_can_be_stacked(guard: Any) -> None:
    """SPEC R6: a guarded function is a function."""
    twice = Twice()
    guarded = guard(CircuitBreaker(failure_threshold=9)(twice))

    assert guarded(1) == ((1,), {})


# Exotic parameters


EXOTIC = """
def positional_only(a, b=2, /): return target(a, b)
def keyword_only(*, a, b=2): return target(a=a, b=b)
def everything(a, b=2, /, c=3, *d, e, f=6, **g): return target(a, b, c, *d, e=e, f=f, **g)
def names_of_ours(_y_fn, _y_plan=2, *_y_args, **_y_kwargs): return target(_y_fn, _y_plan, *_y_args, **_y_kwargs)
def one_of_ours(first, _y_value): return target(first, _y_value)
def soft_keywords(match, case=2, type=3, _=4): return target(match, case, type, _)
def builtins(min, max=2, None_=3, print=4, list=5): return target(min, max, None_, print, list)
def letters(größe, 数=2, ªº=3): return target(größe, 数, ªº)
def dunder(__a, __b__=2): return target(__a, __b__)
def names(fn, policies=2, call=3, self=4, cls=5, args=6, kwargs=7): return target(fn, policies, call, self, cls, args, kwargs)
def many(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, *, k0=0, k1=1, k2=2, k3=3, k4=4): return target(a0, a9, k0=k0, k4=k4)
"""

CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "positional_only": [((1,), {}), ((1, 5), {})],
    "keyword_only": [((), {"a": 1}), ((), {"b": 5, "a": 1})],
    "everything": [((1,), {"e": 5}), ((1, 2, 3, 4, 5), {"e": 6, "f": 7, "h": 8, "a": 9}), ((1,), {"c": 0, "e": 5})],
    "names_of_ours": [((1,), {}), ((1, 2, 3), {"x": 4}), ((), {"_y_fn": 1, "_y_plan": 2, "x": 3})],
    "one_of_ours": [((1, 2), {}), ((1,), {"_y_value": 2})],
    "soft_keywords": [((1,), {"case": 5, "type": 6}), ((1, 2, 3, 4), {})],
    "builtins": [((1,), {"max": 5}), ((), {"min": 1, "list": 9, "print": 8})],
    "letters": [((1,), {"数": 5}), ((), {"größe": 1, "ao": 7})],
    "dunder": [((1,), {"__b__": 5}), ((), {"__a": 1})],
    "names": [((1, 2), {"call": 5, "self": 6, "kwargs": 8}), ((), {"fn": 1, "args": 9})],
    "many": [(tuple(range(10)), {"k4": 9})],
}


@pytest.mark.parametrize("name", CALLS)
def test_r6_exotic_parameters_arrive(guard: Any, name: str) -> None:
    """SPEC R6: on the healthy path and in every further attempt."""
    plain: dict[str, Any] = {"target": lambda *args, **kwargs: (args, kwargs)}
    exec(EXOTIC, plain)
    for args, kwargs in CALLS[name]:
        expected = plain[name](*args, **kwargs)
        for target in (plain["target"], Twice()):
            namespace = {"target": target}
            exec(EXOTIC, namespace)
            assert guard(namespace[name])(*args, **kwargs) == expected


@pytest.mark.parametrize("name", CALLS)
def test_r6_exotic_parameters_arrive_in_coroutines(guard: Any, name: str) -> None:
    """SPEC R6: the same, awaited."""
    for args, kwargs in CALLS[name]:
        plain: dict[str, Any] = {"target": lambda *args, **kwargs: (args, kwargs)}
        exec(EXOTIC, plain)
        namespace: dict[str, Any] = {"target": Twice()}
        exec(EXOTIC.replace("def ", "async def "), namespace)
        assert run(guard(namespace[name])(*args, **kwargs)) == plain[name](*args, **kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((1,), {}),
        ((1, 2, 3, 4), {}),
        ((1,), {"e": 5, "a": 1, "z": 0}),
        ((), {"a": 1, "e": 5}),
        ((1, 2), {"b": 3, "e": 4}),
        ((1,), {"e": 5, "c": 1}),
    ],
    ids=str,
)
def test_r6_wrong_arguments_raise_the_functions_own_type_error(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """SPEC R6: the same text as without the guard; nothing is counted and nothing retried."""
    seen: list[int] = []

    def function(a: int, b: int = 2, /, c: int = 3, *, e: int, f: int = 6) -> None:
        seen.append(1)

    def outcome(call: Callable[..., Any]) -> str:
        try:
            call(*args, **kwargs)
        except TypeError as error:
            return str(error).replace("test_r6_wrong_arguments_raise_the_functions_own_type_error.<locals>.", "")
        return "called"

    breaker = CircuitBreaker(failure_threshold=1)
    guarded = Pipeline(Timeout(9.0), Retry(3, NOW), breaker)(function)

    expected = outcome(function)
    assert outcome(guarded).replace("_y_make.<locals>.", "") == expected
    assert breaker.snapshot()["failures"] == 0
    assert len(seen) == (2 if expected == "called" else 0)


# What else reads functions


@Retry(3, NOW)
def at_module_level(number: int) -> int:
    return number


@Retry(3, NOW)
async def at_module_level_async(number: int) -> int:
    return number


class Holder:
    @Retry(3, NOW)
    def method(self) -> int:
        return 1

    guards: ClassVar[list[Any]] = []


@pytest.mark.parametrize("function", [at_module_level, at_module_level_async, Holder.method])
def test_r6_a_guarded_function_can_be_pickled_by_name(function: Any) -> None:
    """SPEC R6: for process pools."""
    assert pickle.loads(pickle.dumps(function)) is function


def test_r6_a_traceback_shows_the_generated_line(either_path: str) -> None:
    """SPEC R6, R5: whoever debugs sees the source of the generated function."""

    @Pipeline(Timeout(9.0), CircuitBreaker())
    def fails(number: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError) as raised:
        fails(1)
    generated = [frame for frame in traceback.extract_tb(raised.value.__traceback__) if "generated" in frame.filename]

    if either_path == "generated":
        assert [frame.line for frame in generated] == ["_y_value = _y_fn(number)"]
    else:
        assert [frame.line.startswith("return _y_drive(") for frame in generated if frame.line] == [True]
    assert all("<" not in frame.filename for frame in generated)


def test_r6_each_generated_source_has_a_file_of_its_own() -> None:
    """SPEC R6: however many are made: tracebacks keep sources by file name."""

    def names(count: int) -> set[str]:
        found = set()
        for number in range(count):
            namespace: dict[str, Any] = {}
            exec(f"def function(parameter_{number}): return 1", namespace)
            found.add(Pipeline(Timeout(9.0), Retry())(namespace["function"]).__code__.co_filename)
        return found

    assert len(names(600)) == 600


def test_r6_functions_with_the_same_parameters_share_their_code() -> None:
    """SPEC R6: a source is compiled once."""

    def one(query: str) -> str:
        return query

    def make(value: str) -> Any:
        return Pipeline(Retry(), CircuitBreaker())(functools.wraps(one)(lambda query: f"{value} {query}"))

    assert make("a").__code__ is make("b").__code__
    assert (make("a")("x"), make("b")("x")) == ("a x", "b x")


def test_r6_help_shows_the_function(guard: Any) -> None:
    """SPEC R6: `help()` of a guarded function is that of the function."""
    import pydoc

    assert (
        pydoc.plain(pydoc.render_doc(guard(example))).splitlines()[2:]
        == pydoc.plain(pydoc.render_doc(example)).splitlines()[2:]
    )


def test_r6_decoration_needs_neither_inspect_nor_typing() -> None:
    """SPEC X3: it is cheap in a fresh interpreter."""
    program = """
import sys
from yaoki import Retry, Timeout, Pipeline
@Pipeline(Timeout(1.0), Retry())
def function(a, /, b=1, *c, d, **e): return a
assert function(1, d=2) == 1
print(sorted({"inspect", "typing", "dataclasses", "linecache"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", _with_source(program)], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def _with_source(program: str) -> str:
    import yaoki

    source = yaoki.__path__[0].rpartition("/")[0]
    return f"import sys; sys.path.insert(0, {source!r})\n{program}"


def test_r6_the_clock_stands_still_in_these_tests(virtual_clock: VirtualClock) -> None:
    """SPEC X2: none of the tests above waits."""
    assert virtual_clock.sleeps == []
