"""One client must not cost the others their turn. The worker runs in a thread here."""

import contextlib
import socket
import threading
import time

from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering
from tests.speedups.worker.serving import body, eventually, inside, receive_all, talk

GET = head("GET / HTTP/1.1", HOST)
CLOSE = head("GET / HTTP/1.1", HOST, "Connection: close")
LIVEZ = head("GET /livez HTTP/1.1", HOST)
BIG = 10_000_000


def slow_reader(address, request=GET):
    """Return a connection that has asked for much and reads nothing yet."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.settimeout(30)
    client.connect(address)
    client.sendall(request)
    return client


def test_a_slow_reader_holds_up_none_holds():
    def application(environ, start_response):
        length = BIG if environ["PATH_INFO"] == "/big" else 5
        start_response("200 OK", [("Content-Length", str(length))])
        return [b"x" * length]

    request = head("GET /big HTTP/1.1", HOST, "Connection: close")
    with inside(application) as served, slow_reader(served.address, request) as client:
        for _ in range(5):
            assert body(talk(served.address, GET)) == b"xxxxx"
        assert len(body(receive_all(client))) == BIG


def test_a_client_that_goes_away_midway_costs_no_more_than_its_own_answer():
    answer = Closing(b"x" * 65_536 for _ in range(10_000))
    with inside(answering(answer)) as served:
        slow_reader(served.address).close()  # with unread data: a reset
        eventually(lambda: answer.closed)
        eventually(lambda: not served.worker.connections)
        answer.blocks = iter([b"fine"])
        assert b"fine" in talk(served.address, GET)
    assert answer.closed == 2


def test_pipelined_requests_of_one_client_leave_others_their_turn():
    order = []

    def application(environ, start_response):
        order.append(environ["PATH_INFO"])
        time.sleep(0.01)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    greedy, modest = head("GET /greedy HTTP/1.1", HOST), head("GET /modest HTTP/1.1", HOST)
    with inside(application) as served, socket.create_connection(served.address) as client:
        client.sendall(greedy * 50)
        eventually(lambda: order)
        talk(served.address, modest)
        assert order.index("/modest") < 40
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).count(b"HTTP/1.1 200 OK") == 50  # and none is lost


def test_more_pipelined_requests_than_are_buffered_are_all_answered():
    many = 20_000
    with (
        inside(answering([b"a"], ("Content-Length", "1"))) as served,
        socket.create_connection(served.address, timeout=30) as client,
    ):
        sending = threading.Thread(target=client.sendall, args=(GET * many,))
        sending.start()
        count = 0
        tail = b""
        while count < many:
            data = client.recv(1 << 20)
            assert data
            count += (tail + data).count(b"\r\n\r\na") - tail.count(b"\r\n\r\na")
            tail = data[-4:]
        sending.join(20)


def test_an_endless_head_is_refused_long_before_it_is_a_megabyte():
    with inside(answering([b"a"])) as served:
        said = talk(served.address, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 90 + b"B: c\r\n" * 20_000)
    assert said.startswith(b"HTTP/1.1 431")


def test_a_busy_worker_refuses_on_a_connection_that_it_keeps():
    def slow(environ, start_response):
        time.sleep(0.3)
        start_response("200 OK", [("Content-Length", "1")])
        return [b"a"]

    with inside(slow) as served, contextlib.ExitStack() as stack:
        served.worker.LONGEST_WAIT = 0.1
        clients = [
            stack.enter_context(socket.create_connection(served.address, timeout=20))
            for _ in range(3)
        ]
        for client in clients:  # two of them wait for the first one, and one more for the second
            client.sendall(GET)
            time.sleep(0.05)
        said = [client.recv(65_536)[:12] for client in clients]
        assert sorted(said) == [b"HTTP/1.1 200", b"HTTP/1.1 200", b"HTTP/1.1 503"]
        refused = clients[said.index(b"HTTP/1.1 503")]
        refused.sendall(GET)
        assert refused.recv(65_536).startswith(b"HTTP/1.1 200")


def test_who_asks_whether_we_live_without_end_leaves_others_their_turn():
    def application(environ, start_response):
        time.sleep(0.002)
        return answering([b"a"], ("Content-Length", "1"))(environ, start_response)

    def ask_again_and_again(client):
        with contextlib.suppress(OSError):
            client.sendall(LIVEZ)
            while client.recv(1000):
                client.sendall(LIVEZ)

    with inside(application) as served, contextlib.ExitStack() as stack:
        served.worker.NEVER_REFUSED = frozenset({"/livez"})
        probes = [
            stack.enter_context(socket.create_connection(served.address, timeout=20))
            for _ in range(4)
        ]
        asking = [threading.Thread(target=ask_again_and_again, args=(p,)) for p in probes]
        for one in asking:
            one.start()
        for _ in range(5):
            assert body(talk(served.address, CLOSE)) == b"a"
        assert all(one.is_alive() for one in asking)
        for probe in probes:
            probe.shutdown(socket.SHUT_RDWR)
        for one in asking:
            one.join(20)
