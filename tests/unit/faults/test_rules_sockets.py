"""OSError and sockets, provoked for real where the machine allows it (SPEC F3)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.unit.faults.verdicts import CALLER, DEPENDENCY, FATAL, LOCAL, RECOVERABLE, SEVERE, TRANSIENT, says
from yaoki.core.faults.category import Category, Origin, Recoverability
from yaoki.core.faults.classifier import classify
from yaoki.core.faults.rules import sockets

NETWORK, TIMEOUT, ROUTING, CAPACITY, SYSTEM, STATE, PROTOCOL = (
    *(Category.NETWORK, Category.TIMEOUT, Category.ROUTING, Category.CAPACITY),
    *(Category.SYSTEM, Category.STATE, Category.PROTOCOL),
)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_closed_port_is_the_network() -> None:
    """SPEC F3: nobody listens there; it heals when the service is up."""
    with pytest.raises(ConnectionRefusedError) as caught:
        socket.create_connection(("127.0.0.1", closed_port()), timeout=5)
    fault = classify(caught.value)

    assert says(caught.value) == (NETWORK, RECOVERABLE, DEPENDENCY)
    assert (fault.error_type, fault.code, fault.context) == (
        "ConnectionRefusedError",
        errno.ECONNREFUSED,
        {"errno": "ECONNREFUSED"},
    )


def test_several_addresses_of_asyncio_are_the_network() -> None:
    """SPEC F3: `create_connection` sums several refusals up in an OSError without a number."""
    port = closed_port()

    async def connect() -> None:
        loop = asyncio.get_running_loop()

        async def two_addresses(*args: object, **kwargs: object) -> list[tuple[object, ...]]:
            addresses = (("127.0.0.1", port), ("127.0.0.2", port))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

        loop.getaddrinfo = two_addresses
        await asyncio.open_connection("two.example", port)

    with pytest.raises(OSError, match="Multiple exceptions") as caught:
        asyncio.run(connect())

    assert caught.value.errno is None
    assert says(caught.value) == (NETWORK, RECOVERABLE, DEPENDENCY)


def test_a_connection_that_the_peer_closed_is_the_network() -> None:
    """SPEC F3: a reset or broken pipe is gone with a new connection."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(BrokenPipeError) as caught:
        ours.send(b"x")

    assert says(caught.value) == (NETWORK, TRANSIENT, DEPENDENCY)


def test_a_socket_timeout_is_a_timeout() -> None:
    """SPEC F3: it carries no number."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.001)
    with ours, theirs, pytest.raises(TimeoutError) as caught:
        ours.recv(1)
    fault = classify(caught.value)

    assert says(caught.value) == (TIMEOUT, RECOVERABLE, DEPENDENCY)
    assert (fault.error_type, fault.code) == ("TimeoutError", None)


def test_a_socket_that_is_not_ready_is_not_now() -> None:
    """SPEC F3: BlockingIOError."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs, pytest.raises(BlockingIOError) as caught:
        ours.recv(1)

    assert says(caught.value) == (CAPACITY, TRANSIENT, LOCAL)


def test_a_missing_file_is_the_callers(tmp_path: Path) -> None:
    """SPEC F3: a file operation says the file's name."""
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "absent").read_text("utf-8")

    assert says(caught.value) == (SYSTEM, FATAL, CALLER)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the platform has no Unix sockets")
def test_a_missing_unix_socket_is_a_service_that_is_not_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC F3: `connect` says no file name."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(FileNotFoundError) as caught:
        sock.connect("absent.sock")

    assert says(caught.value) == (NETWORK, RECOVERABLE, DEPENDENCY)


def test_einval_from_connect_is_the_network() -> None:
    """SPEC F3: Linux answers `connect` over a blackhole route with it; no file name, no subclass of its own."""
    error = OSError(errno.EINVAL, "Invalid argument")

    assert type(error) is OSError
    assert says(error) == (NETWORK, RECOVERABLE, DEPENDENCY)


def test_einval_of_a_file_is_the_callers() -> None:
    """SPEC F3: with a file name it is a wrong argument."""
    assert says(OSError(errno.EINVAL, "Invalid argument", "a\0b")) == (SYSTEM, FATAL, CALLER)


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full and resource limits")
def test_a_full_device_is_our_own_hosts() -> None:
    """SPEC F3: ENOSPC."""
    if not Path("/dev/full").exists():
        pytest.skip("the platform has no /dev/full")
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            os.write(descriptor, b"x")
    finally:
        os.close(descriptor)

    assert says(caught.value) == (CAPACITY, SEVERE, LOCAL)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ECONNRESET", (NETWORK, TRANSIENT, DEPENDENCY)),
        ("ECONNABORTED", (NETWORK, TRANSIENT, DEPENDENCY)),
        ("EPIPE", (NETWORK, TRANSIENT, DEPENDENCY)),
        ("ENOTCONN", (NETWORK, TRANSIENT, DEPENDENCY)),
        ("ETIMEDOUT", (TIMEOUT, RECOVERABLE, DEPENDENCY)),
        ("EHOSTUNREACH", (NETWORK, RECOVERABLE, DEPENDENCY)),
        ("ENETUNREACH", (NETWORK, RECOVERABLE, DEPENDENCY)),
        ("ENETDOWN", (NETWORK, RECOVERABLE, DEPENDENCY)),
        ("EMFILE", (CAPACITY, SEVERE, LOCAL)),
        ("ENFILE", (CAPACITY, SEVERE, LOCAL)),
        ("ENOMEM", (CAPACITY, SEVERE, LOCAL)),
        ("ENOSPC", (CAPACITY, SEVERE, LOCAL)),
        ("ENOBUFS", (CAPACITY, RECOVERABLE, LOCAL)),
        ("EADDRNOTAVAIL", (CAPACITY, RECOVERABLE, LOCAL)),
        ("EADDRINUSE", (CAPACITY, RECOVERABLE, LOCAL)),
        ("EAGAIN", (CAPACITY, TRANSIENT, LOCAL)),
        ("EINTR", (CAPACITY, TRANSIENT, LOCAL)),
        ("EBUSY", (CAPACITY, TRANSIENT, LOCAL)),
        ("EIO", (SYSTEM, SEVERE, LOCAL)),
        ("EROFS", (SYSTEM, FATAL, LOCAL)),
        ("EPROTO", (PROTOCOL, FATAL, DEPENDENCY)),
        ("EACCES", (SYSTEM, FATAL, CALLER)),
        ("EPERM", (SYSTEM, FATAL, CALLER)),
        ("EBADF", (SYSTEM, FATAL, CALLER)),
        ("EAFNOSUPPORT", (SYSTEM, FATAL, CALLER)),
        ("EEXIST", (STATE, FATAL, CALLER)),
    ],
)
def test_the_errno_decides(name: str, expected: tuple[Category, Recoverability, Origin]) -> None:
    """SPEC F3: by OSError errno; number and name are in the record."""
    number = getattr(errno, name)
    fault = classify(OSError(number, "x"))

    assert says(OSError(number, "x")) == expected
    assert (fault.code, fault.context["errno"]) == (number, errno.errorcode[number])


def test_an_errno_that_nobody_knows_is_the_network() -> None:
    """SPEC F3: it counts, and it may heal."""
    assert says(OSError(99_999, "x")) == (NETWORK, RECOVERABLE, DEPENDENCY)
    assert classify(OSError(99_999, "x")).context == {}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("x"), (NETWORK, RECOVERABLE, DEPENDENCY)),
        (ConnectionError("x"), (NETWORK, TRANSIENT, DEPENDENCY)),
        (ConnectionRefusedError("x"), (NETWORK, RECOVERABLE, DEPENDENCY)),
        (ConnectionResetError("x"), (NETWORK, TRANSIENT, DEPENDENCY)),
        (TimeoutError("x"), (TIMEOUT, RECOVERABLE, DEPENDENCY)),
        (InterruptedError("x"), (CAPACITY, TRANSIENT, LOCAL)),
        (PermissionError("x"), (SYSTEM, FATAL, CALLER)),
        (FileNotFoundError("x"), (SYSTEM, FATAL, CALLER)),
        (IsADirectoryError("x"), (SYSTEM, FATAL, CALLER)),
        (NotADirectoryError("x"), (SYSTEM, FATAL, CALLER)),
        (FileExistsError("x"), (STATE, FATAL, CALLER)),
        (ProcessLookupError("x"), (SYSTEM, FATAL, CALLER)),
        (ChildProcessError("x"), (SYSTEM, FATAL, CALLER)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_without_a_number_the_class_decides(error: OSError, expected: tuple[Category, Recoverability, Origin]) -> None:
    """SPEC F3: programs raise these classes with a text only."""
    assert says(error) == expected


def test_a_subclass_keeps_its_name() -> None:
    """SPEC F3: clients derive their errors from OSError."""

    class ClientError(OSError):
        pass

    assert classify(ClientError(errno.ECONNRESET, "x")).error_type == "ClientError"
    assert says(ClientError("x")) == (NETWORK, RECOVERABLE, DEPENDENCY)


@pytest.mark.parametrize(
    ("winerror", "expected"),
    [
        (64, (NETWORK, TRANSIENT, DEPENDENCY)),
        (121, (TIMEOUT, RECOVERABLE, DEPENDENCY)),
        (1231, (NETWORK, RECOVERABLE, DEPENDENCY)),
    ],
)
def test_what_windows_alone_says_is_read(
    winerror: int, expected: tuple[Category, Recoverability, Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC F3: system error codes that have no errno of their own come as EINVAL."""
    monkeypatch.setattr(sockets, "_WINDOWS", True)

    class WindowsError(OSError):
        pass

    error = WindowsError(errno.EINVAL, "x")
    error.winerror = winerror

    assert says(error) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EAI_AGAIN", (NETWORK, TRANSIENT, DEPENDENCY)),
        ("EAI_NONAME", (ROUTING, FATAL, DEPENDENCY)),
        ("EAI_FAIL", (NETWORK, RECOVERABLE, DEPENDENCY)),
        ("EAI_MEMORY", (CAPACITY, SEVERE, LOCAL)),
        ("EAI_SERVICE", (SYSTEM, FATAL, CALLER)),
        ("EAI_FAMILY", (SYSTEM, FATAL, CALLER)),
    ],
)
def test_a_name_look_up(name: str, expected: tuple[Category, Recoverability, Origin]) -> None:
    """SPEC F3: EAI_AGAIN is a name service that is busy; EAI_NONAME is a name that does not exist."""
    error = socket.gaierror(getattr(socket, name), "x")

    assert says(error) == expected
    assert (classify(error).error_type, classify(error).code) == ("gaierror", getattr(socket, name))


def test_a_service_name_that_does_not_exist_is_the_callers() -> None:
    """SPEC F3: what the resolver raises for real, without asking the network."""
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo("127.0.0.1", "no-such-service", type=socket.SOCK_STREAM)

    assert classify(caught.value).recoverability is FATAL


@pytest.mark.parametrize(("number", "expected"), [(1, (ROUTING, FATAL, DEPENDENCY)), (2, (NETWORK, TRANSIENT, DEPENDENCY))])
def test_a_host_look_up_of_the_old_interface(number: int, expected: tuple[Category, Recoverability, Origin]) -> None:
    """SPEC F3: h_errno is no errno."""
    assert says(socket.herror(number, "x")) == expected


def test_a_look_up_error_without_a_number_is_unknown() -> None:
    """SPEC F3: nothing is guessed."""
    assert says(socket.gaierror("x")) == (SYSTEM, RECOVERABLE, DEPENDENCY)
    assert says(socket.herror("x")) == (SYSTEM, RECOVERABLE, DEPENDENCY)
