"""Rows of a result that nobody has read yet: the same as those that are read at once."""

import datetime
import gc
import sys
from types import ModuleType, SimpleNamespace

import pytest
from django.db import DatabaseError
from django.db.backends.postgresql.base import Cursor
from psycopg.types.numeric import IntLoader
from psycopg.types.string import TextLoader

from drf_speedups.database.fetched import Once, fetch
from drf_speedups.eligibility import adapters

pytestmark = pytest.mark.django_db
VALUES = """
    1::int2, -2::int8, 0.1::float8, 'NaN'::numeric, true, 'é'::text, NULL::date, '1999-12-31'::date,
    '2026-03-29 01:30:00.5'::timestamp, '2026-03-29 01:30+00'::timestamptz, '23:59:59.9'::time,
    '12345678-1234-5678-1234-567812345678'::uuid, '{"a": 1}'::jsonb, '::1'::inet, '\\x00ff'::bytea
"""
ASKED = f"SELECT {VALUES}, '{{}}'::text FROM generate_series(1, %s)"


def waits(rows):
    """Tell whether nothing has been read yet."""
    return isinstance(rows, Once) and rows._make is not None


def outcome(ask):
    """Return what is given, or the error in words."""
    try:
        return ask()
    except DatabaseError as error:
        return repr(error)


def sent_by_cursor(own, sql, parameters):
    with own.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


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
        for ask in (lambda: fetch(own, sql, ())[1](), lambda: sent_by_cursor(own, sql, ())):
            try:
                yield ask()
            except NotImplementedError as error:
                yield str(error)

    ours, expected = outcomes()
    assert ours == expected != [(datetime.timedelta(1), "")]
