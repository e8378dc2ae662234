"""SPEC B8: parameters from code, from a mapping and from the environment, and what is refused."""

from __future__ import annotations

import gc
import json
import math
import tomllib
import weakref

import pytest

from tests.unit.policies.circuits import Circuit
from yaoki import CircuitBreaker, ConfigurationError, Pipeline, calls, seconds
from yaoki.testing import Script, VirtualClock

NAN, INF = math.nan, math.inf


# --- what is refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(("failure_threshold", value) for value in (0, -1, 2.0, "5", True)),
        *(("failure_window", value) for value in (0.0, -1.0, NAN, INF, "5")),
        *(("failure_rate", value) for value in (0.0, -0.1, 1.01, 50, NAN, "half", True)),
        *(("window", value) for value in (100, None, "100")),
        *(("minimum_calls", value) for value in (0, 1.5)),
        *(("open_timeout", value) for value in (-1.0, NAN, INF, "30", None)),
        *(("open_timeout_multiplier", value) for value in (0.9, 0.0, NAN, INF)),
        *(("open_timeout_cap", value) for value in (0.0, -1.0, NAN, INF, 29.0)),
        *(("open_timeout_jitter", value) for value in (-0.1, 1.1, NAN)),
        *(("half_open_max_calls", value) for value in (0, -1, 1.0)),
        *(("half_open_timeout", value) for value in (0.0, -1.0, NAN)),
        *(("success_threshold", value) for value in (0, 1.0)),
        *(("half_open_success_rate", value) for value in (0.0, 1.1, NAN)),
        *(("failure_on", value) for value in ("ValueError", 5, int, (ValueError, int))),
        *(("ignore", value) for value in (None, "ValueError", int, (ValueError, "KeyError"))),
        ("name", 5),
    ],
)
def test_b8_a_value_out_of_range_is_refused_by_name(parameter: str, value: object) -> None:
    """SPEC B8: at construction, with the parameter's name."""
    with pytest.raises(ConfigurationError, match=parameter):
        CircuitBreaker(**{parameter: value})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(("parameter", "value"), [("slow_call_duration", 0.0), ("slow_call_rate", 2.0)])
def test_b8_a_slow_call_parameter_out_of_range_is_refused(parameter: str, value: float) -> None:
    """SPEC B8: the same for those that come in a pair."""
    with pytest.raises(ConfigurationError, match=parameter):
        CircuitBreaker(**{"slow_call_duration": 1.0, "slow_call_rate": 0.5, parameter: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"failure_rate": 0.5, "failure_threshold": 5}, "failure_threshold"),
        ({"failure_rate": 0.5, "failure_window": 5.0}, "failure_window"),
        ({"slow_call_rate": 0.5}, "slow_call_duration"),
        ({"slow_call_duration": 1.0}, "slow_call_rate"),
        ({"failure_rate": 0.5, "window": calls(5), "minimum_calls": 6}, "minimum_calls"),
        ({"window": seconds(10.0)}, "failure_window"),
        ({"failure_threshold": 5, "window": calls(10)}, "window"),
    ],
)
def test_b8_parameters_that_contradict_each_other_are_refused(parameters: dict[str, object], named: str) -> None:
    """SPEC B8: a breaker that could never open, or would ignore what it was told, is not made."""
    with pytest.raises(ConfigurationError, match=named):
        CircuitBreaker(**parameters)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("make", "value"),
    [*((calls, value) for value in (0, -1, 1.5, True)), *((seconds, value) for value in (0.0, -1.0, NAN, INF, True))],
)
def test_b8_a_window_of_no_size_is_refused(make: object, value: object) -> None:
    """SPEC B8: calls(n) and seconds(s) check themselves."""
    with pytest.raises(ConfigurationError, match=r"calls\(count\)|seconds\(length\)"):
        make(value)  # type: ignore[operator]  # a factory


# --- what is taken ------------------------------------------------------------------------------------------------------------


def test_b8_the_defaults() -> None:
    """SPEC B8: five failures in a row, open for 30 s, one trial of at most 30 s, one success."""
    config = CircuitBreaker().config

    assert (config.failure_threshold, config.failure_window, config.failure_rate) == (5, None, None)
    assert (config.open_timeout, config.open_timeout_multiplier, config.open_timeout_jitter) == (30.0, 1.0, 0.0)
    assert (config.half_open_max_calls, config.half_open_timeout, config.success_threshold) == (1, 30.0, 1)


def test_b8_slow_calls_alone_come_with_a_failure_rate_of_a_half() -> None:
    """SPEC B1, B8: a breaker that counts slow calls has a window, and judges failures by it as well."""
    config = CircuitBreaker(slow_call_duration=1.0, slow_call_rate=0.5).config

    assert (config.failure_rate, config.failure_threshold) == (0.5, None)


def test_b8_whole_seconds_are_seconds() -> None:
    """SPEC B8: an int is as good as a float."""
    assert CircuitBreaker(open_timeout=5, failure_window=3).config.open_timeout == 5.0


def test_b8_the_description_is_ready_for_json() -> None:
    """SPEC B8: what is set, as numbers and texts."""
    breaker = CircuitBreaker(
        failure_rate=0.5, window=seconds(30.0), ignore=(KeyError, ValueError), failure_on=OSError, open_timeout_cap=60.0
    )

    assert json.loads(json.dumps(breaker.configuration())) == {
        "failure_on": "OSError",
        "failure_rate": 0.5,
        "half_open_max_calls": 1,
        "half_open_timeout": 30.0,
        "ignore": "KeyError, ValueError",
        "minimum_calls": 10,
        "open_timeout": 30.0,
        "open_timeout_cap": 60.0,
        "open_timeout_jitter": 0.0,
        "open_timeout_multiplier": 1.0,
        "success_threshold": 1,
        "window": "seconds(30)",
    }


# --- equal configurations are one ---------------------------------------------------------------------------------------------


def test_b7_equal_configurations_are_one_object() -> None:
    """SPEC B7: a million breakers with the same parameters share them."""
    parameters = {"failure_rate": 0.5, "window": seconds(30.0), "ignore": (KeyError,), "name": "search"}
    one, other = CircuitBreaker(**parameters), CircuitBreaker(**parameters)  # type: ignore[arg-type]

    assert one.config is other.config
    assert one.config is not CircuitBreaker(failure_rate=0.5, window=seconds(30.0), ignore=(KeyError,)).config


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (seconds(10.0), seconds(10.0000001)),
        (seconds(100_000.5), seconds(100_000.25)),
        (seconds(10.0), calls(10)),
        (calls(1_000_000), calls(1_000_001)),
    ],
)
def test_b7_windows_that_differ_a_little_are_not_one(one: object, other: object) -> None:
    """SPEC B7: sharing never gives a breaker somebody else's window."""
    first, second = (CircuitBreaker(failure_rate=0.5, window=window) for window in (one, other))  # type: ignore[arg-type]

    assert first.config is not second.config
    assert (first.config.window, second.config.window) == (one, other)


def test_b7_conditions_are_compared_by_identity() -> None:
    """SPEC B7: two predicates that call themselves equal are two predicates."""

    class Always:
        def __init__(self, answer: bool) -> None:
            self.answer = answer

        def __call__(self, error: BaseException) -> bool:
            return self.answer

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Always)

        def __hash__(self) -> int:
            return 1

    yes, no = CircuitBreaker(failure_on=Always(True)), CircuitBreaker(failure_on=Always(False))

    assert yes.config.failure_on is not no.config.failure_on


def test_b7_a_configuration_is_gone_with_its_last_breaker() -> None:
    """SPEC B7: predicates may refer to much, the breaker among it; nothing keeps them when nobody uses them any more."""

    class Client:
        def __init__(self) -> None:
            self.breaker = CircuitBreaker(failure_on=self.is_down, name="client")
            self.guarded = Pipeline(self.breaker)(self.send)

        def is_down(self, error: BaseException) -> bool:
            return isinstance(error, ConnectionError)

        def send(self) -> str:
            return "sent"

    client = Client()
    assert client.guarded() == "sent"
    gone = weakref.ref(client)
    del client
    gc.collect()

    assert gone() is None


# --- from the environment -----------------------------------------------------------------------------------------------------


def test_b8_unset_variables_have_the_defaults_of_the_seed() -> None:
    """SPEC B8: 5 failures in 5 s, open for 5 s, 2 successes."""
    config = CircuitBreaker.from_env({}).config

    assert (config.failure_threshold, config.failure_window, config.open_timeout, config.success_threshold) == (5, 5.0, 5.0, 2)


def test_b8_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC B8: all four variables, of the process unless a mapping is given."""
    monkeypatch.setenv("CIRCUIT_FAILURE_THRESHOLD", "7")
    monkeypatch.setenv("CIRCUIT_FAILURE_WINDOW_SECS", "2.5")
    monkeypatch.setenv("CIRCUIT_OPEN_TIMEOUT_SECS", "15")
    monkeypatch.setenv("CIRCUIT_SUCCESS_THRESHOLD", "3")

    config = CircuitBreaker.from_env().config

    assert (config.failure_threshold, config.failure_window, config.open_timeout, config.success_threshold) == (7, 2.5, 15.0, 3)


def test_b8_the_plain_constructor_never_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC B8: only who asks for the environment gets it."""
    monkeypatch.setenv("CIRCUIT_FAILURE_THRESHOLD", "7")

    assert CircuitBreaker().config.failure_threshold == 5


def test_b8_a_prefix_tells_dependencies_apart() -> None:
    """SPEC B8: each dependency may have variables of its own."""
    environ = {"SEARCH_FAILURE_THRESHOLD": "9", "CIRCUIT_FAILURE_THRESHOLD": "7"}

    assert CircuitBreaker.from_env(environ, prefix="SEARCH_").config.failure_threshold == 9


def test_b8_further_parameters_come_from_code() -> None:
    """SPEC B8: what the environment cannot say, a type or a predicate for instance, stands beside it; and code goes first."""
    environ = {"CIRCUIT_FAILURE_THRESHOLD": "7", "CIRCUIT_OPEN_TIMEOUT_SECS": "15"}

    config = CircuitBreaker.from_env(environ, ignore=KeyError, failure_on=OSError, name="search", open_timeout=60.0).config

    assert (config.failure_threshold, config.ignore, config.failure_on, config.name) == (7, KeyError, OSError, "search")
    assert config.open_timeout == 60.0


@pytest.mark.parametrize("text", ["", "five", "5.0", "0", "-1", "1e3", "0x5"])
@pytest.mark.parametrize("variable", ["CIRCUIT_FAILURE_THRESHOLD", "CIRCUIT_SUCCESS_THRESHOLD"])
def test_b8_a_malformed_count_names_its_variable(variable: str, text: str) -> None:
    """SPEC B8: an error, not a silent default."""
    with pytest.raises(ConfigurationError, match=variable):
        CircuitBreaker.from_env({variable: text})


@pytest.mark.parametrize("text", ["", "soon", "5s", "-1", "nan", "inf", "1e999"])
@pytest.mark.parametrize("variable", ["CIRCUIT_FAILURE_WINDOW_SECS", "CIRCUIT_OPEN_TIMEOUT_SECS"])
def test_b8_a_malformed_duration_names_its_variable(variable: str, text: str) -> None:
    """SPEC B8: the same for seconds."""
    with pytest.raises(ConfigurationError, match=variable):
        CircuitBreaker.from_env({variable: text})


def test_b8_a_breaker_from_the_environment_works(virtual_clock: VirtualClock) -> None:
    """SPEC B8: it opens, waits and closes by what the environment says."""
    breaker = CircuitBreaker.from_env({"CIRCUIT_FAILURE_THRESHOLD": "2", "CIRCUIT_OPEN_TIMEOUT_SECS": "3"})
    pipeline = Pipeline(breaker)

    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            pipeline.call(Script(ConnectionResetError))
    assert breaker.state == "open"
    virtual_clock.advance(3.0)
    for state in ("half_open", "closed"):
        pipeline.call(Script("found"))
        assert breaker.state == state


# --- from a mapping -----------------------------------------------------------------------------------------------------------


def test_b8_from_toml() -> None:
    """SPEC B8: every parameter that can be written down, with both kinds of window."""
    document = tomllib.loads("""
        [by_rate]
        name = "search"
        failure_rate = 0.5
        window = {seconds = 30}
        minimum_calls = 20
        slow_call_duration = 2.0
        slow_call_rate = 0.8
        open_timeout = 10
        open_timeout_multiplier = 2
        open_timeout_cap = 60
        open_timeout_jitter = 0.1
        half_open_max_calls = 3
        half_open_timeout = 5
        half_open_success_rate = 0.6

        [by_count]
        failure_threshold = 3
        failure_window = 2.5
        success_threshold = 2

        [by_calls]
        failure_rate = 0.1
        window = {calls = 30}
    """)

    by_rate = CircuitBreaker.from_mapping(document["by_rate"]).config
    by_count = CircuitBreaker.from_mapping(document["by_count"]).config
    by_calls = CircuitBreaker.from_mapping(document["by_calls"]).config

    assert (by_rate.name, by_rate.failure_rate, repr(by_rate.window), by_rate.minimum_calls) == (
        "search",
        0.5,
        "seconds(30)",
        20,
    )
    assert (by_rate.slow_call_duration, by_rate.slow_call_rate, by_rate.open_timeout) == (2.0, 0.8, 10.0)
    assert (by_rate.open_timeout_multiplier, by_rate.open_timeout_cap, by_rate.open_timeout_jitter) == (2.0, 60.0, 0.1)
    assert (by_rate.half_open_max_calls, by_rate.half_open_timeout, by_rate.half_open_success_rate) == (3, 5.0, 0.6)
    assert (by_count.failure_threshold, by_count.failure_window, by_count.success_threshold) == (3, 2.5, 2)
    assert repr(by_calls.window) == "calls(30)"


@pytest.mark.parametrize("key", ["failure_treshold", "failure_on", "ignore", "new_window", "__weakref__"])
def test_b8_an_unknown_key_is_refused_by_name(key: str) -> None:
    """SPEC B8: a misspelt parameter is an error; so is what cannot be written down."""
    with pytest.raises(ConfigurationError, match=key):
        CircuitBreaker.from_mapping({key: 5})


@pytest.mark.parametrize(
    "window",
    [
        5,
        "calls(5)",
        {},
        {"calls": 5, "seconds": 5.0},
        {"call": 5},
        {"calls": 5.0},
        {"calls": 0},
        {"seconds": "5"},
        {"calls": True},
    ],
)
def test_b8_a_malformed_window_is_refused(window: object) -> None:
    """SPEC B8: `{calls = n}` or `{seconds = s}`, nothing else."""
    with pytest.raises(ConfigurationError, match=r"window|calls\(count\)"):
        CircuitBreaker.from_mapping({"failure_rate": 0.5, "window": window})


def test_b8_a_wrong_value_in_a_mapping_is_refused_by_name() -> None:
    """SPEC B8: as in the constructor."""
    with pytest.raises(ConfigurationError, match="half_open_max_calls"):
        CircuitBreaker.from_mapping({"half_open_max_calls": 0})


def test_b8_the_mapping_is_not_changed() -> None:
    """SPEC B8: the same table serves again."""
    table = {"failure_rate": 0.5, "window": {"calls": 30}}

    assert CircuitBreaker.from_mapping(table).config is CircuitBreaker.from_mapping(table).config
    assert table == {"failure_rate": 0.5, "window": {"calls": 30}}


def test_b8_an_infinite_half_open_timeout_waits_for_the_trial(virtual_clock: VirtualClock) -> None:
    """SPEC B2, B8: the explicit word for a trial that may take as long as it likes; the refusal then tells no time."""
    circuit = Circuit(failure_threshold=1, open_timeout=1.0, half_open_timeout=INF)
    circuit.fail()
    virtual_clock.advance(1.0)

    def trial() -> float | None:
        virtual_clock.advance(1e6)
        return circuit.refusal().retry_after

    assert circuit.pipeline.call(trial) is None
    assert circuit.state == "closed"
