"""Who of the requests gets a link first."""

import contextlib
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections
from django.db.backends.signals import connection_created

from drf_speedups.answers.action import Plan
from drf_speedups.answers.view import FAILED
from drf_speedups.database import old_connections
from drf_speedups.eligibility.driver import ConnStatus, ExecStatus
from drf_speedups.overlap import lane as module
from drf_speedups.overlap.lane import OverlapLane


class Links:
    """As many links as are free, each for one statement."""

    connection = object()

    def __init__(self):
        self.free = 0
        self.sent: list[Any] = []

    def send(self, call, *, changes, alone=False):
        if not self.free:
            return False
        self.free -= 1
        self.sent.append(call.owner)
        return True

    def lost(self):
        return ()

    def flush(self):
        pass


class Action:
    silence, using = True, "default"

    def __init__(self, changes, may_wait):
        self.changes, self.may_wait = changes, may_wait

    def plan(self, light, kwargs):
        return Plan(SimpleNamespace(native=lambda link: None), [], lambda rows: None, self.changes)  # type: ignore[arg-type]


KINDS = {"read": Action(False, False), "insert": Action(True, False), "update": Action(True, True)}


class Endpoint:
    """One whose view set changes as it is told."""

    def __init__(self):
        self.known, self.still = self, True

    def holds(self):
        return self.still


ENDPOINT: Any = Endpoint()


@pytest.fixture
def lane(monkeypatch):
    monkeypatch.setattr(old_connections, "alone", lambda: True)
    monkeypatch.setattr(module, "needs_cursor", lambda link: False)
    routes = SimpleNamespace(find=lambda path: (ENDPOINT, {}))
    made = OverlapLane(SimpleNamespace(routes=routes), "default", 1)  # type: ignore[arg-type]
    made.links, made._longest_wait = Links(), float("inf")  # type: ignore[assignment]
    made._look_at = float("inf")
    made._connection = SimpleNamespace(execute_wrappers=[], force_debug_cursor=False)
    return made


def begin(lane, kind):
    head = SimpleNamespace(environ={}, chunked=None, verdicts={(kind, ENDPOINT): KINDS[kind]})
    request = SimpleNamespace(path="/", method=kind, query="", spool=None, head=head)
    return lane.begin(request, 0.0)


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", ["update", None])
def test_who_waits_for_a_link_is_not_overtaken_by_who_comes_when_one_is_free(lane, first, second):
    waiting = begin(lane, first)
    lane.links.free = 1
    begin(lane, second or first)
    assert list(lane.done()) == []
    assert lane.links.sent == [waiting]


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_an_error_after_a_change_is_explained_by_django(lane, error):
    lane.links.free = 1
    pending = begin(lane, "insert")
    pending.plan = pending.plan._replace(answer=lambda rows: (_ for _ in ()).throw(error))
    result = SimpleNamespace(status=ExecStatus.COMMAND_OK, nfields=1, ntuples=0, get_value=None)
    lane._answer(pending, result)
    assert isinstance(pending.left[FAILED], error)
    assert list(lane.done()) == [pending]


def test_what_is_lost_in_sending_is_told_in_the_same_turn(lane):
    lane.links.free = 1
    pending = begin(lane, "insert")
    lost = []
    lane.links.flush = lambda: lost.append(pending.call)
    lane.links.lost = lambda: iter([lost.pop()] if lost else [])
    assert list(lane.done()) == [pending]
    assert isinstance(pending.left[FAILED], OperationalError)


def test_who_wraps_the_statements_of_djangos_connection_sees_all_of_them(lane):
    assert begin(lane, "read")
    lane._connection.execute_wrappers.append(print)
    assert begin(lane, "read") is None
    lane._connection.execute_wrappers.clear()
    lane._connection.force_debug_cursor = True  # for a log of all SQL
    assert begin(lane, "read") is None


def test_who_stands_before_djangos_cursors_since_there_are_links_sees_all_statements(
    lane, monkeypatch
):
    assert begin(lane, "read")
    monkeypatch.setattr(module, "needs_cursor", lambda link: True)
    lane.patience(0.0)
    assert begin(lane, "read") is None


@pytest.mark.django_db
def test_what_the_database_says_of_a_change_is_told_whatever_befell_another_link(lane):
    lane.links.connection = SimpleNamespace(pgconn=SimpleNamespace(status=ConnStatus.BAD))
    with connections["default"].cursor() as cursor:
        link = cursor.connection.pgconn
        taken = link.exec_(b"DO $$ BEGIN RAISE unique_violation; END $$")
    pending = begin(lane, "insert")
    pending.call.result = taken
    lane._leave(pending, pending.call)
    assert isinstance(pending.left[FAILED], IntegrityError)


def test_a_view_set_that_was_changed_is_not_answered_by_what_was_known_of_it(lane, monkeypatch):
    lane.patience(0.0)
    assert begin(lane, "read")
    monkeypatch.setattr(ENDPOINT, "still", False)
    lane.patience(0.0)
    assert begin(lane, "read") is None


@pytest.mark.django_db
def test_who_wraps_the_statements_of_each_new_connection_sees_all_of_them(lane):
    def wrap(connection, **kwargs):
        connection.execute_wrappers.append(print)

    with connecting(lane):
        assert begin(lane, "read")
    connection_created.connect(wrap)
    try:
        with connecting(lane):
            assert begin(lane, "read") is None
    finally:
        connection_created.disconnect(wrap)
    with connecting(lane):  # the other is there still
        assert begin(lane, "read") is None


@pytest.mark.django_db
def test_a_link_ends_when_a_connection_of_django_would(lane, monkeypatch):
    for age in (None, 60):
        monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", age)
        with connecting(lane) as link:
            assert link.ends_at == (age and pytest.approx(time.monotonic() + age, abs=30))


@contextlib.contextmanager
def connecting(lane):
    link = lane._connect()
    yield link
    link.close()
