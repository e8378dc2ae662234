"""Each fault, between a real client and a real server (SPEC O5)."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.systems.chaos.conftest import ANSWER, LARGE, Client, Server, is_silent, wait_for
from yaoki.chaos.faults import (
    Corrupt,
    Delay,
    Drip,
    Fault,
    Garbage,
    Hang,
    Partition,
    Pass,
    Refuse,
    Reset,
    Status,
    Truncate,
)
from yaoki.chaos.proxy import FaultProxy
from yaoki.chaos.threaded import ThreadedFaultProxy

Clients = Callable[[], Client]
Connect = Callable[[], socket.socket]
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


def everything(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def test_o5_without_a_fault_everything_goes_through(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: large bodies both ways, and connections used again; the counters tell."""
    one = client()

    assert one.get() == (200, ANSWER)
    assert one.get("/large") == (200, b"x" * LARGE)
    assert one.get(method="POST", body=b"y" * LARGE) == (200, b"y" * LARGE)
    counters = proxy.counters
    assert (counters.connections, counters.open, counters.faults) == (1, 1, {})
    assert counters.bytes_to_upstream > LARGE
    assert counters.bytes_to_client > 2 * LARGE


def test_o5_a_half_closed_connection_is_still_answered(connect: Connect) -> None:
    """SPEC O5: a client that has said all may wait for its answer."""
    connection = connect()
    connection.sendall(REQUEST)
    connection.shutdown(socket.SHUT_WR)

    assert everything(connection).endswith(ANSWER)


def test_o5_delay_comes_before_the_answer(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: once for an answer, not for each of its pieces."""
    proxy.set(Delay(0.15, jitter=0.05))
    begun = time.monotonic()

    assert client().get("/large") == (200, b"x" * LARGE)

    assert 0.15 <= time.monotonic() - begun < 1.5
    assert proxy.counters.faults == {"delay": 1}


def test_o5_drip_keeps_to_its_speed(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: about a thousand bytes at 4000 bytes a second; the rest at once when healed."""
    proxy.set(Drip(4000))
    begun = time.monotonic()
    assert client().get() == (200, ANSWER)
    assert 0.15 <= time.monotonic() - begun < 1.5

    proxy.set(Drip(1))
    one = client()
    one.connection.request("GET", "/")
    wait_for(lambda: proxy.counters.faults["drip"] == 2)
    proxy.heal()
    assert one.connection.getresponse().read() == ANSWER


def test_o5_reset_resets_new_connections_and_open_ones(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: the client sees a reset, not an end."""
    opened = connect()
    wait_for(lambda: proxy.counters.open == 1)

    proxy.set(Reset())

    with pytest.raises(ConnectionResetError):
        opened.recv(1)
    # The reset may be here before the connection is said to stand.
    with pytest.raises(ConnectionResetError):
        connect().recv(1)


def test_o5_reset_can_cut_an_answer(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: after so many bytes of it."""
    proxy.set(Reset(after=5000))
    one = client()
    one.connection.request("GET", "/large")

    with pytest.raises(ConnectionResetError):
        one.connection.getresponse().read()


def test_o5_hang_holds_and_goes_on(proxy: ThreadedFaultProxy, server: Server, connect: Connect) -> None:
    """SPEC O5: nothing comes, of new connections and of open ones, until it is healed."""
    opened = connect()
    wait_for(lambda: proxy.counters.open == 1)
    proxy.set(Hang())
    new = connect()

    for connection in (opened, new):
        connection.sendall(REQUEST)
    assert is_silent(opened)
    assert is_silent(new)
    assert server.requests == 0

    proxy.heal()
    assert everything(opened).endswith(ANSWER)
    assert everything(new).endswith(ANSWER)


def test_o5_a_client_that_leaves_a_hang_leaves_nothing(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: timed-out clients do not pile up."""
    proxy.set(Hang())
    connection = connect()
    connection.sendall(REQUEST)
    wait_for(lambda: proxy.counters.open == 1)

    connection.close()

    wait_for(lambda: proxy.counters.open == 0)


def test_o5_refuse_refuses_and_keeps_its_port(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: connecting fails, open connections end, and the same port serves again."""
    port = proxy.port
    opened = client()
    assert opened.get() == (200, ANSWER)

    proxy.set(Refuse())
    with pytest.raises(ConnectionRefusedError):
        client().get()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        opened.get()
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port))

    proxy.heal()
    assert proxy.port == port
    assert client().get() == (200, ANSWER)


def test_o5_partition_loses_bytes_and_keeps_connections(proxy: ThreadedFaultProxy, server: Server, connect: Connect) -> None:
    """SPEC O5: what was lost is never delivered with a hole: that connection is reset when healed, the idle one goes on."""
    idle, losing = connect(), connect()
    wait_for(lambda: proxy.counters.open == 2)
    proxy.set(Partition())
    losing.sendall(REQUEST)
    assert is_silent(losing)
    assert is_silent(idle)
    assert proxy.counters.open == 2

    proxy.heal()
    with pytest.raises(ConnectionResetError):
        losing.recv(1)
    idle.sendall(REQUEST)
    assert everything(idle).endswith(ANSWER)
    assert server.requests == 1


def test_o5_corrupt_changes_bytes_and_no_length(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: as long as the true answer, and not equal to it; with a seed the same again."""
    received = []
    for fault in (Pass(), Corrupt(0.01), Corrupt(1.0)):
        proxy.set(fault, seed=7)
        connection = connect()
        connection.sendall(REQUEST)
        received.append(everything(connection))

    true, few, all_of_it = received
    assert len(true) == len(few) == len(all_of_it)
    assert few != true
    assert sum(a != b for a, b in zip(true, few, strict=True)) < 60
    # The header Date may have gone on by a second.
    assert bytes(byte ^ 0xFF for byte in all_of_it).endswith(ANSWER)


def test_o5_truncate_ends_an_answer_early(proxy: ThreadedFaultProxy, client: Clients, connect: Connect) -> None:
    """SPEC O5: exactly so many bytes, then an end; a shorter answer is whole."""
    proxy.set(Truncate(300))
    connection = connect()
    connection.sendall(REQUEST)
    assert len(everything(connection)) == 300
    one = client()
    one.connection.request("GET", "/")
    with pytest.raises(http.client.IncompleteRead):
        one.connection.getresponse().read()

    proxy.set(Truncate(100_000))
    assert client().get() == (200, ANSWER)


def test_o5_garbage_is_no_answer(proxy: ThreadedFaultProxy, server: Server, client: Clients) -> None:
    """SPEC O5: the client sees something that is not HTTP."""
    proxy.set(Garbage())

    with pytest.raises(http.client.BadStatusLine):
        client().get()

    assert server.requests == 0


def test_o5_status_answers_without_the_upstream(proxy: ThreadedFaultProxy, server: Server, client: Clients) -> None:
    """SPEC O5: on one connection, with bodies and HEAD, before and after true answers."""
    one = client()
    assert one.get() == (200, ANSWER)

    proxy.set(Status(429, {"Retry-After": "120"}, "slow down"))
    one.connection.request("GET", "/")
    response = one.connection.getresponse()
    assert (response.status, response.headers["Retry-After"], response.read()) == (429, "120", b"slow down")
    own_socket = one.connection.sock
    assert one.get(method="POST", body=b"z" * 500_000) == (429, b"slow down")
    assert one.get(method="HEAD") == (429, b"")
    one.connection.request("POST", "/", iter([b"abc", b"defg"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert one.connection.getresponse().read() == b"slow down"
    assert server.requests == 1

    proxy.heal()
    assert one.get() == (200, ANSWER)
    assert one.connection.sock is own_socket
    assert proxy.counters.faults == {"status": 4}


def test_o5_status_ends_a_connection_that_wants_it(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: `Connection: close`, and a body that waits to be asked for."""
    proxy.set(Status(503))
    connection = connect()
    connection.sendall(REQUEST)
    assert everything(connection) == b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    waiting = connect()
    waiting.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert everything(waiting).startswith(b"HTTP/1.1 503 ")


def test_o5_status_answers_requests_that_came_together(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: pipelined requests get one answer each."""
    proxy.set(Status(503))
    connection = connect()
    connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" + REQUEST)

    assert everything(connection).count(b"HTTP/1.1 503") == 2


def test_o5_status_says_nothing_to_what_is_not_http(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: such a connection ends."""
    proxy.set(Status(503))
    connection = connect()
    connection.sendall(b"*1\r\n$4\r\nPING\r\n\r\n")

    assert everything(connection) == b""


def test_o5_a_rate_meets_its_share_of_requests(proxy: ThreadedFaultProxy, client: Clients) -> None:
    """SPEC O5: also of those on one connection; a seed makes it the same each time."""
    one = client()

    def draw() -> list[int]:
        proxy.set(Status(500), rate=0.3, seed=42)
        return [one.get()[0] for _ in range(100)]

    first = draw()
    assert 15 <= first.count(500) <= 45
    assert first.count(500) + first.count(200) == 100
    # On a connection that is open already.
    assert draw() == draw()


def test_o5_a_change_waits_for_the_answer_under_way(proxy: ThreadedFaultProxy, connect: Connect) -> None:
    """SPEC O5: a status set in the middle of an answer leaves it whole."""
    connection = connect()
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    received = connection.recv(10)

    proxy.set(Status(503))

    assert (received + everything(connection)).endswith(b"x" * 1000)


def test_o5_an_upstream_that_is_away_shows_as_a_reset() -> None:
    """SPEC O5: the proxy has accepted already, so it cannot refuse."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with (
            FaultProxy.in_thread("127.0.0.1", unused.getsockname()[1]) as proxy,
            pytest.raises(ConnectionResetError),
            socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0) as connection,
        ):
            connection.recv(1)


def test_o5_a_client_that_hangs_up_frees_the_upstream() -> None:
    """SPEC O5: the upstream sees the reset of the client."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        upstream.settimeout(3.0)
        with FaultProxy.in_thread("127.0.0.1", upstream.getsockname()[1]) as proxy:
            client = socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0)
            accepted, _ = upstream.accept()
            accepted.settimeout(3.0)
            with accepted:
                client.sendall(b"hello")
                assert accepted.recv(5) == b"hello"
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
                with pytest.raises(ConnectionResetError):
                    accepted.recv(1)
            wait_for(lambda: proxy.counters.open == 0)


def test_o5_a_sender_is_slowed_down_to_its_reader() -> None:
    """SPEC O5: what an upstream sends and nobody reads is not kept in memory."""
    with (
        socket.create_server(("127.0.0.1", 0)) as upstream,
        FaultProxy.in_thread("127.0.0.1", upstream.getsockname()[1]) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0),
    ):
        accepted, _ = upstream.accept()
        with accepted:
            accepted.settimeout(0.3)
            sent = 0
            try:
                while sent < 200_000_000:
                    sent += accepted.send(b"x" * 1_000_000)
            except TimeoutError:
                pass

            # What was sent is in the kernel's buffers, but for the little that the proxy holds.
            assert sent < 200_000_000
            assert proxy.counters.bytes_to_client < sent


@pytest.mark.parametrize("fault", [Pass(), Delay(0.05), Status(500), Corrupt()], ids=lambda fault: fault.kind)
def test_o5_many_connections_at_once(proxy: ThreadedFaultProxy, fault: Fault) -> None:
    """SPEC O5: a hundred clients, each with a connection of its own."""
    proxy.set(fault)

    def ask(_: int) -> bytes:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5.0) as connection:
            connection.sendall(REQUEST)
            return everything(connection)

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(ask, range(100)))

    assert all(answers)
    assert proxy.counters.connections == 100
    wait_for(lambda: proxy.counters.open == 0)


def test_o5_faults_change_under_load(proxy: ThreadedFaultProxy, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC O5: whatever is set while clients come and go, all is well when it is healed."""
    faults = [
        Reset(), Hang(), Partition(), Drip(2000), Status(500), Garbage(), Truncate(50), Refuse(), Delay(0.01), Corrupt(), Reset(200),
    ]  # fmt: skip
    over = threading.Event()

    def ask_again_and_again() -> int:
        asked = 0
        while not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.05) as connection:
                    for _ in range(3):
                        connection.sendall(REQUEST.replace(b"close", b"keep-alive"))
                        connection.recv(65536)
            except OSError:
                pass
            asked += 1
        return asked

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask_again_and_again) for _ in range(8)]
        for fault in faults * 3:
            proxy.set(fault)
            over.wait(0.02)
        proxy.heal()
        over.set()
        assert all(each.result() for each in running)

    with socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0) as connection:
        connection.sendall(REQUEST)
        assert everything(connection).endswith(ANSWER)
    wait_for(lambda: proxy.counters.open == 0)
    assert caplog.records == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed under /proc on Linux only")
@pytest.mark.parametrize(
    "fault", [Pass(), Hang(), Partition(), Drip(1), Delay(60), Refuse(), Status(500)], ids=lambda fault: fault.kind
)
def test_o5_a_stopped_proxy_leaves_nothing(server: Server, fault: Fault) -> None:
    """SPEC O5: no thread, no socket, whatever was under way."""
    threads = set(threading.enumerate())
    files = len(list(Path("/proc/self/fd").iterdir()))

    with FaultProxy.in_thread("127.0.0.1", server.server_port) as proxy:
        connections = [socket.create_connection(("127.0.0.1", proxy.port), timeout=3.0) for _ in range(10)]
        wait_for(lambda: proxy.counters.open == 10)
        proxy.set(fault)
        for connection in connections:
            try:
                connection.sendall(REQUEST)
            except OSError:
                assert fault == Refuse()
    assert {each for each in threading.enumerate() if each.name == "yaoki-fault-proxy"} <= threads
    for connection in connections:
        connection.close()

    # The server's own connections end after ours.
    wait_for(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files)


def test_o5_in_an_event_loop_no_task_is_left(server: Server) -> None:
    """SPEC O5: the asyncio form; it may be started again."""

    async def main() -> None:
        proxy = FaultProxy("127.0.0.1", server.server_port)
        for _ in range(2):
            async with proxy:
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(REQUEST)
                assert (await reader.read()).endswith(ANSWER)
                proxy.set(Hang())
                writer.close()
                idle, other = await asyncio.open_connection("127.0.0.1", proxy.port)
                proxy.heal()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            other.close()
            with pytest.raises(RuntimeError, match="not running"):
                _ = proxy.port
            assert await idle.read() == b""

    asyncio.run(main())
