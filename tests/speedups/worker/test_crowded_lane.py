"""A lane's requests from the worker's side: who waits for whom, and who has gone."""

import socket
import struct
import time
from types import SimpleNamespace

import pytest

from drf_speedups.worker import BufferedWorker
from tests.speedups.worker.serving import eventually, inside

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
