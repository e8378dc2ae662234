"""Bad input is refused with the name of what is wrong (SPEC O5)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from yaoki import ConfigurationError
from yaoki.chaos.faults import (
    PASS,
    Corrupt,
    Delay,
    Drip,
    Fault,
    Garbage,
    Hang,
    Partition,
    Refuse,
    Reset,
    Status,
    Truncate,
    fault_from_dict,
    kinds,
)
from yaoki.chaos.proxy import FaultProxy

BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: Delay(-1), "seconds"),
    (lambda: Delay(float("nan")), "seconds"),
    (lambda: Delay(1, jitter=float("inf")), "jitter"),
    (lambda: Drip(0), "bytes_per_second"),
    (lambda: Drip(float("inf")), "bytes_per_second"),
    (lambda: Reset(-1), "after"),
    (lambda: Corrupt(0), "share"),
    (lambda: Truncate(-1), "bytes"),
    (lambda: Garbage(0), "size"),
    (lambda: Garbage(70000), "size"),
    (lambda: Status(100), "code"),
    (lambda: Status(600), "code"),
    (lambda: Status(True), "code"),
    (lambda: Status(200, {"A": "b\r\nC: d"}), "headers"),
    (lambda: Status(200, {"Content-Length": "5"}), "Content-Length"),
    (lambda: Status(200, "AB"), "headers"),  # type: ignore[arg-type]
    (lambda: Status(204, body="text"), "body"),
    (lambda: Status(200, body=5), "body"),  # type: ignore[arg-type]
    (lambda: FaultProxy("", 80), "upstream_host"),
    (lambda: FaultProxy("127.0.0.1", 0), "upstream_port"),
    (lambda: FaultProxy("127.0.0.1", 70000), "upstream_port"),
    (lambda: FaultProxy("127.0.0.1", 80, listen_port=-1), "listen_port"),
    (lambda: FaultProxy("127.0.0.1", 80).set("hang"), "fault"),  # type: ignore[arg-type]
    (lambda: FaultProxy("127.0.0.1", 80).set(Fault()), "fault"),
    (lambda: FaultProxy("127.0.0.1", 80).set(Hang(), rate=0), "rate"),
    (lambda: FaultProxy("127.0.0.1", 80).set(Hang(), rate=1.1), "rate"),
    (lambda: FaultProxy("127.0.0.1", 80).set(Refuse(), rate=0.5), "rate"),
    (lambda: FaultProxy("127.0.0.1", 80).set(Hang(), seed=-1), "seed"),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_o5_a_figure_out_of_range_is_refused(make: Callable[[], object], named: str) -> None:
    """SPEC O5: the message names it."""
    with pytest.raises(ConfigurationError, match=named):
        make()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({}, "fault must be one of pass, delay"),
        ({"fault": "flood"}, "flood"),
        ({"fault": ["hang"]}, "hang"),
        ({"fault": "delay"}, "delay needs jitter, seconds"),
        ({"fault": "delay", "seconds": "1"}, "seconds"),
        ({"fault": "hang", "seconds": 1}, "seconds is no figure of hang"),
    ],
)
def test_o5_a_description_that_is_wrong_is_refused(data: dict[str, Any], named: str) -> None:
    """SPEC O5: the message names it."""
    with pytest.raises(ConfigurationError, match=named):
        fault_from_dict(data)


def test_o5_every_fault_comes_back_from_json() -> None:
    """SPEC O5: JSON holds all there is to know."""
    faults = [
        PASS, Delay(1, 0.5), Drip(10), Reset(5), Hang(), Refuse(), Partition(), Corrupt(0.1), Truncate(3), Garbage(9),
        Status(503, {"Retry-After": "1"}, "はい"),
    ]  # fmt: skip

    assert [fault_from_dict(json.loads(json.dumps(fault.to_dict()))) for fault in faults] == faults
    assert {fault.kind for fault in faults} == set(kinds())


def test_o5_a_taken_port_is_told() -> None:
    """SPEC O5: in the thread form too, and no thread is left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"listen_port {port}"):
            FaultProxy.in_thread("127.0.0.1", 80, listen_port=port).start()
