"""What is known of the worker that serves this process."""

import errno
import socket
from types import SimpleNamespace

import pytest

from drf_speedups.server import current_worker


@pytest.fixture(autouse=True)
def unknown_worker(monkeypatch):
    monkeypatch.setattr(current_worker, "_worker", None)


def test_a_process_drains_from_the_moment_its_worker_is_told_to_stop():
    assert not current_worker.draining()  # runserver has no worker
    worker = SimpleNamespace(alive=True)
    current_worker.serve_with(worker)
    assert not current_worker.draining()
    worker.alive = False
    assert current_worker.draining()


def test_an_address_is_taken_while_somebody_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        assert current_worker.why_not(host, port).startswith(f"port {port} is in use: ")
    assert current_worker.why_not(host, port) == ""


@pytest.mark.parametrize(("number", "line"), [
    (errno.EADDRNOTAVAIL, "BIND_ADDRESS is '::1', which is no address of this machine"),
    (errno.EAFNOSUPPORT, "BIND_ADDRESS is '::1', but this machine has no IPv6"),
    (errno.EACCES, "PORT is 80, which this user may not listen at: take one from 1024 on"),
    (errno.ENOMEM, ""),  # gunicorn says it
])  # fmt: skip
def test_why_nobody_can_listen_there_is_one_line(monkeypatch, number, line):
    def refuse(family):
        raise OSError(number, "no")

    monkeypatch.setattr(socket, "socket", refuse)
    assert current_worker.why_not("::1", 80) == line
