"""Rows of a result that nobody has read yet: the same as those that are read at once."""

import asyncio
import contextlib
import copy
import datetime
import functools
import gc
import os
import signal
import sys
import threading
import uuid
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import psycopg
import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import Cursor
from django.db.backends.utils import CursorWrapper
from django.utils.functional import lazystr
from psycopg.types.numeric import IntLoader
from psycopg.types.string import TextLoader

from drf_speedups.database.fetched import fetch, fetch_number
from drf_speedups.eligibility import adapters
from tests.speedups.library.models import Book

pytestmark = pytest.mark.django_db
VALUES = """
    1::int2, -2::int8, 0.1::float8, 'NaN'::numeric, true, 'é'::text, NULL::date, '1999-12-31'::date,
    '2026-03-29 01:30:00.5'::timestamp, '2026-03-29 01:30+00'::timestamptz, '23:59:59.9'::time,
    '12345678-1234-5678-1234-567812345678'::uuid, '{"a": 1}'::jsonb, '::1'::inet, '\\x00ff'::bytea
"""
ASKED = f"SELECT {VALUES}, '{{}}'::text FROM generate_series(1, %s)"


def waits(rows):
    """Tell whether nothing has been read yet."""
    return hasattr(rows, "cache_info") and not rows.cache_info().currsize


def outcome(ask):
    """Return what is given, or the error in words."""
    try:
        return ask()
    except DatabaseError as error:
        return repr(error)


@pytest.fixture
def own():
    """Give a connection that may be closed."""
    other = connection.copy("own")
    other.settings_dict = copy.deepcopy(other.settings_dict)
    yield other
    other.close()


def _closed(other):
    other.close()


def _in_another_zone(other):
    with other.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")


def _in_a_failed_transaction(other):
    other.set_autocommit(False)
    with other.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT 1/0")


def _busy(other):
    with other.cursor() as cursor:
        cursor.execute("SELECT 2")


@pytest.mark.parametrize("happens", [_closed, _in_another_zone, _in_a_failed_transaction, _busy])
@pytest.mark.parametrize("bound", ["by the client", "by the server"])
def test_rows_are_read_later_as_they_would_have_been_at_once(own, happens, bound):
    own.settings_dict["OPTIONS"]["server_side_binding"] = bound == "by the server"
    own.settings_dict["TIME_ZONE"] = "Europe/Lisbon"
    texts, rows = fetch(own, ASKED, [3], whole=True)
    again, later = fetch(own, ASKED, [3])
    happens(own)
    assert texts == again == ["{}"] * 3
    assert waits(later)
    assert repr(later()) == repr(rows())  # with zones and NaN
    assert later() is later()
    if happens is _in_a_failed_transaction:
        own.rollback()


def test_a_result_that_nobody_reads_is_let_go_without_a_warning(own, recwarn):
    fetch(own, ASKED, [3])
    own.close()
    gc.collect()
    assert [*recwarn] == []


@pytest.mark.parametrize("value", [
    "'infinity'::date", "'-infinity'::timestamptz", "'12000-01-01'::timestamp", "'24:00'::time",
    "'0044-03-15 BC'::date", "'1044-03-15 BC'::timestamptz", "'0001-01-01'::date",
    "'1 year'::interval", "ARRAY[1]", "'[1,2]'::int4range", "'1'::json", "ROW(1, 2)",
    "'12:00+01'::timetz",
])  # fmt: skip
def test_what_python_may_not_have_is_read_at_once(own, value):
    sql = f"SELECT {value}, '2026-01-01'::date, '{{}}'::text"
    with own.cursor() as cursor:
        cursor.execute(sql)
        expected = outcome(cursor.fetchall)
    found = outcome(lambda: fetch(own, sql, ()))
    assert found == expected if isinstance(found, str) else not waits(found[1])


class Doubling(IntLoader):
    """Reads numbers in its own way."""

    def load(self, data):
        """Return twice the number."""
        return 2 * super().load(data)


@pytest.mark.parametrize("told", ["SET client_encoding = 'LATIN1'", "SET DateStyle = 'German'"])
def test_a_session_that_says_things_in_its_own_way_is_read_at_once(own, told):
    with own.cursor() as cursor:
        cursor.execute(told)
    texts, rows = fetch(own, "SELECT '2026-03-29'::date, '\"é\"'::text", ())
    assert texts == ['"é"']
    assert not waits(rows)


def test_a_project_s_own_way_to_read_a_type_is_used_at_once(own):
    own.ensure_connection()
    own.connection.adapters.register_loader("int4", Doubling)
    _, rows = fetch(own, "SELECT 21, ''::text", ())
    assert not waits(rows)
    assert rows() == [(42, "")]


def test_another_class_of_cursors_is_asked_for_all_rows(own):
    own.settings_dict["OPTIONS"]["cursor_factory"] = type("Own", (Cursor,), {})
    _, rows = fetch(own, ASKED, [1])
    assert not waits(rows)


class Caster:
    """What makes values of types, as psycopg2 has it."""

    def __init__(self, *values):
        self.values = values


def _of_psycopg2(description, cursor=None, link=None, everywhere=None):
    """Return a driver as psycopg2 is one, and a result of it."""
    whole, text, driver = Caster(20, 23), Caster(25, 1043), ModuleType("driver")
    shared = {20: whole, 23: whole, 25: text, 1043: text, **(everywhere or {})}
    vars(driver).update(INTEGER=whole, STRING=text, string_types=shared, cursor=SimpleNamespace)
    found = SimpleNamespace(
        string_types=cursor, connection=SimpleNamespace(string_types=link or {}),
        description=[SimpleNamespace(type_code=code) for code in description],
    )  # fmt: skip
    return driver, found


@pytest.mark.parametrize(("given", "as_ever"), [
    ({}, True), ({"link": {3802: Caster(3802)}}, True),
    ({"everywhere": {2950: Caster(2950)}}, True), ({"everywhere": {1700: Caster(1700)}}, True),
    ({"everywhere": {1043: Caster(1043)}}, False), ({"link": {20: Caster(20)}}, False),
    ({"cursor": {25: Caster(25)}}, False),
    ({"link": {23: Caster(23)}}, True),  # which is in no column
])  # fmt: skip
def test_a_project_s_own_way_to_read_a_type_is_seen_with_psycopg2_too(monkeypatch, given, as_ever):
    driver, found = _of_psycopg2([20, 25, 1043, 1700, 2950, 3802], **given)
    monkeypatch.setitem(sys.modules, "psycopg2._psycopg", driver)
    assert adapters.cast_as_ever(found) is as_ever
    assert not adapters.cast_as_ever(object())  # another driver's


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


def _sent_by_cursor(own, sql, parameters):
    with own.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


@pytest.mark.parametrize(("sql", "parameters"), [
    ("SELECT 1 / %s, ''", [0]), ("SELECT no such thing", []), ("SELECT %s::text", ["\0"]),
    ("SELECT %s::text", [object()]),
    ("SELECT '294276-01-01'::timestamp, ''::text", []),
    ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(10), ''::text", []),
    ("SELECT pg_terminate_backend(pg_backend_pid()), ''::text", []),
])  # fmt: skip
def test_an_error_is_the_one_that_a_cursor_raises(own, sql, parameters):
    outcomes = []
    for ask in (fetch, _sent_by_cursor):
        own.ensure_connection()
        with pytest.raises(Exception) as raised:
            ask(own, sql, parameters)
        outcomes.append((type(raised.value), type(raised.value.__cause__), str(raised.value),
                         own.errors_occurred))  # fmt: skip
        own.close()
        own.errors_occurred = False
    assert outcomes[0] == outcomes[1]


def test_a_link_that_is_closed_is_told_as_by_a_cursor(own):
    for ask in (fetch, fetch_number, _sent_by_cursor):
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
        for ask in (_sent_by_cursor, fetch, fetch_number):
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

    said = [asyncio.run(refused(ask)) for ask in (_sent_by_cursor, fetch, fetch_number)]
    assert said == [said[0]] * 3


def _with_intervals_in_other_words(own):
    with own.cursor() as cursor:
        cursor.execute("SET IntervalStyle = 'iso_8601'")


def _with_intervals_as_texts(own):
    class Loud(TextLoader):
        def load(self, data):
            return super().load(data).upper()

    own.connection.adapters.register_loader("interval", Loud)


@pytest.mark.parametrize("happens", [_with_intervals_in_other_words, _with_intervals_as_texts])
def test_a_type_that_is_read_in_another_way_later_is_read_so(own, happens):
    sql = "SELECT '1 day'::interval, ''::text"
    fetch(own, sql, ())
    happens(own)

    def outcomes():
        for ask in (lambda: fetch(own, sql, ())[1](), lambda: _sent_by_cursor(own, sql, ())):
            try:
                yield ask()
            except NotImplementedError as error:
                yield str(error)

    ours, expected = outcomes()
    assert ours == expected != [(datetime.timedelta(1), "")]


@pytest.mark.parametrize("value", [
    "it's", 'a "b" \\ c', "100 % of %s", "é\u2028", "", -3, 2**40, True, None, 1.5, Decimal("1.10"),
    uuid.UUID(int=7), datetime.date(2026, 1, 2), datetime.timedelta(1.5), [1, None], b"\0x",
    datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), lazystr("later"), Book.Genre.PROSE,
])  # fmt: skip
def test_a_value_is_sent_as_a_cursor_sends_it(own, value):
    sql = "SELECT to_json(%s), pg_typeof(%s)::text, '%%s %%'"
    assert repr(outcome(lambda: fetch(own, sql, [value, value], whole=True)[1]())) == repr(
        outcome(lambda: _sent_by_cursor(own, sql, [value, value]))
    )
