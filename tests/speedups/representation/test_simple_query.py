"""Queries that go past Django's cursor: seen, refused and interrupted as if it had sent them."""

import asyncio
import contextlib
import datetime
import functools
import os
import signal
import threading
import uuid
from decimal import Decimal
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.utils.functional import lazystr

from drf_speedups.database.fetched import fetch, fetch_number
from tests.speedups.library.models import Book
from tests.speedups.representation.test_fetched import ASKED, outcome, sent_by_cursor

pytestmark = pytest.mark.django_db


@contextlib.contextmanager
def _wrapped(own, seen):
    def note(execute, sql, *others):
        seen.append(sql)
        return execute(sql, *others)

    with own.execute_wrapper(note):
        yield


def _replaced(kind, name):
    """Replace a method of a class by one that notes that it was run."""

    @contextlib.contextmanager
    def replaced(_own, seen):
        stock = getattr(kind, name)

        def ours(self, *args, **kwargs):
            seen.append(name)
            return stock(self, *args, **kwargs)

        with mock.patch.object(kind, name, ours):
            yield

    return replaced


@contextlib.contextmanager
def _of_its_own(own, seen):
    with mock.patch.object(own.connection, "cursor", wraps=own.connection.cursor) as cursor:
        yield
    seen += cursor.mock_calls


@contextlib.contextmanager
def _logged(own, seen):
    with mock.patch.object(own, "force_debug_cursor", True):
        yield
    seen += [one["sql"] for one in own.queries_log]


@contextlib.contextmanager
def _of_a_backend(own, seen):
    """Choose a schema, say, before each statement."""

    def _cursor(self, *args):
        seen.append("_cursor")
        return usual._cursor(self, *args)

    usual = type(own)
    own.__class__ = type("Tenants", (usual,), {"_cursor": _cursor})
    yield
    own.__class__ = usual


WATCHING = {
    "a backend that does something for each cursor": _of_a_backend,
    "a wrapper of statements": _wrapped, "the log of queries": _logged,
    "who replaces Django's cursor": _replaced(CursorWrapper, "execute"),
    "who replaces what that runs": _replaced(CursorWrapper, "_execute"),
    "who replaces how Django makes cursors": _replaced(BaseDatabaseWrapper, "_cursor"),
    "who replaces the driver's cursor": _replaced(psycopg.Cursor, "execute"),
    "who replaces how the driver makes cursors": _replaced(psycopg.Connection, "cursor"),
    "who replaces it for one connection": _of_its_own,
}  # fmt: skip


@pytest.mark.parametrize("watching", WATCHING.values(), ids=WATCHING)
def test_a_query_is_seen_by(own, watching):
    own.ensure_connection()
    expected = fetch(own, ASKED, [2])[0], fetch_number(own, "SELECT %s::int8", [7])
    seen: list[Any] = []
    with watching(own, seen):
        assert fetch(own, ASKED, [2])[0] == expected[0]
        assert fetch_number(own, "SELECT %s::int8", [7]) == expected[1]
    assert len(seen) == 2


def test_a_query_that_nobody_watches_makes_no_cursor(own):
    own.ensure_connection()
    with mock.patch("psycopg.Cursor.__init__", side_effect=AssertionError):
        assert fetch(own, ASKED, [2])[0] == ["{}"] * 2
        assert fetch_number(own, "SELECT %s::int8 %% 5", [7]) == 2


@pytest.mark.parametrize(("sql", "parameters"), [
    ("SELECT 1 / %s, ''", [0]), ("SELECT no such thing", []), ("SELECT %s::text", ["\0"]),
    ("SELECT %s::text", [object()]),
    ("SELECT '294276-01-01'::timestamp, ''::text", []),
    ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(10), ''::text", []),
    ("SELECT pg_terminate_backend(pg_backend_pid()), ''::text", []),
])  # fmt: skip
def test_an_error_is_the_one_that_a_cursor_raises(own, sql, parameters):
    outcomes = []
    for ask in (fetch, sent_by_cursor):
        own.ensure_connection()
        with pytest.raises(Exception) as raised:
            ask(own, sql, parameters)
        outcomes.append((type(raised.value), type(raised.value.__cause__), str(raised.value),
                         own.errors_occurred))  # fmt: skip
        own.close()
        own.errors_occurred = False
    assert outcomes[0] == outcomes[1]


def test_a_link_that_is_closed_is_told_as_by_a_cursor(own):
    for ask in (fetch, fetch_number, sent_by_cursor):
        own.ensure_connection()
        own.connection.close()
        with pytest.raises(OperationalError, match="the connection is closed"):
            ask(own, "SELECT 1", ())
        own.close()


def test_a_query_under_way_ends_when_its_process_is_interrupted(own):
    own.ensure_connection()

    def interrupt(*_args):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch(own, "SELECT pg_sleep(60), ''::text", ())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert fetch(own, "SELECT 1, 'it goes on'::text", ())[0] == ["it goes on"]


def test_a_connection_of_another_thread_is_refused_as_a_cursor_refuses_it(own):
    own.ensure_connection()
    said = []

    def ask_all():
        for ask in (sent_by_cursor, fetch, fetch_number):
            said.append(outcome(functools.partial(ask, own, "SELECT 1, ''::text", ())))

    other = threading.Thread(target=ask_all)
    other.start()
    other.join()
    assert "can only be used in that same thread" in said[0]
    assert said == [said[0]] * 3


def test_a_query_on_an_event_loop_s_thread_is_refused_as_a_cursor_refuses_it(own):
    own.ensure_connection()

    async def refused(ask):
        with pytest.raises(SynchronousOnlyOperation) as raised:
            ask(own, "SELECT 1, ''::text", ())
        return str(raised.value)

    said = [asyncio.run(refused(ask)) for ask in (sent_by_cursor, fetch, fetch_number)]
    assert said == [said[0]] * 3


@pytest.mark.parametrize("value", [
    "it's", 'a "b" \\ c', "100 % of %s", "é\u2028", "", -3, 2**40, True, None, 1.5, Decimal("1.10"),
    uuid.UUID(int=7), datetime.date(2026, 1, 2), datetime.timedelta(1.5), [1, None], b"\0x",
    datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), lazystr("later"), Book.Genre.PROSE,
])  # fmt: skip
def test_a_value_is_sent_as_a_cursor_sends_it(own, value):
    sql = "SELECT to_json(%s), pg_typeof(%s)::text, '%%s %%'"
    assert repr(outcome(lambda: fetch(own, sql, [value, value], whole=True)[1]())) == repr(
        outcome(lambda: sent_by_cursor(own, sql, [value, value]))
    )
