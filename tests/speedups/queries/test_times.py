"""Moments that PostgreSQL sends are read as Django and psycopg read them."""

from datetime import UTC, datetime, timedelta, timezone
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader, register_tzloader
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types import datetime as psycopg_s
from psycopg.types.datetime import TimestamptzLoader

from drf_speedups.eligibility.adapters import read_as_ever
from drf_speedups.eligibility.driver import oid
from drf_speedups.queries import times
from tests.speedups.representation.comparing import installed

KIND = oid("timestamptz")
STOCK = vars(BaseTzLoader)["load"]
IN_PYTHON = issubclass(BaseTzLoader, TimestamptzLoader)  # until Django 6.0
in_python = pytest.mark.skipif(not IN_PYTHON, reason="this Django reads them by the driver's own")
ASKED = mock.Mock(side_effect=STOCK)
OURS = times.load(lambda *args: ASKED(*args)) if IN_PYTHON else None
ZONES = st.sampled_from([
    UTC, None, ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=5)),
])  # fmt: skip
SESSIONS = st.sampled_from(["UTC", "Europe/Berlin", "Etc/UTC", "Mars"])
STYLES = st.sampled_from([b"ISO, MDY", b"German, DMY"])
FORMS = st.sampled_from([bytes, memoryview])
PLAIN = b"2026-12-01 00:29:36.123456+00"


class Context:
    """What psycopg asks for a connection, and what a server has said to it."""

    def __init__(self, zone="UTC", style=b"ISO, DMY"):
        self.told = {b"TimeZone": zone.encode(), b"DateStyle": style}
        self.connection = self.pgconn = self

    def parameter_status(self, name):
        return self.told.get(name)


class Adapters:
    """Keeps the loader that Django registers."""

    def __init__(self):
        self.adapters = self

    def register_loader(self, name, kind):
        self.kind = kind


def of_django(zone=UTC):
    """Return the class that Django makes for connections in a zone."""
    context = Adapters()
    register_tzloader(zone, context)
    return context.kind


def outcome(loader, data):
    """Return what a loader makes of a text, all of it, or the error."""
    try:
        made = loader.load(data)
    except Exception as error:  # noqa: BLE001
        return type(error), str(error)
    return repr(made), made.fold, type(made)


def both(kind, data, context=None):
    """Return what comes of it without and with ours, which a connection may be older than."""
    context = context or Context()
    before = kind(KIND, context)
    stock = outcome(before, data)
    with installed():
        ours = [outcome(before, data), outcome(kind(KIND, context), data)]
    assert ours == [stock, stock]
    return stock


def reads_itself(kind, context=None, data=PLAIN):
    """Tell whether ours reads a text without asking Django's."""
    ASKED.reset_mock()
    stock = kind(KIND, context or Context()).load(data)
    with mock.patch.object(BaseTzLoader, "load", OURS):
        assert kind(KIND, context or Context()).load(data) == stock
    return not ASKED.called


offsets = st.one_of(
    st.just(timedelta(0)), st.integers(-86399, 86399).map(lambda one: timedelta(seconds=one))
)
moments = st.builds(
    lambda moment, offset: moment.isoformat(" ") + _offset(offset), st.datetimes(), offsets
)


def _offset(offset):
    seconds = abs(int(offset.total_seconds()))
    hours, minutes = divmod(seconds // 60, 60)
    parts = [f"{hours:02}", f":{minutes:02}" if minutes or seconds % 60 else "",
             f":{seconds % 60:02}" if seconds % 60 else ""]  # fmt: skip
    return ("-" if offset < timedelta(0) else "+") + "".join(parts)


near = st.from_regex(
    rb"[0-9]{3,5}[-/ ]?[W0-9]?[0-9]-?[0-9]{1,2}[ T]?[0-9]{2}:?[0-9]{0,2}:?[0-9]{0,2}"
    rb"(?:[.,][0-9]{0,8})?(?:[-+Z][0-9:]{0,6})?(?: BC)?\s?",
    fullmatch=True,
)
texts = st.one_of(moments.map(str.encode), near, st.binary(max_size=32))


@in_python
@given(texts, ZONES, SESSIONS, STYLES, FORMS)
def test_any_text_is_read_as_ever(data, zone, session, style, form):
    both(of_django(zone), form(data), Context(session, style))


@in_python
@pytest.mark.parametrize("data", [
    PLAIN, b"2026-12-01 00:29:36+00\n", b"2026-12-01 00:29:36+00:30", b"2026-12-01 24:00:00+00",
    b"2026-02-29 00:00:00+00", b"2026-12-01 00:29:60+00", b"0000-12-01 00:29:00+00",
    b"2026-12-01 00:29:36.1234567+00", b"2026-12-01 00:29:36+00 BC", b"12026-12-01 00:29:36+00",
    "\u0662\u0660\u0662\u0666-12-01 00:29:36+00".encode(), b"2026-W01-1 00:29:36+00", b"infinity",
    b"9999-12-31 23:59:59.999999-01", "2026-12-01 00:29:36+00", None,
])  # fmt: skip
def test_odd_texts_are_read_as_ever(data):
    both(of_django(), data)


@in_python
@given(st.datetimes(), ZONES, st.integers(0, 6), FORMS)
def test_all_moments_of_a_session_in_utc_are_read_at_once(moment, zone, digits, form):
    text = moment.isoformat(" ", "seconds") + f".{moment.microsecond:06}"[: digits and digits + 1]
    assert reads_itself(of_django(zone), data=form(f"{text}+00".encode()))


@in_python
@pytest.mark.django_db
@pytest.mark.parametrize("early", [True, False])
def test_what_a_connection_gives_is_read_at_once(early):
    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT '2026-12-01 00:29:36.5+00'::timestamptz")
            return cursor.fetchone()

    before = ask() if early else None
    seen = mock.Mock(wraps=datetime)
    swapped = [mock.patch.object(one, "datetime", seen) for one in (times, psycopg_s)]
    with installed(), swapped[0], swapped[1]:
        found = ask()
    assert seen.fromisoformat.call_count == 1
    assert found == (before or (datetime(2026, 12, 1, 0, 29, 36, 500_000, tzinfo=UTC),))


class Loud(BaseTzLoader):
    """A project's own, which says infinity in its way."""

    timezone = UTC

    def load(self, data):
        return datetime.max if data == b"infinity" else super().load(data)


class Patient(BaseTzLoader):
    """Another, which reads no other text."""

    timezone = UTC

    def __init__(self, *args):
        super().__init__(*args)
        self._load_method = lambda _self, _data: datetime(2000, 1, 1, tzinfo=UTC)


class Between(TimestamptzLoader):
    """Stands before psycopg's own for classes that have both."""

    def load(self, data):
        return super().load(data) + timedelta(days=1)


class Mixed(BaseTzLoader, Between):
    """Has both."""


def _first_day(*_args):
    return datetime(1, 1, 1, tzinfo=UTC)


def _looked_up(self, name):
    return object.__getattribute__(self, name)


@in_python
@pytest.mark.parametrize("kind", [Loud, Patient, Mixed, type("Below", (of_django(),), {})])
@pytest.mark.parametrize("data", [PLAIN, b"infinity"])
def test_a_class_of_somebody_s_own_is_asked_as_ever(kind, data):
    both(kind, data)
    assert not reads_itself(kind)


@in_python
@pytest.mark.parametrize(("subject", "name", "own"), [
    (TimestamptzLoader, "load", _first_day), (TimestamptzLoader, "_load_iso", _first_day),
    (TimestamptzLoader, "__getattribute__", _looked_up),
    (BaseTzLoader, "__getattribute__", _looked_up),
    (psycopg_s, "datetime", type("Frozen", (datetime,), {})),
])  # fmt: skip
def test_another_s_code_in_the_place_of_the_driver_s_is_run(subject, name, own):
    with installed():
        assert reads_itself(of_django())
        with mock.patch.object(subject, name, own, create=True):
            assert not reads_itself(of_django())


@in_python
@pytest.mark.parametrize(("subject", "name"), [
    (BaseTzLoader, "load"), (TimestamptzLoader, "load"), (TimestamptzLoader, "__init__"),
])  # fmt: skip
def test_somebody_s_own_at_the_start_is_left_there_and_queries_are_ours(subject, name):
    stock = vars(subject)[name]
    with mock.patch.object(subject, name, lambda *args: stock(*args)) as own, installed():
        assert vars(subject)[name] is own
        assert [*times.standing_in()] == []
        assert vars(BaseTzLoader)["load"] in {own, STOCK}


def test_where_the_driver_is_missing_nothing_is_there_to_stand_in_for(monkeypatch):
    monkeypatch.setattr("drf_speedups.eligibility.driver.MISSING", "it is not installed")
    assert [*times.standing_in()] == []


@pytest.mark.skipif(IN_PYTHON, reason="this Django reads them in Python")
def test_what_the_driver_s_own_reads_is_left_to_it():
    with installed():
        assert vars(BaseTzLoader)["load"] is STOCK


@pytest.mark.django_db
def test_adapters_are_genuine_with_ours_and_not_with_somebody_s(monkeypatch):
    connection.ensure_connection()
    adapters = connection.connection.adapters
    with installed():
        assert read_as_ever(adapters)
        stock = adapters.get_loader
        own = lambda kind, form: Loud if kind == KIND else stock(kind, form)  # noqa: E731
        monkeypatch.setattr(adapters, "get_loader", own)
        assert not read_as_ever(adapters)
