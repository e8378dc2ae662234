"""What can go wrong between two processes, by name, and the mode that follows (SPEC G2, G3)."""

from __future__ import annotations

from yaoki.chaos.faults import Delay, Drip, Fault, Garbage, Hang, Partition, Refuse, Reset, Status, Truncate

PARTS = (("vector",), ("llm",), ("vector", "llm"))
"""What fails: each dependency, and both."""

MODES = {(): "normal", ("vector",): "degraded-no-context", ("llm",): "degraded-cache-only", ("vector", "llm"): "static-only"}
"""The mode by what has failed."""

JSON, HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
OVERLOADED = {"Retry-After": "120"}

FAULTS: dict[str, Fault] = {
    "latency": Delay(5.0),
    "hang": Hang(),
    "reset": Reset(),
    "refuse": Refuse(),
    "500": Status(500),
    "503 with Retry-After": Status(503, OVERLOADED),
    "429 with Retry-After": Status(429, OVERLOADED),
    "garbage": Garbage(),
    "wrong schema": Status(200, JSON, '{"answer": 42}'),
    "empty 200": Status(200, JSON),
    "HTML 200": Status(200, HTML, "<!doctype html><title>Please sign in</title>"),
    "truncated": Truncate(200),
    "slow drip": Drip(20.0),
    "partition": Partition(),
}
"""Every fault that makes an answer impossible or too late."""
