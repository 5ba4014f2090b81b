"""Django's upkeep around requests: connections that erred, or were left otherwise."""

from types import SimpleNamespace
from unittest import mock

import pytest
from django.db.backends.postgresql.base import DatabaseWrapper

from drf_speedups.database import old_connections

AS_EVER = {"errors_occurred": False, "autocommit": True, "settings_dict": {"AUTOCOMMIT": True},
           "close_at": None, "health_check_enabled": False, "connection": object()}  # fmt: skip
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
    unlimited = {"default": {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}}
    one = mock.MagicMock(settings=unlimited, __getitem__=lambda *_: connection)
    monkeypatch.setattr(old_connections, "connections", one)
    old_connections._its_backend_looks.cache_clear()
    old_connections.look_at("default")
    old_connections._its_backend_looks.cache_clear()
    assert looked == [connection, connection]
