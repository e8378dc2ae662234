"""SPEC X2: the pytest plugin, run in test suites of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import hypothesis  # noqa: F401  # here and below: the inner suites share what is loaded, instead of loading it again
import pytest

import yaoki.testing
import yaoki.testing.event_loop
import yaoki.testing.pytest_plugin
import yaoki.testing.recording

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "yaoki.testing.pytest_plugin", "-p", "no:cacheprovider", "--assert=plain", "--strict-markers")
PYTEST_ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
ASYNC_PLUGINS = {
    "without pytest-asyncio": (),
    "strict": (*PYTEST_ASYNCIO, "-o", "asyncio_mode=strict"),
    "auto": (*PYTEST_ASYNCIO, "-o", "asyncio_mode=auto"),
}


class Suite:
    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        self.pytester = pytester
        self.arguments = arguments

    def run(self, source: str, **outcomes: int) -> pytest.RunResult:
        """Run the tests in `source` with warnings as errors, and compare the outcomes."""
        self.pytester.makepyfile(source)
        result = self.pytester.runpytest_inprocess(*PLUGIN, *self.arguments, "-W", "error")
        result.assert_outcomes(**outcomes)
        return result


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A test suite with no other plugin."""
    return Suite(pytester, monkeypatch, ())


@pytest.fixture(params=ASYNC_PLUGINS)
def any_suite(request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A test suite without pytest-asyncio, and with it in both modes."""
    return Suite(pytester, monkeypatch, ASYNC_PLUGINS[request.param])


def test_x2_marked_async_tests_run_in_virtual_time(any_suite: Suite) -> None:
    """SPEC X2: functions, methods and parametrized ones; no further plugin is needed, and none disturbs."""
    any_suite.run(
        """
        import asyncio, pytest
        from yaoki.core.clock import clock
        from yaoki.testing import VirtualEventLoop

        @pytest.mark.virtual_time
        async def test_function():
            assert type(asyncio.get_running_loop()) is VirtualEventLoop
            await asyncio.sleep(86_400.0)
            assert clock.now() == 86_400.0

        @pytest.mark.virtual_time
        @pytest.mark.parametrize("seconds", [1.0, 2.0])
        async def test_parametrized(seconds):
            await asyncio.sleep(seconds)
            assert clock.now() == seconds

        @pytest.mark.virtual_time
        class TestMethods:
            async def test_method(self, tmp_path):
                await asyncio.sleep(3600.0)
                assert clock.now() == 3600.0
                assert tmp_path.is_dir()

            @staticmethod
            async def test_static():
                await asyncio.sleep(3600.0)
                assert clock.now() == 3600.0
        """,
        passed=5,
    )


def test_x2_marked_sync_tests_run_in_virtual_time(suite: Suite) -> None:
    """SPEC X2: the marker works for ordinary tests too."""
    suite.run(
        """
        import pytest
        from yaoki.core.clock import clock

        @pytest.mark.virtual_time
        def test_it():
            clock.sleep(3600.0)
            assert clock.now() == 3600.0
        """,
        passed=1,
    )


def test_x2_unmarked_tests_are_left_alone(suite: Suite) -> None:
    """SPEC X2: without marker and fixture time is real."""
    suite.run(
        """
        from yaoki.testing import VirtualClock

        def test_it():
            assert VirtualClock.installed() is None
        """,
        passed=1,
    )


def test_x2_failures_and_deadlocks_are_failures(any_suite: Suite) -> None:
    """SPEC X2: a failing assertion is shown at its line, a deadlock with the tasks that wait; neither leaves virtual time."""
    result = any_suite.run(
        """
        import asyncio, pytest
        from yaoki.testing import VirtualClock

        @pytest.mark.virtual_time(patience=0.01)
        async def test_deadlock():
            await asyncio.Event().wait()

        @pytest.mark.virtual_time
        async def test_assertion():
            await asyncio.sleep(1.0)
            assert False, "seen"

        def test_afterwards():
            assert VirtualClock.installed() is None
        """,
        passed=1,
        failed=2,
    )
    result.stdout.fnmatch_lines_random(["*(test_deadlock) at *waits for asyncio's Event.wait*", "E*AssertionError: seen"])


def test_x2_the_fixture_is_the_clock_of_the_test(any_suite: Suite) -> None:
    """SPEC X2: `virtual_clock` gives the clock in use, with the marker's options, in both kinds of tests."""
    any_suite.run(
        """
        import asyncio, pytest
        from yaoki.core.clock import clock

        def test_alone(virtual_clock):
            clock.sleep(5.0)
            assert (virtual_clock.time, virtual_clock.sleeps) == (5.0, [5.0])

        @pytest.mark.virtual_time(start=100.0, wall_start=0.0)
        async def test_with_options(virtual_clock):
            await asyncio.sleep(5.0)
            assert (virtual_clock.time, clock.wall(), virtual_clock.sleeps) == (105.0, 5.0, [5.0])
        """,
        passed=2,
    )


def test_x2_bad_options_are_refused(suite: Suite) -> None:
    """SPEC X2: a misspelt or wrong option is an error of that test, by name."""
    result = suite.run(
        """
        import pytest

        @pytest.mark.virtual_time(strat=5.0)
        def test_misspelt(): ...

        @pytest.mark.virtual_time(patience=-1.0)
        def test_out_of_range(): ...
        """,
        errors=2,
    )
    result.stdout.fnmatch_lines_random(["*unexpected keyword argument 'strat'*", "*patience must be *"])


def test_x2_function_fixtures_live_in_virtual_time_and_wider_ones_do_not(suite: Suite) -> None:
    """SPEC X2: a breaker made by a fixture reads the test's clock; a server of the session starts in real time."""
    suite.run(
        """
        import pytest
        from yaoki.testing import VirtualClock

        @pytest.fixture(scope="module")
        def module_clock():
            return VirtualClock.installed()

        @pytest.fixture
        def function_clock():
            return VirtualClock.installed()

        @pytest.fixture(autouse=True)
        def autouse_clock():
            return VirtualClock.installed()

        @pytest.mark.virtual_time
        async def test_marked(function_clock, autouse_clock, module_clock, virtual_clock):
            assert module_clock is None
            assert function_clock is autouse_clock is virtual_clock

        @pytest.mark.parametrize("marked", [pytest.param(True, marks=pytest.mark.virtual_time), False])
        def test_half_marked(marked, function_clock):
            assert (function_clock is not None) is marked
        """,
        passed=3,
    )


def test_x2_records_events(suite: Suite) -> None:
    """SPEC X2: `yaoki_events` holds what was sent during the test."""
    suite.run(
        """
        from yaoki.core import events

        EVENT = events.HedgeStarted(pipeline=None, key=None, number=1, delay=0.1)

        def test_first(yaoki_events):
            events.emit(EVENT)
            assert yaoki_events == [EVENT]

        def test_second(yaoki_events):
            assert yaoki_events == []
        """,
        passed=2,
    )


def test_x2_every_hypothesis_example_has_a_clock_of_its_own(any_suite: Suite) -> None:
    """SPEC X2: async or not, each example starts at the beginning of time."""
    any_suite.run(
        """
        import asyncio, pytest
        from hypothesis import given, settings, strategies as st
        from yaoki.core.clock import clock

        @pytest.mark.virtual_time(start=1.0)
        @settings(max_examples=10, database=None)
        @given(seconds=st.floats(0.5, 10.0))
        async def test_async(seconds):
            await asyncio.sleep(seconds)
            assert clock.now() == 1.0 + seconds

        @pytest.mark.virtual_time(start=1.0)
        @pytest.mark.parametrize("factor", [1.0, 2.0])
        @settings(max_examples=10, database=None)
        @given(seconds=st.floats(0.5, 10.0))
        def test_sync(factor, seconds):
            clock.sleep(factor * seconds)
            assert clock.now() == 1.0 + factor * seconds
        """,
        passed=3,
    )


def test_x2_examples_share_the_clock_that_the_test_asks_for(suite: Suite) -> None:
    """SPEC X2: with `virtual_clock` among the parameters, time goes on from example to example."""
    suite.run(
        """
        import asyncio, pytest
        from hypothesis import HealthCheck, given, settings, strategies as st

        @pytest.mark.virtual_time
        @settings(max_examples=10, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(seconds=st.floats(0.5, 10.0))
        async def test_async(virtual_clock, seconds):
            before = virtual_clock.time
            await asyncio.sleep(seconds)
            assert virtual_clock.time == before + seconds
            assert len(virtual_clock.sleeps) == 1 or before > 0.0
        """,
        passed=1,
    )


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_x2_other_async_tests_stay_with_their_plugin(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """SPEC X2: beside marked tests, pytest-asyncio runs its own in real time, in both modes."""
    Suite(pytester, monkeypatch, ASYNC_PLUGINS[mode]).run(
        """
        import asyncio, pytest
        from yaoki.testing import VirtualClock, VirtualEventLoop

        @pytest.mark.virtual_time
        async def test_virtual():
            assert type(asyncio.get_running_loop()) is VirtualEventLoop

        @pytest.mark.asyncio
        async def test_real():
            assert type(asyncio.get_running_loop()) is not VirtualEventLoop
            assert VirtualClock.installed() is None
        """,
        passed=2,
    )


def test_x2_the_marker_and_the_fixtures_are_documented(suite: Suite) -> None:
    """SPEC X2: `pytest --markers` and `--fixtures` say what there is."""
    markers = suite.pytester.runpytest_inprocess(*PLUGIN, "--markers")
    fixtures = suite.pytester.runpytest_inprocess(*PLUGIN, "--fixtures")

    markers.stdout.fnmatch_lines(["@pytest.mark.virtual_time(start=0.0, *"])
    fixtures.stdout.fnmatch_lines_random(["virtual_clock *", "yaoki_events *"])


def test_x2_the_tests_in_the_guide_pass(any_suite: Suite) -> None:
    """SPEC X2: what the guide shows as tests are tests that pass."""
    guide = Path(__file__).parents[3] / "docs" / "guide" / "testing.md"
    blocks = re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    any_suite.run("\n".join(blocks), passed=3)


def test_x2_loading_the_plugin_loads_nothing_else() -> None:
    """SPEC X2: neither asyncio nor the rest of Yaoki, so that start-up stays quick and coverage sees every import."""
    code = (
        "import sys, pytest; before = set(sys.modules); import yaoki.testing.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert set(loaded) <= {"yaoki", "yaoki.testing", "yaoki.testing.pytest_plugin"}


def test_x2_the_room_loads_its_names_when_they_are_used() -> None:
    """SPEC X2: every public name is there, none is loaded before."""
    code = (
        "import sys, yaoki.testing as room; assert not any(name.startswith('yaoki.testing.') for name in sys.modules);"
        "assert set(room.__all__) <= set(dir(room)); print(*(getattr(room, name).__name__ for name in room.__all__))"
    )
    names = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert names == yaoki.testing.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        yaoki.testing.nothing  # type: ignore[attr-defined]  # noqa: B018  # the point
