"""`python -m yaoki.chaos HOST:PORT` runs a fault proxy with its control endpoint until SIGINT or SIGTERM (SPEC O5).

| exit status | |
| --- | --- |
| 0 | it ran and was ended |
| 1 | it could not start; a line says why |
| 2 | the command was written wrong |
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from yaoki.chaos.control import ControlEndpoint, check_token
from yaoki.chaos.faults import PASS, fault_from_dict
from yaoki.chaos.proxy import FaultProxy
from yaoki.core.faults.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaoki.chaos.faults import Fault

__all__ = ["main"]

TOKEN = "YAOKI_CHAOS_TOKEN"  # noqa: S105  # the name of the variable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m yaoki.chaos",
        description="A proxy on 127.0.0.1 that does harm to what goes through it.",
        epilog=f"The token of the control endpoint is ${TOKEN}, or is made and printed.",
    )
    parser.add_argument("upstream", metavar="HOST:PORT", type=_address, help="what stands behind the proxy")
    parser.add_argument("--port", type=int, default=0, help="where the proxy listens (0: any that is free)")
    parser.add_argument("--control-port", type=int, default=0, help="where its control endpoint listens (0: any that is free)")
    parser.add_argument("--fault", type=_fault, default=PASS, metavar="JSON", help='the first fault: {"fault": "hang"}')
    parser.add_argument("--rate", type=float, default=1.0, help="the share of exchanges that it meets")
    options = parser.parse_args(arguments)
    given = os.environ.get(TOKEN)
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        token = os.urandom(24).hex() if given is None else check_token(given.strip(), f"${TOKEN}")
        host, port = options.upstream
        proxy = FaultProxy.in_thread(host, port, listen_port=options.port)
        proxy.set(options.fault, options.rate)
        with proxy, ControlEndpoint(proxy, token, port=options.control_port) as control:
            _tell(f"proxy    127.0.0.1:{proxy.port} -> {host}:{port}")
            _tell(f"control  http://127.0.0.1:{control.port}/faults")
            if given is None:
                _tell(f"token    {token}")
            ended.wait()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:6379")
    return host.strip("[]"), int(port)


def _fault(text: str) -> Fault:
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise argparse.ArgumentTypeError('it must be a JSON object such as {"fault": "hang"}')
        return fault_from_dict(data)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"it is not JSON: {error}") from error
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
