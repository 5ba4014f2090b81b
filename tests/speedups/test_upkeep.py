"""Django's upkeep around requests: connections that erred, or were left otherwise."""

from types import SimpleNamespace
from unittest import mock

import pytest
from django import db
from django.core import signals
from django.db.backends.postgresql.base import DatabaseWrapper

from drf_speedups.database import old_connections

AS_EVER = {"errors_occurred": False, "autocommit": True, "settings_dict": {"AUTOCOMMIT": True},
           "close_at": None, "health_check_enabled": False, "connection": object()}  # fmt: skip
AROUND = (signals.request_started, signals.request_finished)
OFF = {"settings_dict": {"AUTOCOMMIT": False}}


@pytest.mark.parametrize(("left", "due"), [
    ({}, False), ({"errors_occurred": True}, True), ({"autocommit": False}, True),
    ({"autocommit": False, **OFF}, False), (OFF, True),
])  # fmt: skip
def test_a_connection_is_looked_at_where_django_would_close_it(monkeypatch, left, due):
    look = mock.Mock()
    connection = SimpleNamespace(**{**AS_EVER, **left}, close_if_unusable_or_obsolete=look)
    every = SimpleNamespace(all=lambda **_: [connection])
    monkeypatch.setattr(old_connections, "connections", every)
    old_connections._close_what_is_due()
    assert look.called is due


@pytest.mark.parametrize("there", [object(), None])
def test_a_backend_that_looks_in_its_own_way_does_so(monkeypatch, there):
    looked = []

    class Own(DatabaseWrapper):
        def close_if_unusable_or_obsolete(self):
            """Note it."""
            looked.append(self)

    connection = Own({"AUTOCOMMIT": True})
    connection.connection, connection.autocommit = there, True
    every = SimpleNamespace(all=lambda **_: [connection])
    monkeypatch.setattr(old_connections, "connections", every)
    old_connections._close_what_is_due()
    assert looked == [connection]
    monkeypatch.setattr(old_connections, "connections", {"default": connection})
    old_connections.look_at("default")
    assert looked == [connection, connection]


@pytest.fixture
def signalled():
    """The signals around requests as in production; what is done to them is undone."""
    before = [signal.receivers[:] for signal in AROUND]
    old_connections.look_before_closing()
    yield
    for signal, receivers in zip(AROUND, before, strict=True):
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.mark.parametrize("weak", [True, False])
def test_who_waits_for_a_request_is_seen_and_not_called(signalled, weak):
    called = []

    def waits(sender, **_):
        called.append(sender)

    assert old_connections.alone()
    for signal in AROUND:
        signal.connect(waits, weak=weak)
        assert not old_connections.alone()
        signal.disconnect(waits)
        assert old_connections.alone()
    assert not called


def test_who_takes_the_place_of_one_of_ours_is_not_passed_by(signalled):
    def waits(**_):
        pass

    assert old_connections.alone()
    assert signals.request_started.disconnect(db.close_old_connections)
    signals.request_started.connect(waits)
    assert not old_connections.alone()
