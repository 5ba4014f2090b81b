"""What gunicorn's hooks are told."""

import socket
from types import SimpleNamespace

import pytest

from drf_speedups import pooler, serving


@pytest.fixture(autouse=True)
def unknown_worker(monkeypatch):
    monkeypatch.setattr(serving, "_worker", None)
    monkeypatch.setattr(pooler, "way", pooler.Way)


def test_a_process_drains_from_the_moment_its_worker_is_told_to_stop():
    assert not serving.draining()  # runserver has no worker
    worker = SimpleNamespace(alive=True)
    serving.serve_with(worker)
    assert not serving.draining()
    worker.alive = False
    assert serving.draining()


@pytest.mark.parametrize(("most", "warning"), [
    (None, ""), (8, ""), (7, "8 database connections are needed but max_connections is 7: lower "),
])  # fmt: skip
def test_only_connections_that_do_not_fit_are_warned_of(monkeypatch, most, warning):
    monkeypatch.setattr(serving, "max_connections", lambda: most)
    assert "".join(serving.connection_warnings(2, 4)).startswith(warning)
    assert len(serving.connection_warnings(2, 4)) == bool(warning)


def test_behind_a_pooler_the_database_is_not_asked_for_room_but_the_pooler_for_its_faults(
    monkeypatch,
):
    monkeypatch.setattr(serving, "max_connections", lambda: 1)
    monkeypatch.setattr(pooler, "way", lambda: pooler.Way(pooled=True, faults=("mend this",)))
    assert serving.connection_warnings(2, 4) == ("mend this",)
    assert "8 database connections to a pooler, prepared statements on; " in serving.start_line(
        2, 4
    )


def test_the_service_starts_and_says_so_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(serving, "max_connections", lambda: None)
    line = serving.start_line(2, 4)
    assert line.startswith("2 workers x 4 threads, 8 database connections, database not reachable")


def test_an_address_is_taken_while_somebody_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        assert serving.is_taken(host, port)
    assert not serving.is_taken(host, port)
