"""Somebody who looks all the time whether a process lives."""

from __future__ import annotations

import threading
import time
from typing import Self

import httpx


class LivenessWatch:
    """Asks `/livez` over and over in a thread; a context manager. `seconds`: how long each answer took; `statuses`: what it was."""

    def __init__(self, url: str, period: float = 0.1) -> None:
        self.seconds: list[float] = []
        self.statuses: set[int] = set()
        self._period = period
        self._ended = threading.Event()
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30.0)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._http.close()

    def _watch(self) -> None:
        while not self._ended.wait(self._period):
            began = time.monotonic()
            self.statuses.add(self._http.get("/livez").status_code)
            self.seconds.append(time.monotonic() - began)

    def check(self, tolerance: float) -> None:
        """It was alive each time, and said so within 0.5 s and the tolerance of the client."""
        assert self.statuses == {200}
        assert max(self.seconds) <= 0.5 + tolerance
