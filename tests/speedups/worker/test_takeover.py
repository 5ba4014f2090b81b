"""What an application may do to the loop whose process it shares, and the loop goes on."""

import os
import select
import signal
import socket
import time

import pytest

from tests.contract.raw import HOST, head
from tests.speedups.worker.applications import Closing, answering
from tests.speedups.worker.serving import body, eventually, gunicorn, inside, receive_all, talk

GET = head("GET / HTTP/1.1", HOST)
CLOSE = head("GET / HTTP/1.1", HOST, "Connection: close")
TAKE = head("GET /take HTTP/1.1", HOST)


def test_an_application_may_be_patched_by_gevent_which_takes_epoll_away(monkeypatch):
    monkeypatch.delattr(select, "epoll")
    with inside(answering([b"fine"], ("Content-Length", "4"))) as served:
        assert body(talk(served.address, GET)) == b"fine"


def taking(do):
    """Return an application that does something with the client's socket at /take."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/take":
            return do(environ, start_response)
        return answering([b"fine"], ("Content-Length", "4"))(environ, start_response)

    return application


def closes(environ, start_response):
    environ["gunicorn.socket"].close()
    return answering([b"a"], ("Content-Length", "1"))(environ, start_response)


def shuts(environ, start_response):
    environ["gunicorn.socket"].shutdown(socket.SHUT_RDWR)
    return answering([b"a"], ("Content-Length", "1"))(environ, start_response)


kept: list[int] = []


def hands_on(environ, start_response):
    kept.append(os.dup(environ["gunicorn.socket"].fileno()))
    environ["gunicorn.socket"].close()
    raise StopIteration


def detaches(environ, start_response):
    os.close(environ["gunicorn.socket"].detach())
    return answering([b"a"], ("Content-Length", "1"))(environ, start_response)


def closes_and_opens(environ, start_response):
    """What it opens next has the number that the socket had."""
    environ["gunicorn.socket"].close()
    kept.append(os.open(os.devnull, os.O_RDONLY))
    return answering([b"a"], ("Content-Length", "1"))(environ, start_response)


def answers_itself(environ, start_response):
    environ["gunicorn.socket"].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nme")
    raise StopIteration


@pytest.mark.parametrize(
    "do", [closes, shuts, hands_on, detaches, closes_and_opens, answers_itself]
)
def test_whatever_is_done_to_a_socket_the_worker_goes_on_accepting(do):
    most = 3
    with inside(taking(do), worker_connections=most) as served:
        for _ in range(3 * most):
            said = talk(served.address, TAKE, end=False) if do is not hands_on else take(served)
            assert b" 500 " not in said
        eventually(lambda: served.worker.acceptor.held == 0)
        assert not served.connections()
        assert body(talk(served.address, CLOSE)) == b"fine"
        while kept:
            os.close(kept.pop())


class ClosingBadly(Closing):
    def close(self):
        raise SystemExit(1)


class NotEvenAsked(Closing):
    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def close(self):
        raise RuntimeError("close")


@pytest.mark.parametrize("answer", [ClosingBadly, NotEvenAsked])
def test_an_answer_that_cannot_be_closed_leaves_no_socket_that_blocks_the_worker(answer, caplog):
    def application(environ, start_response):
        environ["gunicorn.socket"].setblocking(True)
        return answering(answer([b"a"]), ("Content-Length", "1"))(environ, start_response)

    with inside(application) as served, socket.create_connection(served.address) as client:
        client.sendall(GET)
        assert client.recv(1000).endswith(b"\r\n\r\na")
        eventually(lambda: "Error after the answer" in caplog.text)
        assert not any(os.get_blocking(one.fd) for one in served.connections())


def test_questions_about_the_connection_do_not_end_it():
    def application(environ, start_response):
        sock = environ["gunicorn.socket"]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = str(sock.getpeername()[1]).encode()
        assert not any(os.get_blocking(one.fd) for one in inner.connections())
        return answering([said], ("Content-Length", str(len(said))))(environ, start_response)

    with inside(application) as inner, socket.create_connection(inner.address) as client:
        for _ in range(2):
            client.sendall(GET)
            assert body(client.recv(1000)) == str(client.getsockname()[1]).encode()


def take(served):
    """Ask, and hear that the worker has let go of a socket that somebody else still holds."""
    with socket.create_connection(served.address, timeout=20) as client:
        client.sendall(TAKE)
        assert select.select([client], [], [], 0.1)[0] == []  # it is still open
        os.write(kept[-1], b"from somebody else")
        return client.recv(100)


def test_a_web_socket_works_as_under_sync():
    def application(environ, start_response):
        sock = environ["gunicorn.socket"]
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        while data := sock.recv(100):  # it blocks, as it does under sync
            sock.sendall(data)
        sock.close()
        raise StopIteration

    upgrade = head("GET / HTTP/1.1", HOST, "Connection: Upgrade", "Upgrade: websocket")
    with inside(application) as served:
        for _ in range(2):
            with socket.create_connection(served.address, timeout=20) as client:
                client.sendall(upgrade)
                assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
                for word in (b"one", b"two"):
                    client.sendall(word)
                    assert client.recv(100) == word
        eventually(lambda: served.worker.acceptor.held == 0)


def test_an_answer_of_101_says_that_it_upgrades_and_what_follows_is_no_request():
    headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "a")]
    with inside(answering([], *headers, status="101 Switching Protocols")) as served:
        lines = talk(served.address, GET + GET, end=False).split(b"\r\n")
    assert b"Connection: upgrade" in lines
    assert b"Upgrade: websocket" in lines
    assert lines.count(b"HTTP/1.1 101 Switching Protocols") == 1


def test_what_was_written_before_the_socket_is_used_comes_before_what_it_sends():
    written = b"a" * 10_000_000  # more than the kernel takes

    def application(environ, start_response):
        write = start_response("200 OK", [("Content-Length", str(len(written) + 4))])
        write(written)
        environ["gunicorn.socket"].sendall(b"last")
        return []

    with inside(application) as served, socket.create_connection(served.address) as client:
        client.sendall(GET)
        time.sleep(0.1)
        assert body(receive_all(client)) == written + b"last"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve `hostile` by a real worker, which nobody may have to replace."""
    folder = tmp_path_factory.mktemp("takeover")
    with gunicorn(folder, "hostile", timeout=20, graceful_timeout=2) as (address, started):
        yield address, started


def ask(address, path):
    return body(talk(address, head(f"GET {path} HTTP/1.0", HOST), end=False))


@pytest.mark.parametrize("how", ["returns", "raises", "exits", "leaves", "closes"])
def test_a_child_that_an_application_forks_is_heard_by_no_client(served, how):
    address, _ = served
    worker = ask(address, "/pid")
    with socket.create_connection(address, timeout=20) as idle:
        idle.sendall(head("GET /pid HTTP/1.1", HOST))
        assert body(idle.recv(1000)) == worker
        for _ in range(3):
            assert ask(address, f"/fork?{how}") == (b"forks" if how == "closes" else b"parent")
        idle.sendall(head("GET /pid HTTP/1.1", HOST))
        assert body(idle.recv(1000)) == worker  # and its connections are still open
    assert ask(address, "/pid") == worker


def test_without_descriptors_the_worker_answers_and_is_well_afterwards(served):
    address, _ = served
    worker = ask(address, "/pid")
    assert len(ask(address, "/exhaust")) == 5_000_000
    eventually(lambda: ask(address, "/free") == b"freed")
    assert ask(address, "/pid") == worker


def test_a_worker_whose_signals_an_application_has_blocked_still_stops(tmp_path):
    with gunicorn(tmp_path, "hostile", graceful_timeout=5) as (address, started):
        assert ask(address, "/block") == b"blocked"
        time.sleep(1.5)
        begun = time.monotonic()
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait(10) == 0
        assert time.monotonic() - begun < 4


def test_an_application_that_hangs_is_replaced_after_the_timeout(tmp_path):
    with gunicorn(tmp_path, "hostile", timeout=2, graceful_timeout=2) as (address, _):
        worker = ask(address, "/pid")
        ask(address, "/sleep/30")
        eventually(lambda: ask(address, "/pid") != worker)
