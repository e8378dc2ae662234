"""The socket of a service is had, or a sentence says why not."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

import pytest

from yaoki.service.errors import CannotStartError
from yaoki.service.listening import address_of, is_loopback, listen


def test_x5_any_free_port_can_be_had() -> None:
    """SPEC X5: on the loopback address by default."""
    with closing(listen()) as listener:
        host, port = listener.getsockname()

        assert (host, address_of(listener)) == ("127.0.0.1", f"http://127.0.0.1:{port}")


def test_x5_the_address_of_ipv6_is_a_url() -> None:
    """SPEC X5: with brackets."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = listen("::1")
    except CannotStartError:
        pytest.skip("no IPv6 loopback address here")
    with closing(listener):
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


def test_x5_a_taken_port_has_a_way_out() -> None:
    """SPEC X5: the port is named."""
    with closing(listen()) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotStartError) as raised:
            listen(port=port)

    assert raised.value.problem == f"port {port} on 127.0.0.1 is taken by another program"
    assert "--port" in raised.value.way_out


def test_x5_a_port_is_free_as_soon_as_nobody_listens() -> None:
    """SPEC X5: connections that wind down do not keep a service from starting again."""
    with closing(listen()) as first:
        port = first.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):
            first.setblocking(True)
            accepted, _ = first.accept()
            accepted.close()

    with closing(listen(port=port)) as second:
        assert second.getsockname()[1] == port


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.name.invalid", "x" * 300])
def test_x5_an_address_of_elsewhere_has_a_way_out(host: str) -> None:
    """SPEC X5: an address of documentation, a name that nobody has, no name at all."""
    with pytest.raises(CannotStartError, match=f"{host} is no address of this machine") as raised:
        listen(host)
    assert raised.value.way_out == "Use --host 127.0.0.1."


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EACCES, "needs more rights"), (errno.EMFILE, "cannot be listened on: Too many open files")]
)
def test_x5_other_obstacles_are_named(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    """SPEC X5: a port for the administrator, and what the system says otherwise."""

    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(number, __import__("os").strerror(number))

    monkeypatch.setattr("yaoki.service.listening.socket.socket", Refusing)
    with pytest.raises(CannotStartError, match=f"port 80 on 127.0.0.1 {said}"):
        listen(port=80)


@pytest.mark.parametrize(
    ("host", "is_it"), [("127.0.0.1", True), ("[::1]", True), ("Localhost", True), ("0.0.0.0", False), ("example.org", False)]
)
def test_x5_loopback_is_known(host: str, is_it: bool) -> None:
    """SPEC X5: by address and by name."""
    assert is_loopback(host) is is_it
