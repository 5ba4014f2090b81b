"""Whom a worker keeps and whom it gives up: idle, half sent, one too many. It runs in a thread."""

import contextlib
import select
import socket
import threading
import time

import pytest

from drf_speedups.worker import BufferedWorker
from drf_speedups.worker.sending import EVENTS_AT_ONCE
from tests.contract.raw import HOST, head
from tests.speedups.worker.serving import Inside, body, eventually, inside, receive_all, talk

PID = head("GET /pid HTTP/1.1", HOST)
CLOSE = head("GET /pid HTTP/1.1", HOST, "Connection: close")


def nothing(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def connected(served):
    return socket.create_connection(served.address, timeout=30)


def test_half_sent_requests_hold_up_nobody_and_are_given_up():
    with inside(nothing, timeout=1) as served, contextlib.ExitStack() as held:
        halves = [
            held.enter_context(socket.create_connection(served.address, timeout=30))
            for _ in range(30)
        ]
        for number, half in enumerate(halves):
            half.sendall(head("POST / HTTP/1.1", HOST, "Content-Length: 9")[: 20 + number])
        begun = time.monotonic()
        assert body(talk(served.address, CLOSE)) == b"ok"
        assert time.monotonic() - begun < 0.8
        answers = {receive_all(half)[:12] for half in halves}
        assert answers == {b"HTTP/1.1 408"}


def test_a_drop_at_a_time_does_not_put_off_the_end():
    with inside(nothing, timeout=1) as served, connected(served) as client:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in head("GET / HTTP/1.1", HOST, "A: " + "b" * 100):
                client.sendall(bytes([byte]))
                time.sleep(0.05)
                if select.select([client], [], [], 0)[0]:
                    break
        assert receive_all(client)[:12] == b"HTTP/1.1 408"
        assert time.monotonic() - begun < 8


def test_an_empty_line_behind_a_request_is_no_begin_of_the_next_one():
    with inside(nothing, timeout=1, keepalive=4) as served, connected(served) as client:
        client.sendall(PID)
        assert body(client.recv(1000)) == b"ok"
        for line in (b"\r", b"\n"):
            client.sendall(line)
            assert not select.select([client], [], [], 0.1)[0]
        assert eventually(lambda: all(one.is_idle() for one in served.connections()))
        # A client would take a 408 that comes now for the answer to what it asks next.
        assert not select.select([client], [], [], 2.5)[0]


def test_an_idle_connection_is_kept_for_keepalive_seconds_only():
    with inside(nothing, keepalive=1) as served, connected(served) as client:
        client.sendall(PID)
        begun = time.monotonic()
        assert receive_all(client).endswith(b"\r\n\r\nok")
        assert 0.5 < time.monotonic() - begun < 8


@pytest.mark.parametrize("first", [PID, b""], ids=["idle", "half-sent"])
def test_who_has_spoken_while_the_worker_was_busy_is_not_given_up(first):
    """However many they are: one turn looks at some of the sockets only."""
    held_up, released = threading.Event(), threading.Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/hold":
            held_up.set()
            released.wait(20)
            for connection in inner.connections():
                connection.deadline = inner.worker._housekeeping_at = 0.0  # a long time has passed
        return nothing(environ, start_response)

    with inside(application) as inner, contextlib.ExitStack() as held:
        clients = [held.enter_context(connected(inner)) for _ in range(3 * EVENTS_AT_ONCE)]
        for client in clients:
            client.sendall(first or PID[:20])
            assert not first or client.recv(1000).endswith(b"ok")
        holder = held.enter_context(connected(inner))
        holder.sendall(head("GET /hold HTTP/1.1", HOST))
        assert held_up.wait(20)
        for client in clients:
            client.sendall(PID if first else PID[20:])
        released.set()
        assert all(client.recv(1000).endswith(b"ok") for client in clients)


def test_no_more_connections_are_held_than_worker_connections_allows(monkeypatch):
    monkeypatch.setattr(BufferedWorker, "_make_room", lambda *args: None)
    with inside(nothing, worker_connections=2) as served, contextlib.ExitStack() as held:
        clients = [held.enter_context(connected(served)) for _ in range(3)]
        for client in clients:
            client.sendall(PID)
        assert all(client.recv(1000).endswith(b"ok") for client in clients[:2])
        clients[2].settimeout(0.3)
        with pytest.raises(TimeoutError):
            clients[2].recv(1)
        clients[0].close()
        clients[2].settimeout(30)
        assert clients[2].recv(1000).endswith(b"ok")


def test_a_full_worker_parts_with_who_has_said_nothing_for_longest():
    with inside(nothing, worker_connections=3) as served, contextlib.ExitStack() as held:
        half, used = (held.enter_context(connected(served)) for _ in range(2))
        half.sendall(b"GET / HT")
        used.sendall(PID)
        assert used.recv(1000).endswith(b"ok")
        silent, new = (held.enter_context(connected(served)) for _ in range(2))
        new.sendall(PID)
        assert new.recv(1000).endswith(b"ok")
        assert silent.recv(1) == b""
        for client, more in ((half, b"TP/1.0\r\n\r\n"), (used, PID)):
            client.sendall(more)
            assert client.recv(1000).endswith(b"ok")


def test_who_has_only_just_come_has_a_moment_to_say_something():
    served = Inside(nothing, worker_connections=1)
    with contextlib.ExitStack() as held:
        held.callback(served.end)
        held.enter_context(connected(served))
        while not served.connections():
            served.worker.turn(0.01)
        held.enter_context(connected(served))
        for moment in (0.0, served.worker.beat + 0.01):
            assert served.connections()
            served.worker._keep_house(time.monotonic() + moment)
        assert not served.connections()


def test_what_an_idle_client_has_sent_is_not_kept():
    def reading(environ, start_response):
        start_response("200 OK", [("Content-Length", "1")])
        return [environ["wsgi.input"].read(1)]

    body_of_a_megabyte = head("POST / HTTP/1.1", HOST, "Content-Length: 1000000", body=b"x" * 10**6)
    with inside(reading) as served, connected(served) as client:
        client.sendall(body_of_a_megabyte)
        assert client.recv(1000).endswith(b"x")
        (kept,) = served.connections()
        eventually(lambda: (kept.request, kept.reply, kept.environ) == (None, None, {}))


def test_a_client_with_the_address_of_a_unix_socket_breaks_no_worker():
    def broken(environ, start_response):
        raise ValueError("broken")

    with inside(broken) as served, connected(served) as client:
        (connection,) = eventually(served.connections)
        connection.peer = "a"  # not a host and a port
        client.sendall(PID)
        assert client.recv(1000).startswith(b"HTTP/1.1 500 ")
