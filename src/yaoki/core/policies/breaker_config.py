"""How a circuit breaker is configured: parameters, ranges, and where they come from (SPEC B1, B2, B8).

Equal configurations are one object, so a million breakers share one. `from_env` and `from_mapping` refuse what they do not
understand, and name the variable or key.
"""

from __future__ import annotations

import os
from _weakref import ref

from yaoki.core.faults.errors import ConfigurationError
from yaoki.core.parameters import condition, condition_text, duration, number, share, whole
from yaoki.core.windows import Burst, Calls, CallsWindow, Consecutive, Seconds, SecondsWindow, SlowCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yaoki.core.parameters import Condition
    from yaoki.core.windows import Window

__all__ = ["BreakerConfig", "breaker_config", "calls", "parameters_from_env", "parameters_from_mapping", "seconds"]


def calls(count: int) -> CallsWindow:
    """A window over the last `count` calls."""
    return CallsWindow(whole("calls(count)", count))


def seconds(length: float) -> SecondsWindow:
    """A window over the calls of the last `length` seconds."""
    return SecondsWindow(duration("seconds(length)", length))


WINDOW = calls(100)
"""The window of a breaker that is told none."""


class BreakerConfig:
    """The validated parameters of a circuit breaker. Immutable by convention, shared by all breakers with equal values."""

    __slots__ = (
        "__weakref__",
        "failure_on",
        "failure_rate",
        "failure_threshold",
        "failure_window",
        "half_open_max_calls",
        "half_open_success_rate",
        "half_open_timeout",
        "ignore",
        "minimum_calls",
        "name",
        "new_window",
        "open_timeout",
        "open_timeout_cap",
        "open_timeout_jitter",
        "open_timeout_multiplier",
        "slow_call_duration",
        "slow_call_rate",
        "success_threshold",
        "window",
    )

    name: str | None
    failure_threshold: int | None
    failure_window: float | None
    failure_rate: float | None
    window: CallsWindow | SecondsWindow
    minimum_calls: int
    slow_call_duration: float | None
    slow_call_rate: float | None
    open_timeout: float
    open_timeout_multiplier: float
    open_timeout_cap: float | None
    open_timeout_jitter: float
    half_open_max_calls: int
    half_open_timeout: float
    half_open_success_rate: float | None
    success_threshold: int
    failure_on: Condition | None
    ignore: Condition
    new_window: Callable[[], Window]

    def parameters(self) -> dict[str, object]:
        """The parameters that are set, as texts and numbers."""
        shown: dict[str, object] = {}
        for name in _PARAMETERS:
            value = getattr(self, name)
            if name in ("failure_on", "ignore"):
                value = condition_text(value) if value not in (None, ()) else None
            elif name == "window":
                value = repr(value) if self.failure_rate is not None else None
            elif name == "minimum_calls" and self.failure_rate is None:
                value = None
            if value is not None and name != "name":
                shown[name] = value
        return shown

    def open_for(self, opened_in_a_row: int, chance: float) -> float:
        """Seconds to stay open after opening for the n-th time in a row; `chance` is uniform in [0, 1)."""
        if self.open_timeout == 0.0:
            return 0.0
        try:
            length = self.open_timeout * self.open_timeout_multiplier ** (opened_in_a_row - 1)
        except OverflowError:
            length = _LONGEST
        if self.open_timeout_cap is not None:
            length = min(length, self.open_timeout_cap)
        length = min(length, _LONGEST)
        return length * (1.0 - self.open_timeout_jitter * chance)


_PARAMETERS = tuple(slot for slot in BreakerConfig.__slots__ if slot not in ("__weakref__", "new_window"))

_LONGEST = 3600.0 * 24 * 365

_interned: dict[tuple[object, ...], ref[BreakerConfig]] = {}


def intern(config: BreakerConfig, interned: dict[tuple[object, ...], ref[BreakerConfig]] = _interned) -> BreakerConfig:
    """The one object for all configurations equal to this one. It lives as long as a breaker uses it."""
    key = tuple(_compared(getattr(config, slot)) for slot in BreakerConfig.__slots__ if slot != "__weakref__")
    known = interned.get(key)
    same = None if known is None else known()
    if same is not None:
        return same

    def forget(gone: ref[BreakerConfig]) -> None:
        if interned.get(key) is gone:
            del interned[key]

    interned[key] = ref(config, forget)
    return config


def _compared(value: object) -> object:
    if isinstance(value, CallsWindow):
        return CallsWindow, value.count
    if isinstance(value, SecondsWindow):
        return SecondsWindow, value.length
    if isinstance(value, tuple):
        return tuple(map(id, value))
    # Types and predicates by identity: the table must not keep alive what they refer to, a breaker perhaps.
    return value if value is None or isinstance(value, (int, float, str)) else id(value)


def breaker_config(
    *,
    failure_threshold: int | None,
    failure_window: float | None,
    failure_rate: float | None,
    window: CallsWindow | SecondsWindow,
    minimum_calls: int,
    slow_call_duration: float | None,
    slow_call_rate: float | None,
    open_timeout: float,
    open_timeout_multiplier: float,
    open_timeout_cap: float | None,
    open_timeout_jitter: float,
    half_open_max_calls: int,
    half_open_timeout: float,
    success_threshold: int,
    half_open_success_rate: float | None,
    failure_on: Condition | None,
    ignore: Condition,
    name: str | None,
) -> BreakerConfig:
    """Check all parameters of a breaker, alone and against each other.

    Raises ConfigurationError with the parameter's name and range.
    """
    config = BreakerConfig()
    if not isinstance(window, (CallsWindow, SecondsWindow)):
        raise ConfigurationError(f"window must be calls(n) or seconds(s), not {window!r}")
    config.window = window
    config.minimum_calls = whole("minimum_calls", minimum_calls)
    by_rate = failure_rate is not None or slow_call_rate is not None
    if by_rate and (failure_threshold is not None or failure_window is not None):
        raise ConfigurationError(
            "failure_threshold and failure_window count failures since the last success, failure_rate and slow_call_rate "
            "a share of the calls in window: give the ones or the others"
        )
    if not by_rate and window is not WINDOW:
        raise ConfigurationError(
            "window is what failure_rate and slow_call_rate look at: give one of them, or failure_window for failures within a time"
        )
    if by_rate and isinstance(window, CallsWindow) and minimum_calls > window.count:
        raise ConfigurationError(
            f"minimum_calls must be at most the calls of window, or the circuit never opens: {minimum_calls} > {window.count}"
        )
    if (slow_call_duration is None) != (slow_call_rate is None):
        raise ConfigurationError("slow_call_duration and slow_call_rate belong together: give both or neither")
    config.slow_call_duration = None if slow_call_duration is None else duration("slow_call_duration", slow_call_duration)
    config.slow_call_rate = None if slow_call_rate is None else share("slow_call_rate", slow_call_rate)
    config.failure_rate = None if failure_rate is None else share("failure_rate", failure_rate)
    if config.slow_call_rate is not None and config.failure_rate is None:
        config.failure_rate = 0.5
    config.failure_threshold = (
        None if by_rate else whole("failure_threshold", 5 if failure_threshold is None else failure_threshold)
    )
    config.failure_window = None if failure_window is None else duration("failure_window", failure_window)
    config.open_timeout = duration("open_timeout", open_timeout, zero=True)
    config.open_timeout_multiplier = number("open_timeout_multiplier", open_timeout_multiplier)
    if not 1 <= config.open_timeout_multiplier < float("inf"):
        raise ConfigurationError(f"open_timeout_multiplier must be at least 1 and finite, not {open_timeout_multiplier!r}")
    config.open_timeout_cap = None if open_timeout_cap is None else duration("open_timeout_cap", open_timeout_cap)
    if config.open_timeout_cap is not None and config.open_timeout_cap < config.open_timeout:
        raise ConfigurationError("open_timeout_cap must be at least open_timeout")
    config.open_timeout_jitter = share("open_timeout_jitter", open_timeout_jitter, zero=True)
    config.half_open_max_calls = whole("half_open_max_calls", half_open_max_calls)
    config.half_open_timeout = duration("half_open_timeout", half_open_timeout, infinite=True)
    config.success_threshold = whole("success_threshold", success_threshold)
    config.half_open_success_rate = (
        None if half_open_success_rate is None else share("half_open_success_rate", half_open_success_rate)
    )
    config.failure_on = None if failure_on is None else condition("failure_on", failure_on)
    config.ignore = condition("ignore", ignore)
    if name is not None and not isinstance(name, str):
        raise ConfigurationError(f"name must be a string, not {name!r}")
    config.name = name
    config.new_window = _window_type(config)
    return intern(config)


def _window_type(config: BreakerConfig) -> Callable[[], Window]:
    if config.failure_rate is None:
        return Consecutive if config.failure_window is None else Burst
    if isinstance(config.window, SecondsWindow):
        return Seconds
    return Calls if config.slow_call_rate is None else SlowCalls


_ENVIRONMENT: tuple[tuple[str, str, type[int] | type[float], int | float], ...] = (
    ("FAILURE_THRESHOLD", "failure_threshold", int, 5),
    ("FAILURE_WINDOW_SECS", "failure_window", float, 5.0),
    ("OPEN_TIMEOUT_SECS", "open_timeout", float, 5.0),
    ("SUCCESS_THRESHOLD", "success_threshold", int, 2),
)


def parameters_from_env(environ: Mapping[str, str] | None = None, prefix: str = "CIRCUIT_") -> dict[str, object]:
    """The four parameters that the environment may set, with their defaults for what is unset (SPEC B8).

    Raises ConfigurationError naming the variable whose value is malformed or out of range.
    """
    environ = os.environ if environ is None else environ
    parameters: dict[str, object] = {}
    for suffix, parameter, convert, default in _ENVIRONMENT:
        variable = prefix + suffix
        text = environ.get(variable)
        if text is None:
            parameters[parameter] = default
            continue
        try:
            value = convert(text)
        except ValueError as error:
            expected = "a whole number" if convert is int else "a number of seconds"
            raise ConfigurationError(f"the environment variable {variable} must be {expected}, not {text!r}") from error
        if isinstance(value, int):
            parameters[parameter] = whole(f"the environment variable {variable}", value)
        else:
            parameters[parameter] = duration(f"the environment variable {variable}", value)
    return parameters


_FROM_MAPPING = frozenset(_PARAMETERS) - {"failure_on", "ignore"}


def parameters_from_mapping(mapping: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a mapping, a TOML table for instance; `window` is written as `{calls = 100}` or `{seconds = 30.0}`.

    Raises ConfigurationError naming the unknown key or the malformed window.
    """
    parameters = dict(mapping)
    for key in parameters:
        if key not in _FROM_MAPPING:
            raise ConfigurationError(f"a circuit breaker has no parameter {key!r}; it has {', '.join(sorted(_FROM_MAPPING))}")
    window = parameters.get("window")
    if window is not None and not isinstance(window, (CallsWindow, SecondsWindow)):
        match window:
            case {"calls": int(count), **rest} if not rest:
                parameters["window"] = calls(count)
            case {"seconds": int() | float() as length, **rest} if not rest:
                parameters["window"] = seconds(length)
            case _:
                raise ConfigurationError(f"window must be {{calls = n}} or {{seconds = s}}, not {window!r}")
    return parameters
