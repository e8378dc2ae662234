"""SPEC H1, O6: named pipelines are found for as long as somebody else holds them."""

from __future__ import annotations

import gc
import threading
import weakref

from yaoki import CircuitBreaker, Pipeline, Retry, Timeout, pipelines


def found(prefix: str) -> list[str | None]:
    """The names of the pipelines that a test has made, in order."""
    return [pipeline.name for pipeline in pipelines() if (pipeline.name or "").startswith(prefix)]


def test_named_pipelines_are_found_in_the_order_in_which_they_were_made() -> None:
    """SPEC H1: all of them, for who shows or checks them."""
    made = [Pipeline(Timeout(1.0), name=f"order {number}") for number in (3, 1, 2)]

    assert found("order ") == ["order 3", "order 1", "order 2"]
    assert [pipeline for pipeline in pipelines() if pipeline in made] == made


def test_two_may_have_one_name() -> None:
    """SPEC H1: a name is a label; whoever needs one of a kind sees both."""
    first, second = Pipeline(Timeout(1.0), name="same"), Pipeline(Retry(), name="same")

    assert [pipeline for pipeline in pipelines() if pipeline.name == "same"] == [first, second]


def test_without_a_name_nobody_finds_it() -> None:
    """SPEC H1: nameless ones are private."""
    nameless = Pipeline(Timeout(1.0))

    assert nameless not in pipelines()


def test_the_registry_keeps_nothing_alive() -> None:
    """SPEC H1: a dropped pipeline is gone at once, its policies too."""
    breaker = CircuitBreaker()
    pipeline = Pipeline(Timeout(1.0), breaker, name="dropped pipeline")
    pipeline.call(abs, -1)
    references = [weakref.ref(pipeline), weakref.ref(breaker)]
    gc.disable()
    try:
        del pipeline, breaker
        alive = [reference() for reference in references]
    finally:
        gc.enable()

    assert alive == [None, None]
    assert found("dropped ") == []


def test_a_guarded_function_keeps_its_policies_not_the_pipeline() -> None:
    """SPEC H1: the function goes on working."""
    breaker = CircuitBreaker()
    guarded = Pipeline(breaker, name="only decorates")(abs)

    assert guarded(-1) == 1
    assert breaker.snapshot()["successes"] == 1


def test_pipelines_may_come_and_go_in_threads() -> None:
    """SPEC B3: while others look."""
    failures: list[BaseException] = []
    stop = threading.Event()

    def make() -> None:
        try:
            for number in range(300):
                Pipeline(Timeout(1.0), name=f"thread {number}")
        except BaseException as error:  # noqa: BLE001  # told in the test's own thread
            failures.append(error)

    def look() -> None:
        try:
            while not stop.is_set():
                assert all(pipeline.name for pipeline in pipelines())
        except BaseException as error:  # noqa: BLE001  # told in the test's own thread
            failures.append(error)

    makers = [threading.Thread(target=make) for _ in range(4)]
    looker = threading.Thread(target=look)
    for thread in (looker, *makers):
        thread.start()
    for thread in makers:
        thread.join()
    stop.set()
    looker.join()

    assert failures == []
    assert found("thread ") == []
