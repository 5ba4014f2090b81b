"""What gunicorn's hooks are told."""

import socket
from types import SimpleNamespace

import pytest

from drf_speedups.database import pooler
from drf_speedups.server import current_worker


@pytest.fixture(autouse=True)
def unknown_worker(monkeypatch):
    monkeypatch.setattr(current_worker, "_worker", None)
    monkeypatch.setattr(pooler, "way", pooler.Way)


def test_a_process_drains_from_the_moment_its_worker_is_told_to_stop():
    assert not current_worker.draining()  # runserver has no worker
    worker = SimpleNamespace(alive=True)
    current_worker.serve_with(worker)
    assert not current_worker.draining()
    worker.alive = False
    assert current_worker.draining()


@pytest.mark.parametrize(("most", "warning"), [
    (None, ""), (8, ""), (7, "8 database connections are needed but max_connections is 7: lower "),
])  # fmt: skip
def test_only_connections_that_do_not_fit_are_warned_of(monkeypatch, most, warning):
    monkeypatch.setattr(current_worker, "max_connections", lambda: most)
    assert "".join(current_worker.connection_warnings(2, 4)).startswith(warning)
    assert len(current_worker.connection_warnings(2, 4)) == bool(warning)


def test_behind_a_pooler_the_database_is_not_asked_for_room_but_the_pooler_for_its_faults(
    monkeypatch,
):
    monkeypatch.setattr(current_worker, "max_connections", lambda: 1)
    monkeypatch.setattr(pooler, "way", lambda: pooler.Way(pooled=True, faults=("mend this",)))
    assert current_worker.connection_warnings(2, 4) == ("mend this",)
    assert (
        "8 database connections to a pooler, prepared statements on; "
        in current_worker.start_line(2, 4)
    )


def test_the_service_starts_and_says_so_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(current_worker, "max_connections", lambda: None)
    line = current_worker.start_line(2, 4)
    assert line.startswith("2 workers x 4 threads, 8 database connections, database not reachable")


def test_an_address_is_taken_while_somebody_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        assert current_worker.is_taken(host, port)
    assert not current_worker.is_taken(host, port)
