"""The health of each key: what the circuit counts, and what only the events tell (SPEC H1)."""

from __future__ import annotations

import gc
import json
import weakref

import pytest

from yaoki import CircuitBreaker, ConfigurationError, HealthTracker, Pipeline, Retry, constant, events
from yaoki.testing import VirtualClock


def fails() -> None:
    raise ConnectionResetError("gone")


def pipeline(name: str | None = "peers") -> Pipeline:
    return Pipeline(Retry(2, constant(0), budget=None), CircuitBreaker(failure_threshold=4, open_timeout=10.0), name=name)


def test_h1_a_record_tells_all_that_is_known_of_a_key() -> None:
    """SPEC H1: state, streaks, totals, last failure with time and error, opened at, retry attempt."""
    peers = pipeline().keyed()
    tracker = HealthTracker(peers)

    with VirtualClock(wall_start=1000.0) as clock:
        peers["p1"].call(str)
        clock.advance(5.0)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                peers["p1"].call(fails)
        with pytest.raises(Exception, match="is open"):
            peers["p1"].call(str)
        clock.advance(1.0)
        record = tracker.read("p1")

    assert record is not None
    assert record["circuit_state"] == "open"
    assert record["consecutive_failures"] == 4
    assert record["consecutive_successes"] == 0
    assert (record["total_successes"], record["total_failures"], record["total_rejected"]) == (1, 4, 1)
    assert record["opened_at"] == record["last_failure_at"] == 1005.0
    assert record["retry_after"] == 9.0
    assert record["retry_attempt"] == 2
    assert record["last_failure"]["error_type"] == "ConnectionResetError"  # type: ignore[index]  # a mapping
    assert json.loads(json.dumps(record)) == record


def test_h1_all_keys_are_read_at_once_and_unknown_ones_are_none() -> None:
    """SPEC H1: read one, read all; reading makes no key."""
    peers = pipeline().keyed()
    tracker = HealthTracker(peers)
    peers["p1"].call(str)
    peers["p2"].call(str)

    assert list(tracker.read_all()) == ["p1", "p2"]
    assert tracker.read("p3") is None
    assert "p3" not in peers


def test_h1_one_key_is_reset_and_the_others_stay() -> None:
    """SPEC H1: reset closes the circuit, counts anew and forgets the last failure."""
    peers = pipeline().keyed()
    tracker = HealthTracker(peers)
    for key in ("p1", "p2"):
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                peers[key].call(fails)

    assert tracker.reset("p1")
    one, other = tracker.read("p1"), tracker.read("p2")

    assert one is not None
    assert other is not None
    assert (one["circuit_state"], one["consecutive_failures"], one["last_failure"]) == ("closed", 0, None)
    assert other["circuit_state"] == "open"
    assert not tracker.reset("p3")


def test_h1_a_pipeline_without_keys_has_one_record() -> None:
    """SPEC H1: under the key None."""
    search = pipeline("search")
    tracker = HealthTracker(search)
    with pytest.raises(ConnectionResetError):
        search.call(fails)

    assert tracker.read() == tracker.read_all()[None]
    assert tracker.read("any") is None


def test_h1_pipelines_do_not_hear_each_others_failures() -> None:
    """SPEC H1: a failure belongs to the pipeline that had it."""
    search, store = pipeline("search"), pipeline("store")
    tracker = HealthTracker(store)
    with pytest.raises(ConnectionResetError):
        search.call(fails)

    record = tracker.read()

    assert record is not None
    assert record["last_failure"] is None


def test_h1_a_key_that_was_dropped_is_forgotten() -> None:
    """SPEC H1, B7: what is remembered is bounded by what the pipeline keeps."""
    peers = Pipeline(Retry(1), name="many").keyed(max_keys=10)
    tracker = HealthTracker(peers)
    for key in range(1000):
        with pytest.raises(ConnectionResetError):
            peers[key].call(fails)

    assert len(tracker.read_all()) <= 10
    assert len(tracker._last) <= 200


def test_h1_a_pipeline_without_a_name_is_refused() -> None:
    """SPEC H1: its events could not be told from others'."""
    with pytest.raises(ConfigurationError, match="a pipeline with a name"):
        HealthTracker(pipeline(None))
    with pytest.raises(ConfigurationError, match="source"):
        HealthTracker("search")  # type: ignore[arg-type]  # what is refused


def test_h1_a_tracker_that_nobody_refers_to_stops_listening() -> None:
    """SPEC H1: listening does not keep it alive."""
    search = pipeline("search")
    others = set(events.listeners)
    tracker = HealthTracker(search)
    added = set(events.listeners) - others
    reference = weakref.ref(tracker)
    del tracker
    gc.collect()

    assert reference() is None
    with pytest.raises(ConnectionResetError):
        search.call(fails)
    assert added
    assert not added & set(events.listeners)


def test_h1_a_closed_tracker_hears_nothing_more() -> None:
    """SPEC H1: what was heard can still be read."""
    search = pipeline("search")
    tracker = HealthTracker(search)
    with pytest.raises(ConnectionResetError):
        search.call(fails)
    first = tracker.read()
    tracker.close()
    with VirtualClock(wall_start=5.0), pytest.raises(ConnectionResetError):
        search.call(fails)
    second = tracker.read()

    assert first is not None
    assert second is not None
    assert second["last_failure_at"] == first["last_failure_at"]
