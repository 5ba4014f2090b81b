"""The database backend: what it takes a connection for, and how long it waits."""

import contextlib
import socket
import time

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.postgresql import base as stock

from drf_speedups.database import old_connections
from drf_speedups.database.statements import Statement
from drf_speedups.postgresql import base, half_open


@pytest.mark.parametrize(("options", "seconds"), [
    ("-c statement_timeout=5s -c lock_timeout=3s", 5), ("-c statement_timeout=800ms", 0.8),
    ("-c statement_timeout=300", 0.3), ("-c statement_timeout=2min", 120),
    ("-c statement_timeout=1h", 3600), ("-c statement_timeout=1d -c a=b", 86_400),
    ("-c statement_timeout=0", float("inf")), ("", float("inf")),
    ("-c statement_timeout=5s -c statement_timeout=9s", 9),
    ("-c statement_timeout=5s -c statement_timeout=0", float("inf")),
    ("-c statement_timeout='5s'", float("inf")), ("-c statement_timeout=5weeks", float("inf")),
])  # fmt: skip
def test_the_limit_of_a_statement_is_read_from_the_options(options, seconds):
    assert base.statement_limit(options) == seconds


def _terminate(pid, database_url):
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    time.sleep(2 * base.TRUSTED)


def _by_statement():
    return int(Statement("SELECT pg_backend_pid()", [], "default").rows([])[0][0] or 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["cursor", "statement"])
def test_a_connection_that_was_ended_while_idle_is_replaced_unnoticed(database_url, way):
    ask = _backend if way == "cursor" else _by_statement
    before = ask()
    old_connections._close_what_is_due()  # its request is over
    _terminate(before, database_url)
    assert ask() != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before_that", ["SELECT 1", "no SQL"])
def test_requests_in_the_express_lane_never_meet_a_session_that_is_lost(database_url, before_that):
    with contextlib.suppress(ProgrammingError):
        connection.cursor().execute(before_that)
    old_connections._close_what_is_due()
    for _ in range(3):
        old_connections.look_at("default")
        before = _by_statement()
        _terminate(before, database_url)
        assert _by_statement() != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", [
    "SELECT pg_advisory_lock(1)", "SET ROLE pg_monitor", "CREATE TEMPORARY TABLE half (id int)",
])  # fmt: skip
def test_what_a_request_keeps_in_its_session_is_not_lost_in_silence(database_url, kept):
    connection.cursor().execute(kept)
    _terminate(_backend(), database_url)
    with pytest.raises(OperationalError):
        connection.cursor().execute("SELECT 1")
    old_connections._close_what_is_due()
    assert _backend()


@pytest.mark.django_db(transaction=True)
def test_when_one_link_fell_silent_the_idle_connections_of_that_time_are_replaced(monkeypatch):
    def backend():
        time.sleep(2 * base.TRUSTED)
        old_connections._close_what_is_due()
        return _backend()

    before = backend()
    monkeypatch.setattr(half_open, "_found_at", time.monotonic())
    after = backend()
    assert after == backend() != before


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_no_connection_is_replaced(database_url):
    with pytest.raises(OperationalError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (before,) = cursor.fetchone()
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
        time.sleep(2 * base.TRUSTED)
        connection.cursor().execute("SELECT 1")


def _backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _set_autocommit():
    connection.set_autocommit(False)


def _begin():
    connection.cursor().execute("BEGIN")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begin", [_set_autocommit, _begin])
@pytest.mark.parametrize("first", ["SELECT 1", "CREATE TEMPORARY TABLE half (id int)"])
def test_the_second_half_of_a_transaction_is_not_all_of_it(database_url, begin, first):
    try:
        begin()
        connection.cursor().execute(first)
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (_backend(),))
        time.sleep(2 * base.TRUSTED)
        with pytest.raises(OperationalError):
            connection.cursor().execute("SELECT 2")
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_told_something_is_kept(database_url):
    connection.cursor().execute("LISTEN news")
    before = _backend()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("NOTIFY news, 'one'")
    time.sleep(2 * base.TRUSTED)
    old_connections._close_what_is_due()
    assert _backend() == before
    connection.close()


def test_after_a_host_that_does_not_answer_the_next_request_is_told_at_once(monkeypatch):
    attempts = []

    def silent(self, parameters):
        attempts.append(parameters)
        time.sleep(0.02)
        raise OperationalError("timeout expired")

    monkeypatch.setattr(base, "LONG_ATTEMPT", 0.01)
    monkeypatch.setattr(base, "_silent", {})
    monkeypatch.setattr(stock.DatabaseWrapper, "get_new_connection", silent)
    for alias in ("one", "one", "one", "other", "other"):
        with pytest.raises(OperationalError):
            base.DatabaseWrapper(connection.settings_dict, alias).get_new_connection({})
    assert len(attempts) == 2
    pooled = connection.settings_dict | {"OPTIONS": {"pool": {"max_size": 1}}}
    for _ in range(3):  # all of it was lent: the next may find one that came back
        with pytest.raises(OperationalError, match=r"^timeout expired"):
            base.DatabaseWrapper(pooled, "pooled").get_new_connection({})


def test_the_kernel_tells_for_how_long_a_link_is_silent():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as peer,
    ):
        client.sendall(b"?")
        peer.sendall(b"!")
        client.recv(1)
        assert half_open.silent_for(client) < 0.2
        time.sleep(0.3)
        assert 0.25 < half_open.silent_for(client) < 5
        client.sendall(b"?")
        assert half_open.silent_for(client) < 0.2
