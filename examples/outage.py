"""A shop asks a price server, and the server has a bad moment: errors, then silence, then it comes back.

    python examples/outage.py

The server is real: HTTP on a free port of 127.0.0.1. Every customer gets a price, whatever the server does.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from yaoki import CircuitBreaker, Fallback, Pipeline, Retry, Timeout, deadline, events, exponential

# --- the server, and what is wrong with it -----------------------------------------------------------------------------------


class PriceServer(ThreadingHTTPServer):
    """Answers with a price; or, as `trouble` says, with an error or not at all."""

    daemon_threads = True
    trouble = ""
    requests = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PriceHandler)
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/price"

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class PriceHandler(BaseHTTPRequestHandler):
    """One request to the price server."""

    server: PriceServer

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.trouble == "hangs":
            self.server.closing.wait(5.0)
            self.close_connection = True
            return
        status = 503 if self.server.trouble == "errors" else 200
        body = json.dumps({"price": 100 + self.server.requests}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The story tells it."""


# --- the shop: a function, and the pipeline that guards it ---------------------------------------------------------------------


class Shop:
    """Asks for prices, and remembers the last one for times when nobody answers."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.last_known = 0
        # Outermost first. Without a proxy: the server is on this machine.
        self.guard = Pipeline(
            Fallback(self.remembered),  # the customer gets the last known price
            Timeout(1.5),  # the whole call, retries included
            Retry(max_attempts=3, backoff=exponential(0.05, cap=0.5)),
            CircuitBreaker(failure_threshold=5, open_timeout=1.0, name="price-server"),
            Timeout(0.3),  # one attempt
            name="price",
        )
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def fetch(self) -> int:
        with self.open(self.address, timeout=deadline.remaining()) as answer:
            self.last_known = json.load(answer)["price"]
        return self.last_known

    def remembered(self) -> int:
        return self.last_known


# --- the story -----------------------------------------------------------------------------------------------------------------


@dataclass
class Story:
    """Prints what happens as it happens, and keeps count."""

    began: float = field(default_factory=time.monotonic)
    retries: int = 0
    transitions: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.2f} s  {text}")

    def hear(self, event: events.Event) -> None:
        match event:
            case events.CallFailed(fault=fault, attempt=attempt):
                what = fault.error_type if fault.code is None else f"{fault.error_type} {fault.code}"
                self.tell(f"            attempt {attempt} failed: {what}, a {fault.category.value} fault")
            case events.RetryScheduled(delay=delay):
                self.retries += 1
                self.tell(f"            trying again in {delay * 1000:.0f} ms")
            case events.RetryGivenUp(reason=reason):
                self.tell(f"            no further attempt: {reason.replace('_', ' ')}")
            case events.CircuitChanged(previous=previous, state=state, retry_after=wait):
                self.transitions.append(state)
                until = f", for {wait:.1f} s" if wait else ""
                self.tell(f"            circuit: {previous} -> {state}{until}")
            case events.CallRefused():
                self.tell("            refused at once: the circuit is open, the server is left alone")


def main() -> int:
    """Play the story; the exit code says whether the shop recovered."""
    server = PriceServer()
    shop = Shop(server.address)
    story = Story()
    customers = itertools.count(1)
    answers: list[bool] = []

    def serve_customers(number: int, pause: float) -> None:
        for _ in range(number):
            started = time.monotonic()
            outcome = shop.guard.execute(shop.fetch)
            took = (time.monotonic() - started) * 1000
            kind = "remembered" if outcome.degraded else "fresh"
            answers.append(outcome.degraded)
            story.tell(f"customer {next(customers):2}: {outcome.unwrap()} yen, {kind}, after {took:.0f} ms")
            time.sleep(pause)

    unsubscribe = events.subscribe(story.hear)
    try:
        story.tell("THE SERVER IS WELL")
        serve_customers(3, pause=0.1)
        server.trouble = "errors"
        story.tell("THE SERVER ANSWERS WITH ERRORS")
        serve_customers(5, pause=0.1)
        server.trouble = "hangs"
        story.tell("THE SERVER DOES NOT ANSWER AT ALL")
        serve_customers(8, pause=0.2)
        server.trouble = ""
        story.tell("THE SERVER IS BACK")
        serve_customers(8, pause=0.25)
    finally:
        unsubscribe()
        server.stop()

    remembered = sum(answers)
    print()
    print(f"{len(answers)} customers, {len(answers)} prices: {len(answers) - remembered} fresh, {remembered} remembered.")
    print(f"{server.requests} requests reached the server, {story.retries} of them retries.")
    print(f"The circuit: closed -> {' -> '.join(story.transitions)}.")
    recovered = not answers[-1] and story.transitions[-1:] == ["closed"]
    print("Fall seven times, rise eight: the shop recovered by itself." if recovered else "The shop did not recover.")
    return 0 if recovered else 1


if __name__ == "__main__":
    sys.exit(main())
