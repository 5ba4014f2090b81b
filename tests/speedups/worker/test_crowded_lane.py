"""A lane's requests from the worker's side: who waits for whom, and who has gone."""

import socket
import struct
import time
from types import SimpleNamespace

import pytest

from drf_speedups.worker import BufferedWorker
from drf_speedups.worker.sending import NOTHING
from tests.speedups.worker.serving import Inside, eventually, inside

GET = b"GET /%b HTTP/1.1\r\nHost: testserver\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


class Lane:
    """Takes up to `most` requests, and does with them what it is told."""

    def __init__(self, most=100):
        self.most = most
        self.begun = []
        self.ended = []

    def open(self, poller, longest_wait):
        pass

    def flush(self):
        pass

    def is_full(self):
        return len(self.begun) >= self.most

    def patience(self, seconds):
        return min(seconds, 0.01)

    def begin(self, request, waited):
        self.begun.append(SimpleNamespace(answer=None, left={}, is_late=False))
        return self.begun[-1]

    def answer(self):
        """Answer all that is under way."""
        while self.begun:
            self.begun[-1].answer = SimpleNamespace(status=200, headers=[], body=b"a")
            self.ended.append(self.begun.pop())

    def leave(self, left):
        """Leave all that is under way to the application."""
        while self.begun:
            self.begun[-1].left = left
            self.ended.append(self.begun.pop())

    def done(self):
        ended, self.ended = self.ended, []
        yield from ended


class Application:
    def __init__(self, lane):
        self.overlap = lane

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Length", "1")])
        return [b"a"]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(BufferedWorker, "LONGEST_WAIT", 0.1)


def ask(served, path=b""):
    client = socket.create_connection(served.address, timeout=10)
    client.sendall(GET % path)
    return client


def status(client):
    with client:
        return client.recv(1000)[9:12]


def test_a_client_that_resets_while_its_request_is_under_way_does_not_keep_the_worker_busy():
    lane = Lane()
    with inside(Application(lane)) as served:
        client = ask(served)
        eventually(lambda: lane.begun)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        time.sleep(0.1)
        assert [served.worker.poller.poll(0) for _ in range(10)] == [[]] * 10
        lane.leave({})
        eventually(lambda: not served.connections())


def test_what_is_under_way_when_a_worker_has_to_stop_is_not_said_to_be_undone(caplog):
    lane = Lane(most=1)
    served = Inside(Application(lane), graceful_timeout=0)
    clients = [ask(served), ask(served)]
    while len(served.worker.queue) + len(lane.begun) < 2:
        served.worker.turn(0.01)
    served.worker._drain()
    assert [status(client) for client in clients] == [b"", b"503"]
    assert "A client was cut off" in caplog.text
    served.end()


def test_a_client_that_has_gone_has_its_line_in_the_access_log_too(capfd):
    lane = Lane()
    shown = {"accesslog": "-", "access_log_format": "%(U)s %(s)s %({remote_port}e)s"}
    with inside(Application(lane), **shown) as served:
        client = ask(served, b"gone")
        port = client.getsockname()[1]
        eventually(lambda: lane.begun)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        eventually(lambda: not is_watched(served))
        lane.answer()
        eventually(lambda: not served.connections())
    assert capfd.readouterr().out.splitlines() == [f"/gone 200 {port}"]


def is_watched(served):
    return any(connection.watched != NOTHING for connection in served.connections())


def test_who_waits_too_long_is_refused_although_the_lane_is_full(impatient):
    lane = Lane(most=1)
    with inside(Application(lane)) as served:
        first = ask(served)
        eventually(lambda: lane.begun)
        assert status(ask(served)) == b"503"
        lane.leave({"error": None})
        assert status(first) == b"200"


def test_what_a_lane_leaves_undone_is_begun_anew_only_in_time(impatient):
    lane = Lane()
    with inside(Application(lane)) as served:
        for wait, left, said in ((0, {}, b"200"), (0.2, {}, b"503"), (0.2, {"error": 1}, b"200")):
            client = ask(served)
            eventually(lambda: lane.begun)
            time.sleep(wait)
            lane.leave(left)
            assert status(client) == said


def test_a_request_that_was_long_under_way_is_logged_and_has_not_held_the_worker(
    monkeypatch, caplog
):
    monkeypatch.setattr(BufferedWorker, "LONG_ANSWER", 0.01)
    caplog.set_level("INFO")
    lane = Lane()
    with inside(Application(lane), accesslog="-") as served:
        client = ask(served, b"long")
        eventually(lambda: lane.begun)
        time.sleep(0.02)
        lane.answer()
        assert status(client) == b"200"
    assert "held the worker" not in caplog.text
