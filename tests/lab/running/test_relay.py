import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

import psycopg
import pytest

from lab.errors import LabError
from lab.running.database import added_latency, pgstat
from lab.running.database.added_latency import further_away

RTT = 0.01  # seconds


@pytest.mark.django_db
def test_a_round_trip_takes_what_was_asked_for(database_url, tmp_path):
    with further_away(database_url, RTT, tmp_path / "log", ()) as (url, relay):
        assert relay
        measured = pgstat.round_trip(database_url, url)
    added = measured.service_ms - measured.direct_ms
    assert 10 <= added < 15


@pytest.mark.django_db
def test_many_connections_wait_at_the_same_time(database_url, tmp_path):
    """200 round trips of 10 ms one after the other would take 2 s."""
    with contextlib.ExitStack() as stack:
        url, _ = stack.enter_context(further_away(database_url, RTT, tmp_path / "log", ()))
        connections = [stack.enter_context(psycopg.connect(url)) for _ in range(20)]
        for connection in connections:
            connection.autocommit = True
        began = time.monotonic()
        threads = [
            threading.Thread(target=lambda c=c: [c.execute("SELECT 1") for _ in range(10)])
            for c in connections
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 1.0


@pytest.mark.django_db
def test_large_answers_arrive_whole_and_in_order(database_url, tmp_path):
    query = "SELECT string_agg(n::text, ',') FROM generate_series(1, 300000) AS n"
    with (
        further_away(database_url, 0.002, tmp_path / "log", ()) as (url, _),
        psycopg.connect(url) as far,
        psycopg.connect(database_url) as near,
    ):
        assert far.execute(query).fetchall() == near.execute(query).fetchall()


def test_an_end_is_passed_on_in_both_directions(tmp_path):
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"postgresql://user:word@127.0.0.1:{listener.getsockname()[1]}/name"
        far, _ = stack.enter_context(further_away(url, 0.002, tmp_path / "log", ()))
        for ends in (0, 1):
            client = socket.create_connection(("127.0.0.1", urlsplit(far).port), timeout=5)
            server, _ = listener.accept()
            server.settimeout(5)
            client.sendall(b"hello")
            assert server.recv(5) == b"hello"
            both = (client, server)
            both[ends].close()
            assert both[1 - ends].recv(1) == b""
            both[1 - ends].close()


def test_a_database_that_is_away_is_a_closed_connection(tmp_path):
    nowhere = further_away("postgresql://127.0.0.1:1/name", 0.002, tmp_path / "log", ())
    with nowhere as (url, _), pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5)


def test_without_a_distance_there_is_no_relay(tmp_path):
    with further_away("postgresql://somewhere/name", 0.0, tmp_path / "log", ()) as (url, relay):
        assert (url, relay) == ("postgresql://somewhere/name", None)


@pytest.mark.parametrize(("url", "address"), [
    ("postgresql://u:p@db.example:6000/name", "db.example:6000"),
    ("postgresql:///name", "127.0.0.1:5432"),
    ("postgresql://postgres@/name?host=%2Frun%2Fpg", "/run/pg/.s.PGSQL.5432"),
])  # fmt: skip
def test_the_database_is_found_behind_any_url(url, address):
    assert added_latency._address(url) == address


def test_the_rest_of_a_url_is_kept():
    far = added_latency._through("postgresql://u:p@/name?host=%2Frun&sslmode=disable", 7)
    assert far == "postgresql://u:p@127.0.0.1:7/name?sslmode=disable"


def test_a_relay_that_cannot_start_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(added_latency, "_address", lambda url: "--wrong")
    refused = pytest.raises(LabError, match="relay before the database did not start")
    with refused, further_away("postgresql://somewhere/name", 1.0, tmp_path / "log", ()):
        pass
