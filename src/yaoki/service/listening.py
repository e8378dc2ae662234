"""The socket that a service listens on, taken before anything else is started: a taken port is known at once."""

from __future__ import annotations

import errno
import os
import socket

from yaoki.service.errors import CannotStartError

__all__ = ["BACKLOG", "address_of", "is_loopback", "listen"]

BACKLOG = 1024
"""Connections that the operating system keeps until they are accepted."""


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket bound to this address; port 0 takes any that is free.

    Raises CannotStartError, with a way out, for a taken port, a port that needs more rights, and an address that is not here.
    """
    where = f"port {port} on {host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        )[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise CannotStartError(f"{host} is no address of this machine: {error}", "Use --host 127.0.0.1.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # A port whose connections are still winding down is free; one that somebody listens on is not.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _explained(where, host, error) from error
    return listener


def _explained(where: str, host: str, error: OSError) -> CannotStartError:
    if error.errno == errno.EADDRINUSE:
        return CannotStartError(
            f"{where} is taken by another program",
            "Choose another with --port NUMBER (0 takes any that is free), or stop that one.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return CannotStartError(f"{where} needs more rights than this user has", "Choose one above 1023 with --port NUMBER.")
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotStartError(f"{host} is no address of this machine", "Use --host 127.0.0.1.")
    return CannotStartError(f"{where} cannot be listened on: {error.strerror}", "Choose another with --port NUMBER.")


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket as a URL."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return f"http://{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Whether this host name or address can be reached from this machine alone."""
    from ipaddress import ip_address

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
