"""Which applications and databases have a lane in which requests overlap."""

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from drf_speedups.express import ExpressLane
from drf_speedups.overlap import overlapping, stays_closed
from drf_speedups.postgresql.base import DatabaseWrapper
from tests.speedups.library.comparing import served


@pytest.fixture(autouse=True)
def as_django_has_it(django_db_blocker):
    """Backends as they are outside tests, which put something before each connection."""
    with django_db_blocker.unblock():
        yield


class Guarded(ExpressLane):
    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Let nobody in."""
        start_response("403 Forbidden", [])
        return [b""]


class Bare(ExpressLane):
    """Has nothing of its own."""


@pytest.mark.parametrize(("kind", "overlaps"), [
    (ExpressLane, True), (Bare, True), (Guarded, False),
])  # fmt: skip
def test_a_lane_that_has_its_own_say_about_requests_sees_all_of_them(kind, overlaps):
    with served():
        assert (overlapping(kind(WSGIHandler())) is not None) is overlaps


class Asking(DatabaseWrapper):
    def ensure_connection(self) -> None:
        """Do something at each use, such as to take the role of who asks."""
        super().ensure_connection()


class Connecting(DatabaseWrapper):
    def init_connection_state(self) -> None:
        """Do something for each connection."""
        super().init_connection_state()


@pytest.mark.parametrize(("kind", "reason"), [
    (Asking, "Asking.ensure_connection is its own"), (Connecting, ""),
])  # fmt: skip
def test_a_backend_that_does_something_at_each_use_does_it_at_each_use(monkeypatch, kind, reason):
    own: Any = connections
    wrapper = kind(own["default"].settings_dict)
    monkeypatch.setattr(own._connections, "default", wrapper)
    with served():
        assert stays_closed(ExpressLane(WSGIHandler()).open(), 2) == reason
