"""Clients that mean no good, and what the others notice of them."""

import contextlib
import http.client
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from tests.contract.raw import CHUNKED, HOST, JSON, head
from tests.faults.stage import Stage

HALF_SENT = 500  # connections
SLOW_READERS = 50
REQUESTS = 150  # of a client who means well
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: end a connection by a reset
LONG_PAGE = "/items/?limit=100"  # 200 kB with these rows
LONG_ROWS = """
INSERT INTO crud_item (name, price, description)
SELECT 'long', 1, repeat('x', 2000) FROM generate_series(1, 100)
"""
Nuisance = Callable[[Stage], contextlib.AbstractContextManager[None]]


def address(stage: Stage) -> tuple[str, int]:
    """Return where a raw socket finds the service."""
    parts = urlsplit(stage.server.url)
    return str(parts.hostname), int(parts.port or 80)


def half_sent_requests(stage: Stage) -> contextlib.AbstractContextManager[None]:
    """Requests that stop in the middle of their head or of their body."""
    return half_sent(address(stage))


@contextlib.contextmanager
def half_sent(at: tuple[str, int]) -> Iterator[None]:
    """The same, to any server."""
    heads = b"GET /items/ HTTP/1.1\r\nHost: 127"
    bodies = head("POST /items/ HTTP/1.1", HOST, JSON, "Content-Length: 100", body=b'{"name"')
    with contextlib.ExitStack() as opened:
        for begin in itertools.islice(itertools.cycle([heads, bodies]), HALF_SENT):
            link = opened.enter_context(socket.create_connection(at, timeout=10))
            link.sendall(begin)
        yield


@contextlib.contextmanager
def slow_readers(stage: Stage) -> Iterator[None]:
    """Clients that ask for a long page and read a byte of it."""
    stage.cluster.admin(LONG_ROWS)
    asks = head(f"GET {LONG_PAGE} HTTP/1.1", HOST)
    with contextlib.ExitStack() as opened:
        for _ in range(SLOW_READERS):
            link = opened.enter_context(socket.socket())
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.settimeout(10)
            link.connect(address(stage))
            link.sendall(asks * 3)
            assert link.recv(1) == b"H"
        yield
    stage.cluster.admin("DELETE FROM crud_item WHERE name = 'long'")


@contextlib.contextmanager
def endless_headers(stage: Stage) -> Iterator[None]:
    """Heads that do not end, sent for as long as the service reads."""
    with _again_and_again(stage, _endless_head, clients=2):
        yield


@contextlib.contextmanager
def opened_and_closed(stage: Stage) -> Iterator[None]:
    """Connections that are reset as soon as they are there."""
    with _again_and_again(stage, _reset, clients=1):
        yield


def _endless_head(link: socket.socket) -> None:
    link.sendall(b"GET /items/ HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    while True:
        link.sendall(b"A: b\r\n" * 20)  # until the service ends the connection
        time.sleep(0.002)


def _reset(link: socket.socket) -> None:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    time.sleep(0.001)


@contextlib.contextmanager
def _again_and_again(
    stage: Stage, act: Callable[[socket.socket], None], clients: int
) -> Iterator[None]:
    """Let so many threads connect and act until the block ends."""
    stopped = threading.Event()

    def go_on() -> None:
        while not stopped.is_set():
            with (
                contextlib.suppress(OSError),  # the service ends it: so it should
                socket.create_connection(address(stage), timeout=10) as link,
            ):
                act(link)

    threads = [threading.Thread(target=go_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)


NUISANCES: dict[str, Nuisance] = {
    "500 half-sent requests": half_sent_requests,
    "slow readers of a long page": slow_readers,
    "endless headers": endless_headers,
    "connections opened and closed": opened_and_closed,
}


def p99_of_others(stage: Stage, requests: int = REQUESTS) -> float:
    """Return the 99th percentile, in seconds, of a well-meaning client's latencies."""
    latencies = []
    connection = http.client.HTTPConnection(*address(stage), timeout=30)
    for _ in range(requests):
        begun = time.monotonic()
        connection.request("GET", "/items/1/")
        assert connection.getresponse().read()
        latencies.append(time.monotonic() - begun)
    connection.close()
    return sorted(latencies)[int(0.99 * requests) - 1]


# Each carries a second request where a proxy and a server may disagree on the end of the first one.
HIDDEN = b"DELETE /items/%d/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = "POST /items/ HTTP/1.1"
SMUGGLING: dict[str, Callable[[bytes], bytes]] = {
    "a length and chunks": lambda hidden: head(
        POST, HOST, JSON, f"Content-Length: {5 + len(hidden)}", CHUNKED, body=b"0\r\n\r\n" + hidden
    ),
    "two lengths": lambda hidden: head(
        POST, HOST, JSON, "Content-Length: 0", f"Content-Length: {len(hidden)}", body=hidden
    ),
    "a length with a blank before its colon": lambda hidden: head(
        POST, HOST, JSON, f"Content-Length : {len(hidden)}", body=hidden
    ),
    "chunks spelled with a tab": lambda hidden: head(
        POST, HOST, JSON, "Transfer-Encoding:\tchunked\x0b", "Content-Length: 0", body=hidden
    ),
    "chunks in a folded line": lambda hidden: head(
        POST, HOST, JSON, "Transfer-Encoding:\r\n chunked", "Content-Length: 0", body=hidden
    ),
    "a bare LF before the hidden request": lambda hidden: head(
        POST, HOST, JSON, "X: y\nContent-Length: 0", f"Content-Length: {len(hidden)}", body=hidden
    ),
    "a chunk longer than its size": lambda hidden: head(
        POST, HOST, JSON, CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n" + hidden
    ),
}
