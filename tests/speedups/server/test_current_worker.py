"""What is known of the worker that serves this process."""

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
        assert current_worker.is_taken(host, port)
    assert not current_worker.is_taken(host, port)
