"""Until an answer is made and closed nobody else's code runs. The worker runs in a thread here."""

import contextvars
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering, failing
from tests.speedups.worker.serving import body, inside, receive_all, talk
from tests.speedups.worker.streams import CLOSE, asking, reader, unchunked

who = threading.local()
var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="")


def rows_of(name, count=500):
    """Name the request again and again, by all that a framework may keep it in."""
    for _ in range(count):
        yield f"{name} {who.name} {var.get()}\n".encode()


def reporting(environ, start_response):
    """Stream rows that say whose they are, as a view under `stream_with_context` does."""
    who.name = environ["PATH_INFO"]
    var.set(environ["PATH_INFO"])
    start_response("200 OK", [])
    return rows_of(environ["PATH_INFO"])


def test_streams_of_several_clients_never_see_each_others_request():
    def download(address, number):
        path = f"/{number}"
        with reader(address, asking(path)) as client:
            time.sleep(0.001 * (number % 5))
            rows = b"".join(unchunked(receive_all(client))).decode().splitlines()
        assert rows == [f"{path} {path} {path}"] * 500

    with inside(reporting) as served, ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(download, served.address), range(20)))


def test_one_block_of_any_size_reaches_a_client_that_reads():
    size = 70 * 2**20

    def writing(environ, start_response):
        start_response("200 OK", [("Content-Length", str(size))])(b"x" * size)
        return []

    for application in (answering([b"x" * size], ("Content-Length", str(size))), writing):
        with inside(application) as served:
            assert len(body(talk(served.address, CLOSE))) == size


def test_an_error_midway_cuts_off_after_what_was_made_before_it():
    application = answering(failing(*[b"x" * 1_000_000] * 9))
    with inside(application) as served, reader(served.address, CLOSE, buffer=2**16) as client:
        time.sleep(0.1)
        answer = receive_all(client)
    assert b"".join(unchunked(answer)) == b"x" * 9_000_000
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_client_that_leaves_midway_ends_its_stream_before_anybody_else_is_answered():
    order = []

    def stream():
        try:
            for _ in range(10_000):
                time.sleep(0.001)
                yield b"x" * 1000
        finally:
            order.append("ended")

    def application(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            return stream()
        order.append("other")
        return [b"fine"]

    with inside(application) as served:
        with socket.create_connection(served.address) as client:
            client.sendall(head("GET /stream HTTP/1.1", HOST))
            client.recv(100)
        assert b"fine" in talk(served.address, CLOSE)
    assert order == ["ended", "other"]


def test_a_stream_that_holds_the_worker_is_named_once_and_the_heart_beats_on(caplog):
    beats = []

    def events():
        for number in range(20):
            time.sleep(0.05)
            yield b"data: %d\n\n" % number

    with inside(lambda e, s: answering(events())(e, s)) as served:
        served.worker.LONG_ANSWER = 0.3
        served.worker.notify = lambda: beats.append(time.monotonic())
        for _ in range(2):
            before = len(beats)
            assert talk(served.address, asking("/events")).count(b"data: ") == 20
            assert len(beats) - before >= 5
    lines = [line for line in caplog.messages if "held the worker" in line]
    assert len(lines) == 1
    assert lines[0].startswith("'/events' held the worker for 0.")
    assert "gthread" in lines[0]


def test_head_runs_the_application_to_its_end_and_sends_no_byte_of_it():
    answer = Closing([b"a", b"b" * 3_000_000])
    with inside(answering(answer)) as served:
        said = talk(served.address, head("HEAD / HTTP/1.1", HOST))
        assert re.fullmatch(rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n", said, re.DOTALL)
    assert answer.closed == 1
